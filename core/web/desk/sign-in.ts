import type { FastifyRequest } from 'fastify'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Log } from '../../kernel/log.ts'
import { createErrorPages, type ErrorPage } from '../pages/error-pages.ts'
import { AccessDenied } from './access-denied.ts'
import { meet, next } from './app-launch.ts'
import { prepare } from './program-access.ts'
import type { SignInDeps } from './sign-in-deps.ts'
import { createDesk } from './sign-in-desk.ts'

/** What the hub gets for the sign-in of browsers. */
export interface SignIn {
  readonly desk: SignInDesk
  /** The page about an error; `problem` is its cause. */
  renderError(page: ErrorPage, request: FastifyRequest, problem: Problem): string
  /** Mount it after the routes of all plugins. */
  readonly missingPages: WebRoutes
}

/** What sign-in pages need from the hub, whoever serves them: the desk, and pages about errors. */
export function createSignIn(deps: SignInDeps): SignIn {
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

/** To these the hub and apps send visitors without a session. */
const PATHS = ['/web/launch', '/web/login', '/web/continue']

/** Responds 503 `sign_in_unavailable` at the paths of sign-in that no plugin serves. */
function missingPages(log: Pick<Log, 'warn'>): WebRoutes {
  return {
    name: 'missing-sign-in-pages',
    prefix: '',
    async routes(app) {
      const missing = PATHS.filter((url) => !app.hasRoute({ method: 'GET', url }))
      if (missing.length > 0)
        log.warn(
          { paths: missing },
          'no plugin serves the pages of sign-in, so nobody can sign in with a browser',
        )
      for (const url of missing)
        app.get(url, { config: { access: 'public', rate: 'pages' } }, async () => {
          throw problemFor(
            'sign_in_unavailable',
            'This hub has no pages for sign-in. Ask your administrator.',
          )
        })
    },
  }
}
