import type { Clock, Log, Sessions, WebRoutes } from '@mezite/core'
import { rarely } from '@mezite/core/identity'
import type { Connector, Connectors } from './connectors.ts'
import type { Logins } from './logins.ts'
import { type Providers, SKEW_SECONDS, words } from './providers.ts'
import type { Spent } from './spent-tokens.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/**
 * Section 2.4 recommends `logout+jwt`. Older Keycloaks and others send plain `JWT`: `events` and the missing nonce
 * distinguish such a token from an ID token. A token without a type is refused.
 */
const TYPES = ['logout+jwt', 'jwt']
const MAX_AGE_SECONDS = 600
const SPENT_MS = (MAX_AGE_SECONDS + 2 * SKEW_SECONDS) * 1_000
const MAX_BODY = 65_536

/** OpenID Connect Back-Channel Logout 1.0: the provider reports that a session there has ended. Reads no cookie. */
export function backchannelRoute(deps: {
  connectors: Connectors
  providers: Providers
  spent: Spent
  logins: Logins
  sessions: Sessions
  clock: Clock
  log: Log
}): WebRoutes {
  const { connectors, providers, spent, logins, sessions, clock, log } = deps
  const warnRarely = rarely(log)

  /** Section 2.6 of the specification. Rejects for any token that is not valid. */
  async function read(connector: Connector, token: string) {
    const provider = await providers.of(connector)
    const { jwtVerify } = await import('jose')
    const { payload, protectedHeader } = await jwtVerify(token, provider.keysFor('logout'), {
      algorithms: [...provider.algorithms],
      issuer: provider.metadata.issuer,
      audience: connector.document.spec.client_id,
      clockTolerance: SKEW_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      currentDate: new Date(clock.now()),
      requiredClaims: ['iat', 'jti', 'events'],
    })
    const type: unknown = protectedHeader.typ
    if (typeof type !== 'string' || !TYPES.includes(type.toLowerCase())) {
      throw new Error('typ must be logout+jwt or JWT')
    }
    const { events, nonce, jti } = payload
    if (nonce !== undefined) throw new Error('a logout token must not contain a nonce')
    const event = typeof events === 'object' && events !== null && Object.hasOwn(events, EVENT)
    if (!event || typeof (events as Record<string, unknown>)[EVENT] !== 'object')
      throw new Error('the logout event is missing')
    const who = { sid: textOf(payload.sid), sub: textOf(payload.sub) }
    if (who.sid === undefined && who.sub === undefined) throw new Error('sid and sub are both missing')
    const once = `${connector.name}\0${jti}`
    if (await spent.isSpent('jti', once)) throw new Error('the jti has been used before')
    return { ...who, once }
  }

  return {
    name: 'oidc-backchannel-logout',
    prefix: '/v1/webapi/oidc/backchannel-logout',
    routes: async (app) => {
      const options = { config: { access: 'public', rate: 'pages' }, bodyLimit: MAX_BODY } as const
      app.post('/:connector', options, async (request, reply) => {
        reply.header('cache-control', 'no-store')
        const { connector: name } = request.params as { connector: string }
        const { logout_token: token } = (request.body ?? {}) as { logout_token?: unknown }
        const connector = connectors.byName(name)
        try {
          if (!connector) throw new Error('the connector does not exist')
          if (typeof token !== 'string') throw new Error('logout_token is missing')
          const { once, ...who } = await read(connector, token)
          const ids = await logins.sessionIds(name, who)
          const ended = ids.length === 0 ? 0 : await sessions.end(ids, 'logout', null)
          // Done last, because the provider sends the same token again after a failure.
          await spent.spend('jti', once, SPENT_MS)
          log.info({ connector: name, ended }, 'the provider ended sessions')
          return reply.code(200).send()
        } catch (error) {
          const fields = { request_id: request.id, client_ip: request.clientIp, connector: name }
          // Anybody may send one.
          const known = connector?.name ?? ''
          warnRarely(known, 'refused a logout token', null, { ...fields, cause: words(error) })
          return reply.code(400).send({ error: 'invalid_request' })
        }
      })
    },
  }
}

/** Some providers send null for a claim that they leave out. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new Error('sid or sub is not a string')
  return value
}
