import { Type, type User, type WebRoutes } from '@mezite/core'
import type { Binding } from './ceremonies.ts'
import {
  askOneOf,
  page,
  personalCall,
  personOf,
  proof,
  sentHome,
  takeOwnAssertion,
  text,
} from './challenge.ts'
import type { Deps, Request } from './deps.ts'
import { markOf, storeMark } from './mfa-records.ts'
import { problemFor } from './reasons.ts'

type Level = 'webauthn' | 'hardware_key'

/** The URL of a challenge for `session-mfa`. The decision sets the level again; the one in the URL is not trusted. */
export const mfaUrl = (signInOrigin: string, level: Level, state: string): string =>
  `${signInOrigin}/web/mfa?level=${level}&state=${encodeURIComponent(state)}`

/** Fulfils the requirement of a role with an assertion, then redirects the browser to the requested page. */
export function mfaRoutes(deps: Deps): WebRoutes {
  const { desk, keys, hardware, catalog, pages, publicNames, firstKey } = deps

  /** The app of the state. Access to it is decided after the response. */
  function appOf(state: string) {
    const opened = desk.open(state)
    const app = opened?.appHost ? catalog.byHost(opened.appHost) : undefined
    if (app) return app
    throw problemFor('state_expired', 'This page has expired. Open the application again.')
  }

  const usable = async (user: User, level: unknown) =>
    (await keys.of(user)).filter((key) => level !== 'hardware_key' || hardware.qualifies(key))

  async function missingFor(user: User, level: unknown, state: string) {
    const all = await keys.of(user)
    if (level === 'hardware_key' && all.length > 0) {
      return { why: 'hardware', addUrl: addUrl(state) } as const
    }
    if (firstKey === 'admin') return { why: 'byAdmin', addUrl: null } as const
    return { why: 'none', addUrl: addUrl(state) } as const
  }
  const addUrl = (state: string) => `/web/account?state=${encodeURIComponent(state)}`

  async function bind(request: Request, state: string) {
    const { session, user } = await personOf(deps, request)
    const app = appOf(state)
    const binding: Binding = { purpose: 'session-mfa', session: session.id, user: user.key, app: app.id }
    return { session, user, app, binding }
  }

  return {
    name: 'webauthn-mfa',
    prefix: '/web/mfa',
    async routes(web) {
      // Public: a visitor whose session has ended continues to the sign-in of the app, not of this page.
      web.get<{ Querystring: { state?: string; level?: string } }>('/', page, async (request, reply) => {
        if (sentHome(deps, request, reply)) return reply
        const { state = '', level } = request.query
        const app = appOf(String(state))
        const session = await desk.sessionOf(request)
        if (!session) {
          return reply.redirect(
            `${publicNames.signInOrigin}/web/continue?state=${encodeURIComponent(String(state))}`,
            302,
          )
        }
        const { user } = await personOf(deps, request)
        const able = await usable(user, level)
        const missing = able.length > 0 ? null : await missingFor(user, level, String(state))
        const shown = {
          user: user.name,
          app: app.display?.name ?? app.name,
          state: String(state),
          level: String(level ?? 'webauthn'),
          missing,
        }
        return reply.page(pages(request).confirm(shown))
      })

      personalCall(web, '/begin', { state: text, level: Type.Optional(text) }, async (request) => {
        const { user, binding } = await bind(request, request.body.state)
        return askOneOf(deps, binding, await usable(user, request.body.level))
      })

      personalCall(web, '/finish', { state: text, ...proof }, async (request) => {
        const { state } = request.body
        const { session, user, app, binding } = await bind(request, state)
        const found = await takeOwnAssertion(deps, request, { binding, session, user, app: app.name })
        const satisfied = markOf(deps, found.key)
        const location = await desk.meet(request, { session, state, satisfied })
        await storeMark(deps, found, session, satisfied)
        return { location }
      })
    },
  }
}
