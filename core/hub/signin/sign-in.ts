import type { SignInDesk } from '../../api/sign-in.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import { createErrorPages } from '../../pages/error-pages.ts'
import type { RenderError } from '../api-server/error-response.ts'
import { AccessDenied } from './access-denied.ts'
import { meet, next } from './app-launch.ts'
import { missingPages } from './missing-pages.ts'
import { prepare } from './program-access.ts'
import type { SignInDeps } from './sign-in-deps.ts'
import { createDesk } from './sign-in-desk.ts'

export interface SignInRoom {
  readonly desk: SignInDesk
  readonly renderError: RenderError
  /** Mount it after the routes of all plugins. */
  readonly missingPages: WebRoutes
}

/** What sign-in pages need from the hub, whoever serves them: the desk, and pages about errors. */
export function createSignIn(deps: SignInDeps): SignInRoom {
  const base = createDesk(deps)
  const desk: SignInDesk = {
    ...base,
    next: (request, state) => next(deps, base, request, state),
    meet: (request, input) => meet(deps, base, request, input),
    prepare: (request, input) => prepare(deps, base, request, input),
  }
  const pages = createErrorPages(deps.pages, deps.publicNames)
  return {
    desk,
    renderError(page, request, problem) {
      const { error, denied } = pages(deps.pages.languageOf(request.headers['accept-language']))
      if (problem instanceof AccessDenied) return denied(page, problem.details)
      return error(page, request.subject && { name: request.subject.user, roles: request.subject.roles })
    },
    missingPages: missingPages(deps.log),
  }
}
