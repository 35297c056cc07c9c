import type { ApiTokens } from '../../api/api-tokens.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Locks } from './lock.ts'

/** The credentials of an API request: the cookie of the hub's own host, or an `Authorization: Bearer` header. */
export interface ApiCredentials {
  readonly kind: 'hub-cookie' | 'bearer'
  readonly token: string
}

/**
 * Looks up the caller of a route on the hub's own host: API tokens (of a plugin) and command-line sessions are bearer
 * tokens, browser sessions are cookies. Null: unknown. A locked user is known but has no roles.
 */
export function createCallerLookup(options: {
  /** Undefined while no plugin provides them. */
  readonly apiTokens: () => ApiTokens | undefined
  readonly sessions: Pick<Sessions, 'find' | 'subjectOf' | 'touch'>
  readonly locks: Pick<Locks, 'lockFor'>
}): (credentials: ApiCredentials) => Promise<Subject | null> {
  const { apiTokens, sessions, locks } = options
  return async ({ kind, token }) => {
    // First, because looking up a token that is not a session's costs a read of the database.
    const holder = kind === 'bearer' ? (apiTokens()?.identify(token) ?? null) : null
    if (holder !== null) return holder
    let session = await sessions.find('hub', token)
    // Only programs use this kind of session, so it is not accepted in a cookie.
    if (!session && kind === 'bearer') session = await sessions.find('cert', token)
    const subject = session && sessions.subjectOf(session)
    if (!session || !subject) return null
    sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
