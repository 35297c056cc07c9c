import type { CredentialRequest } from '../../api/credentials.ts'
import type { Session, Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { RunningCallers } from './callers.ts'
import type { Locks } from './lock.ts'

/** The credentials of an API request: the cookie of the hub's own host, or an `Authorization: Bearer` header. */
export interface ApiCredentials {
  readonly kind: 'hub-cookie' | 'bearer'
  readonly token: string
}

/**
 * Looks up the caller of a route on the hub's own host. A bearer token is what an entry of `credentials` recognises, such
 * as an API token, or else a session of a command line; a cookie is a browser's session. Null: unknown. A locked user is
 * known but has no roles.
 */
export function createCallerLookup(options: {
  readonly callers: Pick<RunningCallers, 'ofApi'>
  readonly sessions: Pick<Sessions, 'find' | 'byId' | 'subjectOf' | 'touch'>
  readonly locks: Pick<Locks, 'lockFor'>
}): (credentials: ApiCredentials, request: CredentialRequest) => Promise<Subject | null> {
  const { callers, sessions, locks } = options

  async function sessionOf({ kind, token }: ApiCredentials): Promise<Session | undefined> {
    const session = await sessions.find('hub', token)
    // Only programs use this kind of session, so it is not accepted in a cookie.
    return session ?? (kind === 'bearer' ? await sessions.find('cert', token) : undefined)
  }

  return async (credentials, request) => {
    // First, because looking up a token that is not a session's costs a read of the database.
    const who = credentials.kind === 'bearer' ? await callers.ofApi(request, credentials.token) : null
    if (who?.kind === 'subject') return who.subject
    if (who !== null && !('token' in who || 'sessionId' in who)) return null
    const session =
      who === null
        ? await sessionOf(credentials)
        : 'token' in who
          ? await sessions.find(who.kind, who.token)
          : sessions.byId(who.sessionId)
    const subject = session && sessions.subjectOf(session)
    if (!session || !subject || (who !== null && session.kind !== who.kind)) return null
    sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
