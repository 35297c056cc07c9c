import type { Session, Sessions, SignInDesk, WebRoutes } from '@mezite/core'
import { calls } from './calls.ts'
import type { ConsentPages } from './consent-pages.ts'
import { type ConsentDeps, createConsents } from './consents.ts'
import { programOf } from './program-name.ts'
import { refusedHostOf } from './publishers.ts'
import { problemFor } from './reasons.ts'
import type { Server } from './server.ts'

type Request = Parameters<SignInDesk['sessionOf']>[0]
type Reply = Parameters<SignInDesk['complete']>[1]

const PREFIX = '/web/oauth'
const page = { config: { access: 'page', rate: 'sign_in' } } as const

/** Where the browser signs in and consents. */
export const interactionPath = (uid: string): string => `${PREFIX}/${uid}`

export interface InteractionDeps extends ConsentDeps {
  readonly server: () => Server
  readonly desk: Pick<SignInDesk, 'prepare' | 'adopt' | 'seal'>
  readonly sessions: Pick<Sessions, 'byId' | 'open'>
  readonly pages: ConsentPages
}

/** The pages on which a person signs in for a program and lets it in. The gate is asked here for each app. */
export function interactionRoutes(deps: InteractionDeps): WebRoutes {
  const { server, desk, sessions, publicNames, pages } = deps
  const { prepare, lastsUntil, allow } = createConsents(deps)

  function hubSessionOf({ subject }: Request): Session {
    const session = sessions.byId(subject.sessionId ?? '')
    if (session) return session
    throw problemFor('login_required')
  }

  /** Calls the library in the context of this request. */
  function asCall<T>(request: Request, hubSession: Session, work: () => Promise<T>): Promise<T> {
    return calls.run({ clientIp: request.clientIp, requestId: request.id, hubSession, request }, work)
  }

  async function detailsOf(request: Request, reply: Reply) {
    const provider = server().provider()
    const details = await provider.interactionDetails(request.raw, reply.raw).catch(() => null)
    if (details === null || details.uid !== uidOf(request)) throw problemFor('request_expired')
    const client = await provider.Client.find(String(details.params.client_id)).catch((error: unknown) => {
      if (refusedHostOf(error) === null) throw error
      throw problemFor('publisher_not_allowed')
    })
    if (!client) throw problemFor('client_unknown')
    return { provider, details, client }
  }

  return {
    name: 'authorization-server-consent',
    prefix: '',
    async routes(web) {
      web.get(`${PREFIX}/:uid`, page, async (request, reply) => {
        const session = hubSessionOf(request)
        return asCall(request, session, async () => {
          const { provider, details, client } = await detailsOf(request, reply)
          const { prompt, params } = details
          if (prompt.name === 'login') {
            const again = prompt.reasons.some((reason) => reason === 'login_prompt' || reason === 'max_age')
            if (again && session.created < details.iat * 1_000) {
              // A session of the library that goes with the former sign-in would not be found again.
              ;(details as { session?: unknown }).session = undefined
              await details.persist()
              const state = desk.seal({ appHost: null, path: uidPath(request), nonceHash: null })
              return reply.redirect(
                `${publicNames.signInOrigin}/web/login?${new URLSearchParams({ state })}`,
                303,
              )
            }
            if (session.holder === null) throw problemFor('login_required')
            const login = { accountId: session.holder, ts: Math.floor(session.created / 1_000) }
            return reply.redirect(await provider.interactionResult(request.raw, reply.raw, { login }), 303)
          }
          const { met } = Object(request.query) as { met?: unknown }
          const prepared = await prepare({ request, session, client, params, page: uidPath(request), met })
          if (prepared.location !== null) return reply.redirect(prepared.location, 303)
          if (prepared.own !== undefined) {
            // The operator made this client for the app, so there is nothing to ask.
            const consent = { grantId: await allow({ request, session, client, params, provider, prepared }) }
            return reply.redirect(await provider.interactionResult(request.raw, reply.raw, { consent }), 303)
          }
          return pages.consent(request, reply, {
            action: uidPath(request),
            program: programOf(client, params),
            apps: prepared.apps.map(({ app }) => app),
            scopes: String(params.scope ?? '').split(' '),
            until: lastsUntil(session),
            met: [met ?? []].flat().map(String),
          })
        })
      })

      web.post(`${PREFIX}/:uid`, page, async (request, reply) => {
        const session = hubSessionOf(request)
        return asCall(request, session, async () => {
          const { provider, details, client } = await detailsOf(request, reply)
          const { met, decision } = Object(request.body) as { met?: unknown; decision?: unknown }
          const { prompt, params } = details
          if (prompt.name !== 'consent') throw problemFor('request_expired')
          const program = programOf(client, params)
          if (decision !== 'allow') {
            const error = { error: 'access_denied', error_description: 'the person did not allow it' }
            const back = await provider.interactionResult(request.raw, reply.raw, error)
            return pages.forward(request, reply, { program, to: back })
          }
          const prepared = await prepare({ request, session, client, params, page: uidPath(request), met })
          if (prepared.location !== null) return reply.redirect(prepared.location, 303)
          const consent = { grantId: await allow({ request, session, client, params, provider, prepared }) }
          const back = await provider.interactionResult(request.raw, reply.raw, { consent })
          return pages.forward(request, reply, { program, to: back })
        })
      })
    },
  }
}

const uidOf = ({ params }: Request): string => String((params as { uid?: unknown }).uid)
const uidPath = (request: Request): string => interactionPath(encodeURIComponent(uidOf(request)))
