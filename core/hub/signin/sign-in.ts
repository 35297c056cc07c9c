import type { SignInDesk } from '../../api/sign-in.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { RenderError } from '../api-server/error-response.ts'
import { AccessDenied } from './access-denied.ts'
import { accountRoutes } from './account-routes.ts'
import { meet } from './app-launch.ts'
import { loginRoutes } from './login-routes.ts'
import { meRoutes } from './me-routes.ts'
import { pageRoutes, servePages } from './page-routes.ts'
import { prepare } from './program-access.ts'
import type { SignInDeps } from './sign-in-deps.ts'
import { createDesk } from './sign-in-desk.ts'

export interface SignInRoom {
  readonly desk: SignInDesk
  readonly renderError: RenderError
  /** Their paths are complete, with empty prefixes. */
  readonly webRoutes: readonly WebRoutes[]
}

/** The sign-in host: the routes of every sign-in method, the launch of apps, and the hub's own pages. */
export function createSignIn(deps: SignInDeps): SignInRoom {
  const base = createDesk(deps)
  const desk: SignInDesk = {
    ...base,
    meet: (request, input) => meet(deps, base, request, input),
    prepare: (request, input) => prepare(deps, base, request, input),
  }
  return {
    desk,
    renderError: (page, request, problem) =>
      problem instanceof AccessDenied
        ? deps.pages(request).denied(page, problem.details)
        : deps
            .pages(request)
            .error(page, request.subject && { name: request.subject.user, roles: request.subject.roles }),
    webRoutes: [
      {
        name: 'sign-in-pages',
        prefix: '',
        routes: async (app) => {
          servePages(app, deps)
          pageRoutes(app, deps, desk)
          loginRoutes(app, deps, desk)
          accountRoutes(app, deps)
        },
      },
      { name: 'me', prefix: '', routes: async (app) => meRoutes(app, deps) },
    ],
  }
}
