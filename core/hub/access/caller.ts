import type { Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { ApiTokens } from './api-token.ts'
import type { Locks } from './lock.ts'

/** What a call of the JSON API shows: the cookie of the hub's own host, or an `Authorization: Bearer` header. */
export interface ApiCredentials {
  readonly kind: 'hub-cookie' | 'bearer'
  readonly token: string
}

/**
 * Who calls the hub's own host: API tokens and sessions of command lines as bearer tokens, browser sessions as cookies.
 * Null: nobody that is known. A locked person is known and has no roles.
 */
export function createCallerLookup(options: {
  readonly apiTokens: Pick<ApiTokens, 'identify'>
  readonly sessions: Pick<Sessions, 'find' | 'subjectOf' | 'touch'>
  readonly locks: Pick<Locks, 'lockFor'>
}): (credentials: ApiCredentials) => Promise<Subject | null> {
  const { apiTokens, sessions, locks } = options
  return async ({ kind, token }) => {
    const holder = kind === 'bearer' ? apiTokens.identify(token) : null
    if (holder !== null) return holder
    let session = await sessions.find('hub', token)
    // Only a program sends this one, so it counts in no cookie.
    if (!session && kind === 'bearer') session = await sessions.find('cert', token)
    const subject = session && sessions.subjectOf(session)
    if (!session || !subject) return null
    sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
