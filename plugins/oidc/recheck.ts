import { type Clock, type Log, parseDuration, type Sessions, type Users } from '@mezite/core'
import type { JWTPayload } from 'jose'
import { mergeClaims } from './callback.ts'
import { profileOf, rolesOf, SignInRefused, userNameOf } from './claim-mapping.ts'
import { asClient, RESPONSE_BODY_ERROR } from './client-authentication.ts'
import type { Connector, Connectors } from './connectors.ts'
import type { DueLogin, Logins } from './logins.ts'
import { type Providers, SKEW_SECONDS, words } from './providers.ts'

/** How often the hub looks for sign-ins that are due, in milliseconds. */
export const RECHECK_LOOK_MS = 5_000
const GRACE_MS = 3_600_000
/** After a provider has not answered, in milliseconds. */
const RETRY_MS = 60_000
/** Sign-ins of one look, and how many of them wait for a provider at the same time: 10,000 sessions must not cause a storm. */
const PIECE = 200
const AT_ONCE = 8

const jittered = (ms: number) => Math.round(ms * (0.9 + Math.random() / 5))

/** When a provider is asked again about a sign-in of this moment; null: the connector does not ask. */
export function nextCheckOf({ document }: Connector, now: number): number | null {
  const { recheck } = document.spec
  const ms = recheck === undefined ? null : parseDuration(recheck)
  return ms === null ? null : now + jittered(ms)
}

interface RecheckDeps {
  readonly connectors: Connectors
  readonly providers: Providers
  readonly logins: Logins
  readonly sessions: Sessions
  readonly users: Users
  readonly clock: Clock
  readonly log: Log
}

/**
 * Asks the providers again about people who are signed in, with their refresh tokens (RFC 6749, section 6). A refusal ends
 * the session and those opened from it, with their streams; changed claims change roles at once. A provider that does not
 * answer ends nobody until `recheck_grace` has passed.
 */
export function createRecheck({ connectors, providers, logins, sessions, users, clock, log }: RecheckDeps) {
  async function end(login: DueLogin, why: string): Promise<void> {
    const ended = await sessions.end(await logins.sessionsOf(login.sessionId), 'provider_refused', null)
    await logins.checked(login.sessionId, { at: null, failingSince: null })
    log.info(
      { connector: login.connector, session: login.sessionId, ended, why },
      'the provider ended a session',
    )
  }

  async function check(login: DueLogin): Promise<void> {
    const now = clock.now()
    const connector = connectors.byName(login.connector)
    const session = sessions.byId(login.sessionId)
    const next = connector && session ? nextCheckOf(connector, now) : null
    if (!connector || !session || next === null)
      return logins.checked(login.sessionId, { at: null, failingSince: null })
    try {
      const { refreshToken, changed } = await ask(connector, login, session.user)
      // First: the provider may take the old token no more.
      await logins.checked(login.sessionId, { at: next, refreshToken, failingSince: null })
      // A connector that was removed or changed while its provider was asked must not give roles again.
      if (changed !== null) await users.confirm(changed, (trx) => connectors.requireSame(trx, connector))
    } catch (error) {
      if (isRefusal(error)) return end(login, words(error))
      const since = login.failingSince ?? now
      const grace = parseDuration(connector.document.spec.recheck_grace ?? '') ?? GRACE_MS
      if (now - since >= grace) return end(login, `the provider has not answered for ${now - since} ms`)
      log.warn({ connector: login.connector, cause: words(error) }, 'the provider could not be asked again')
      await logins.checked(login.sessionId, { at: now + jittered(RETRY_MS), failingSince: since })
    }
  }

  /** What the provider says now. `changed` is the sign-in to store, null if roles and profile are as they were. */
  async function ask(connector: Connector, login: DueLogin, userName: string) {
    const provider = await providers.of(connector)
    const { metadata, methods } = provider
    const [client, { jwtVerify }] = await Promise.all([import('openid-client'), import('jose')])
    const { tokens, config } = await asClient(methods, async ({ config }) => ({
      config,
      tokens: await client.refreshTokenGrant(config, login.refreshToken),
    }))
    const refreshToken = tokens.refresh_token
    const fresh = tokens.id_token === undefined ? {} : await claimsOf(tokens.id_token)
    if (fresh.sub !== undefined && fresh.sub !== login.sub)
      throw new SignInRefused('id_token_refused', 'the provider answered for another person')
    const userinfo = metadata.userinfo_endpoint
      ? await client.fetchUserInfo(config, tokens.access_token, login.sub)
      : {}
    const claims = mergeClaims(userinfo, fresh)
    const { spec } = connector.document
    // Without claims the provider vouches for the session alone, and the roles stay.
    if (Object.keys(claims).length === 0) return { refreshToken, changed: null }
    const name = userNameOf(spec, claims)
    if (users.keyOf(name) !== users.keyOf(userName))
      throw new SignInRefused('username_changed', 'the provider gives this person another user name')
    const { roles } = rolesOf(spec, claims)
    const user = users.byName(userName)
    const same =
      JSON.stringify([...(user?.mappedRoles ?? [])].sort()) === JSON.stringify(roles) &&
      JSON.stringify(user?.profile ?? null) === JSON.stringify(profileOf(spec, claims))
    const { sub } = login
    const signIn = { name, sub, issuer: metadata.issuer, connector: connector.name, mappedRoles: roles }
    return { refreshToken, changed: same ? null : { ...signIn, profile: profileOf(spec, claims) } }

    async function claimsOf(idToken: string): Promise<JWTPayload> {
      const { payload } = await jwtVerify(idToken, provider.keysFor('sign-in'), {
        algorithms: [...provider.algorithms],
        issuer: metadata.issuer,
        audience: connector.document.spec.client_id,
        clockTolerance: SKEW_SECONDS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['sub', 'exp', 'iat'],
      })
      return payload
    }
  }

  return async (signal: AbortSignal): Promise<string | undefined> => {
    let asked = 0
    for (let due = await logins.due(clock.now(), PIECE); due.length > 0 && !signal.aborted; ) {
      const queue = [...due]
      const work = async () => {
        for (let login = queue.shift(); login && !signal.aborted; login = queue.shift()) {
          asked += 1
          const { sessionId } = login
          await check(login).catch((error) =>
            log.error({ session: sessionId, cause: words(error) }, 'a session could not be checked again'),
          )
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      const after = await logins.due(clock.now(), PIECE)
      // Sign-ins that could not be stored are due again at the next look, not at once.
      due = after.filter(({ sessionId }) => !due.some((one) => one.sessionId === sessionId))
    }
    return asked === 0 ? undefined : `asked about ${asked} sign-ins`
  }
}

/** The provider says no, in contrast to one that is out of order (RFC 6749, section 5.2). */
function isRefusal(error: unknown): boolean {
  if (error instanceof SignInRefused) return true
  const {
    code,
    status,
    error: reason,
  } = Object(error) as Partial<Record<'code' | 'error', string> & { status: number }>
  if (code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE') return status === 401 || status === 403
  return (
    code === RESPONSE_BODY_ERROR &&
    status !== undefined &&
    status >= 400 &&
    status < 500 &&
    ['invalid_grant', 'access_denied', 'interaction_required', 'login_required'].includes(reason ?? '')
  )
}
