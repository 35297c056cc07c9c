import type { Clock, Log, Sessions, WebRoutes } from '@mezite/core'
import { rarely } from '@mezite/core/identity'
import type { JWTPayload } from 'jose'
import type { Connector, Connectors } from './connectors.ts'
import type { Logins } from './logins.ts'
import { type Providers, SKEW_SECONDS, words } from './providers.ts'
import type { Spent } from './spent-tokens.ts'

/** Events after which the person's sessions end: CAEP 1.0 section 3.1, and RISC 1.0 sections 2.2 to 2.5. */
const ENDING = [
  'https://schemas.openid.net/secevent/caep/event-type/session-revoked',
  'https://schemas.openid.net/secevent/risc/event-type/account-disabled',
  'https://schemas.openid.net/secevent/risc/event-type/account-purged',
  'https://schemas.openid.net/secevent/risc/event-type/sessions-revoked',
]
const MAX_BODY = 65_536
/** A transmitter repeats an event for days until it is accepted. An older one may be a copy: nobody remembers whether it was used. */
const MAX_AGE_SECONDS = 7 * 24 * 3_600
const SPENT_MS = (MAX_AGE_SECONDS + 2 * SKEW_SECONDS) * 1_000

interface Deps {
  readonly connectors: Connectors
  readonly providers: Providers
  readonly spent: Spent
  readonly logins: Logins
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: Log
}

/**
 * `POST /v1/webapi/oidc/security-events/<connector>`: a receiver of shared signals, pushed as security event tokens (RFC
 * 8935). The provider of the connector signs them, for its client id. Reads no cookie. Events of other kinds are accepted
 * and do nothing.
 */
export function securityEventRoute(deps: Deps): WebRoutes {
  const { connectors, providers, spent, logins, sessions, clock, log } = deps
  const warnRarely = rarely(log)
  /** Rejects for a token that is not valid (RFC 8417 section 2.2). Null: it was delivered before. */
  async function read(connector: Connector, token: string): Promise<JWTPayload | null> {
    const provider = await providers.of(connector)
    const { jwtVerify } = await import('jose')
    const { payload } = await jwtVerify(token, provider.keysFor('logout'), {
      algorithms: [...provider.algorithms],
      typ: 'secevent+jwt',
      issuer: provider.metadata.issuer,
      audience: connector.document.spec.client_id,
      clockTolerance: SKEW_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      currentDate: new Date(clock.now()),
      requiredClaims: ['iat', 'jti', 'events'],
    })
    return (await spent.isSpent('jti', onceOf(connector, payload))) ? null : payload
  }

  async function apply(connector: Connector, payload: JWTPayload): Promise<number> {
    const events = payload.events
    if (typeof events !== 'object' || events === null) throw new Error('events is not an object')
    const event = ENDING.find((type) => Object.hasOwn(events, type))
    if (event === undefined) return 0
    const sub = subjectOf(payload, (events as Record<string, unknown>)[event])
    const ids = await logins.sessionIds(connector.name, { sub })
    return ids.length === 0 ? 0 : sessions.end(ids, 'provider_refused', null)
  }

  return {
    name: 'oidc-security-events',
    prefix: '/v1/webapi/oidc/security-events',
    async routes(app) {
      // The body is a token, which `read` verifies.
      app.addContentTypeParser('application/secevent+jwt', { parseAs: 'string' }, (_request, body, done) =>
        done(null, body),
      )
      const options = { config: { access: 'public', rate: 'pages' }, bodyLimit: MAX_BODY } as const
      app.post('/:connector', options, async (request, reply) => {
        reply.header('cache-control', 'no-store')
        const { connector: name } = request.params as { connector: string }
        const connector = connectors.byName(name)
        try {
          if (!connector) throw new Error('the connector does not exist')
          if (typeof request.body !== 'string') throw new Error('the body is not application/secevent+jwt')
          const payload = await read(connector, request.body)
          if (payload === null) return reply.code(202).send()
          const ended = await apply(connector, payload)
          // Done last, because the transmitter sends the same token again after a failure.
          await spent.spend('jti', onceOf(connector, payload), SPENT_MS)
          log.info({ connector: name, ended }, 'the provider sent a security event')
          return reply.code(202).send()
        } catch (error) {
          const fields = { request_id: request.id, client_ip: request.clientIp, connector: name }
          // Anybody may send one.
          const known = connector?.name ?? ''
          warnRarely(known, 'refused a security event', null, { ...fields, cause: words(error) })
          const description = 'The security event token is not valid for this receiver.'
          return reply.code(400).send({ err: 'invalid_request', description })
        }
      })
    },
  }
}

const onceOf = ({ name }: Connector, { jti }: JWTPayload) => `${name}\0set\0${jti}`

/** The person at this issuer: `sub_id` of the token (RFC 9493), or `subject` of an event in its older form. */
function subjectOf(payload: JWTPayload, event: unknown): string {
  for (const found of [payload.sub_id, Object(event).subject, payload]) {
    const { format, iss, sub, user } = Object(found) as Record<string, unknown>
    const nested = Object(user) as Record<string, unknown>
    const [at, who] = format === 'complex' ? [nested.iss, nested.sub] : [iss, sub]
    if (typeof who === 'string' && (at === undefined || at === payload.iss)) return who
  }
  throw new Error('the event names no subject of this issuer')
}
