import { connectorOf } from '../../api/app.ts'
import { safePath } from '../../api/local-path.ts'
import { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Session } from '../../api/sessions.ts'
import type { LoginState, SignInDesk } from '../../api/sign-in.ts'
import { appsDomainOf, type PublicNames } from '../../api/web-routes.ts'
import { DEFAULT_TTL_MS, roleLimits } from '../../base/limits/role-limits.ts'
import { messageOf } from '../../kernel/error.ts'
import { clientName } from './client-name.ts'
import { clearHubCookie, hubSessionOf, setHubCookie } from './hub-cookie.ts'
import type { SignInDeps } from './sign-in-deps.ts'

const STATE_TTL_MS = 10 * 60_000
const MAX_SEALED = 12_000
const place = { table: 'sign_in', id: 'state', purpose: 'login-state' }

/** What `JSON.stringify` makes of a state; an older hub has sealed no fragment. */
type Sealed = [
  expires: number,
  appHost: string,
  path: string,
  nonceHash: string,
  fragment?: boolean | null,
  wanted?: string,
]

/** Completes every sign-in: sealed return targets, sessions and their lifetimes. */
export function createDesk(deps: SignInDeps): Omit<SignInDesk, 'next' | 'meet' | 'prepare'> {
  const { secretBox, users, sessions, locks, publicNames, rate, audit, methods, clock, log } = deps

  const adopt: SignInDesk['adopt'] = async (from, made) => {
    // Another hub may have ended it in the meantime; opening a session has brought this hub up to date.
    if (!sessions.byId(from.id)) {
      await sessions.end([made.id], 'denied', null)
      throw ended()
    }
    for (const method of methods()) {
      try {
        await method.adopt?.(from, made)
      } catch (error) {
        await sessions.end([made.id], 'denied', null)
        log.warn({ method: method.name, cause: messageOf(error) }, 'a program was not signed in')
        throw notKept()
      }
    }
  }

  function record(
    { id: sessionId, user, clientIp, connector }: Session,
    { method, ...of }: { roles: readonly string[]; method: string; requestId: string },
  ): void {
    const fields = { connector, method }
    audit.record({ type: 'user.login', success: true, user, clientIp, sessionId, ...of, fields })
  }

  return {
    adopt,
    seal: ({ appHost, path, nonceHash, fragment, wanted }) => {
      const target = [appHost, safePath(path), nonceHash, fragment, wanted]
      const text = JSON.stringify([clock.now() + STATE_TTL_MS, ...target])
      return secretBox.seal(place, Buffer.from(text)).toString('base64url')
    },

    open: (sealed) => {
      if (sealed.length > MAX_SEALED || !/^[A-Za-z0-9_-]+$/.test(sealed)) return null
      try {
        const opened = secretBox.open(place, Buffer.from(sealed, 'base64url')).toString('utf8')
        const [expires, appHost, path, nonceHash, fragment, wanted] = JSON.parse(opened) as Sealed
        if (expires <= clock.now()) return null
        return { appHost, path, nonceHash, fragment: fragment ?? undefined, wanted: wanted ?? undefined }
      } catch {
        return null
      }
    },

    connectorFor: (appHost) => connectorOf(deps.catalog.byHost(appHost), publicNames),
    sessionOf: (request) => hubSessionOf(request, sessions),
    clearCookie: clearHubCookie,
    targetOf: (query) => readTarget(query, publicNames),

    async complete(request, reply, { user, connector, method, state, opened }) {
      if (!audit.accepting) throw unrecorded()
      rate.signIn(user.name)
      const previous = await hubSessionOf(request, sessions)
      if (previous) await sessions.end([previous.id], 'logout', sessions.subjectOf(previous) ?? null)

      const roles = users.rolesOf(user.name)
      const { expires, idleMs } = sessionTerms(deps, roles)
      const { session, token } = await sessions.open({
        kind: 'hub',
        user: user.name,
        holder: user.holder,
        connector,
        clientIp: request.clientIp,
        client: clientName(request.headers['user-agent']),
        expires,
        idleMs,
      })
      try {
        await opened?.(session)
      } catch (error) {
        await sessions.end([session.id], 'denied', null)
        log.warn({ request_id: request.id, connector, cause: messageOf(error) }, 'a sign-in was undone')
        throw error instanceof Problem ? error : notKept()
      }
      record(session, { roles, method, requestId: request.id })
      request.attemptSucceeded?.()
      setHubCookie(reply, token, Math.floor((expires - clock.now()) / 1_000))
      return reply.redirect(
        `${publicNames.signInOrigin}/web/continue?state=${encodeURIComponent(state)}`,
        303,
      )
    },

    async openProgramSession(allowing, { kind, longestMs, method: program, clientIp, requestId }) {
      if (!audit.accepting) throw unrecorded()
      const subject = allowing.kind === 'hub' ? sessions.subjectOf(allowing) : undefined
      if (!subject) throw ended()
      // A session opened during a lock would become valid as soon as the lock is removed.
      const lock = locks.lockFor(subject, null)
      if (lock !== null) throw problemFor('locked', lock.message ?? 'Your access is locked.')
      rate.signIn(allowing.user)
      const roles = users.rolesOf(allowing.user)
      const { expires, idleMs } = sessionTerms(deps, roles, longestMs)
      // The person has not signed in again, so the new session counts as created at their sign-in.
      const since = allowing.created
      const latest = sessionTerms(deps, roles, Number.POSITIVE_INFINITY).expires - clock.now() + since
      // Not a child of the browser's session: signing out of the browser does not sign the terminal out.
      const { session, token } = await sessions.open({
        kind,
        user: allowing.user,
        holder: allowing.holder,
        connector: allowing.connector,
        clientIp,
        client: program === 'cli' ? 'mezctl' : program,
        since,
        expires: Math.min(expires, latest),
        idleMs,
      })
      await adopt(allowing, session)
      record(session, { roles, method: program, requestId })
      return { session, token, roles }
    },
  }
}

const unrecorded = () => problemFor('audit_unavailable')
const notKept = () => problemFor('sign_in_failed', 'The sign-in could not be stored. Try again.')
const ended = () => problemFor('login_required', 'Your sign-in has ended. Sign in again.')

/**
 * The lifetime of a session with these roles, at most `longestMs` (12 h); `expires` is in milliseconds since the epoch.
 * Throws `MEZ_HOOK_FAILED` if the limits from the plugin are not valid.
 */
export function sessionTerms(
  { sessionLimits, clock }: Pick<SignInDeps, 'sessionLimits' | 'clock'>,
  roles: readonly string[],
  longestMs = DEFAULT_TTL_MS,
): { readonly expires: number; readonly idleMs: number } {
  const { ttlMs, idleMs } = roleLimits(sessionLimits(), roles)
  return { expires: clock.now() + Math.min(ttlMs, longestMs), idleMs }
}

/** As long as the longest path, with its method. */
const MAX_WANTED = 2_450
const WANTED = /^[A-Z][A-Z-]{0,31} (\/[\x21-\x7e]*)(?: websocket)?$/
const NONCE_HASH = /^[A-Za-z0-9_-]{43}$/
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** See `SignInDesk.targetOf`. */
function readTarget(
  query: Readonly<Record<string, unknown>>,
  names: Pick<PublicNames, 'appsDomains' | 'portSuffix'>,
): LoginState | null {
  const { host, path, nonce } = query
  if (typeof host !== 'string' || typeof nonce !== 'string') return null
  const { portSuffix } = names
  const bare = portSuffix !== '' && host.endsWith(portSuffix) ? host.slice(0, -portSuffix.length) : host
  if (bare.length > 253 || !HOST.test(bare) || appsDomainOf(bare, names) === null) return null
  if (!NONCE_HASH.test(nonce)) return null
  const { fragment, wanted } = query
  const known = fragment === '1' || fragment === '0'
  return {
    appHost: bare,
    path: safePath(path),
    nonceHash: nonce,
    ...(known && { fragment: fragment === '1' }),
    ...(typeof wanted === 'string' && wanted.length <= MAX_WANTED && WANTED.test(wanted) && { wanted }),
  }
}
