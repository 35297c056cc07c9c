import type { CommandLogins } from '../../api/command-logins.ts'
import type { SignInDesk } from '../../api/sign-in.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import { meet } from './app-launch.ts'
import { createCliCodes } from './cli-codes.ts'
import { cliPageRoutes, cliTokenRoute } from './cli-routes.ts'
import { createCommandLogins } from './command-logins.ts'
import { hubSessionOf } from './hub-cookie.ts'
import { meRoutes } from './me-routes.ts'
import { pageRoutes, servePages } from './page-routes.ts'
import { createPages } from './pages/pages.ts'
import { sessionPageRoutes } from './session-page-routes.ts'
import type { SignInParts } from './sign-in-deps.ts'
import { createDesk } from './sign-in-desk.ts'

export interface SignInRoom {
  readonly desk: SignInDesk
  readonly commandLogins: CommandLogins
  /** Paths are whole; the prefixes are empty. */
  readonly webRoutes: readonly WebRoutes[]
}

/**
 * The sign-in host: the desk at which every method ends, the way into apps, the hub's own pages, and the
 * sign-in of command lines. Its one table comes with `signInMigrations`.
 */
export function createSignIn(
  options: Omit<SignInParts, 'pages'> & Partial<Pick<SignInParts, 'pages'>>,
): SignInRoom {
  const parts: SignInParts = { ...options, pages: options.pages ?? createPages(options.publicNames) }
  const counter = createDesk(parts)
  const desk: SignInDesk = {
    ...counter,
    sessionOf: (request) => hubSessionOf(request, parts.sessions),
    meet: (request, input) => meet(parts, counter, request, input),
  }
  const codes = createCliCodes(parts.database, parts.clock)
  const commandLogins = createCommandLogins(parts, codes)
  return {
    desk,
    commandLogins,
    webRoutes: [
      {
        name: 'sign-in-pages',
        prefix: '',
        routes: async (app) => {
          servePages(app, parts)
          pageRoutes(app, parts, desk)
          sessionPageRoutes(app, parts, desk)
          cliPageRoutes(app, parts, desk, codes)
        },
      },
      {
        name: 'sign-in-api',
        prefix: '',
        routes: async (app) => {
          meRoutes(app, parts)
          cliTokenRoute(app, parts, commandLogins)
        },
      },
    ],
  }
}
