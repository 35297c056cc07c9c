import type { Session, WebRoutes } from '@mezite/core'
import type { Binding } from './ceremonies.ts'
import {
  askOneOf,
  page,
  personalCall,
  personalPage,
  personOf,
  proof,
  takeOwnAssertion,
  text,
} from './challenge.ts'
import type { Deps, Request } from './deps.ts'
import { markOf, storeMark } from './mfa-records.ts'
import { problemFor } from './reasons.ts'

/**
 * `/web/confirm`: the page on which a person confirms with a passkey that their own login of `msh`, or a program that acts for them, may open an app. The
 * confirmation counts in that login, for that app, and then the browser returns to the port of `msh` on loopback, if it waits there.
 * Without an app, for a session of a browser or of `mezctl`, the person confirms changes of administration in that session.
 */
export function programRoutes(deps: Deps): WebRoutes {
  const { desk, keys, catalog, pages, sessions } = deps

  /** The login, which must be of the same person, and the app. Throws `Problem` otherwise. */
  async function bind(request: Request, given: { session?: unknown; app?: unknown }) {
    const { session, user } = await personOf(deps, request)
    const program = sessions.byId(String(given.session ?? ''))
    const isOfProgram = program?.kind === 'cert' || program?.kind === 'token'
    if (
      !(isOfProgram || program?.kind === 'hub') ||
      program.user !== session.user ||
      !sessions.subjectOf(program)
    ) {
      throw problemFor('session_unknown')
    }
    const app = isOfProgram ? catalog.byName(String(given.app ?? '')) : null
    if (app === undefined) throw problemFor('app_unknown', 'There is no application with this name.')
    const binding: Binding = {
      purpose: 'program',
      session: `${session.id} ${program.id}`,
      user: user.key,
      app: app?.id ?? null,
    }
    return { session, user, program: program as Session, app, binding }
  }

  return {
    name: 'webauthn-program',
    prefix: '/web/confirm',
    async routes(web) {
      web.get<{ Querystring: { session?: string; app?: string; redirect_port?: string } }>(
        '/',
        personalPage,
        async (request, reply) => {
          const { session, app, redirect_port } = request.query
          const bound = await bind(request, { session, app })
          const hasKey = (await keys.of(bound.user)).length > 0
          const shown = {
            user: bound.user.name,
            app: bound.app?.name ?? null,
            session: bound.program.id,
            port: portOf(redirect_port),
            hasKey,
            byToken: bound.program.kind === 'token',
          }
          return reply.page(pages(request).confirmProgram(shown))
        },
      )

      // The program sends the browser here when it has the confirmation.
      web.get('/done', page, async (request, reply) => {
        const session = await desk.sessionOf(request)
        return reply.page(pages(request).confirmed(session?.user ?? null))
      })

      personalCall(web, '/begin', { session: text, app: text }, async (request) => {
        const { user, binding } = await bind(request, request.body)
        return askOneOf(deps, binding, await keys.of(user))
      })

      personalCall(web, '/finish', { session: text, app: text, port: text, ...proof }, async (request) => {
        const port = portOf(request.body.port)
        const location =
          port === null ? '/web/confirm/done' : `http://127.0.0.1:${port}/callback?code=confirmed&done=1`
        const { session, user, program, app, binding } = await bind(request, request.body)
        const found = await takeOwnAssertion(deps, request, {
          ...{ binding, session, user, app: app?.name ?? null },
        })
        await storeMark(deps, found, program, markOf(deps, found.key), app?.id)
        return { location }
      })
    },
  }
}

/** The loopback port of `msh`; null if nobody waits there, because a helper has printed the address. Throws `Problem`. */
function portOf(given: unknown): number | null {
  if (given === undefined || given === '') return null
  const port = Number(given)
  if (Number.isInteger(port) && port >= 1_024 && port <= 65_535) return port
  throw problemFor('bad_target', 'Part of the address is missing. Start msh app login in the terminal again.')
}
