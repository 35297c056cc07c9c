import type { Session, Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { RunningCallers } from '../../gate/access/callers.ts'
import type { GuardOptions } from './route-guard.ts'

/** What callers of routes are looked up in. */
export interface CallerNeeds {
  readonly callers: Pick<RunningCallers, 'ofApi'>
  readonly sessions: Pick<Sessions, 'find' | 'byId' | 'subjectOf' | 'touch'>
  readonly locks: { lockFor(subject: Subject, app: null): object | null }
}

/**
 * Looks up the caller of a route on the hub's own host. Cookies and bearer tokens are what entries of `credentials` recognise,
 * such as the session of a browser or an API token; another bearer token is a session of a command line. Null: unknown. A locked user is
 * known but has no roles. `unused`: the call does not count as use of the session.
 */
export function createCallerLookup({ callers, sessions, locks }: CallerNeeds): GuardOptions['identify'] {
  const sessionOf = async (token: string): Promise<Session | undefined> =>
    (await sessions.find('hub', token)) ?? (await sessions.find('cert', token))

  return async (credentials, request, unused = false) => {
    // First, because looking up a token that is not a session's costs a read of the database.
    const who =
      credentials.kind === 'cookie' ? credentials.who : await callers.ofApi(request, credentials.token)
    if (who?.kind === 'subject') return who.subject
    if (who !== null && !('token' in who || 'sessionId' in who)) return null
    const session =
      who === null
        ? credentials.kind === 'bearer' && (await sessionOf(credentials.token))
        : 'token' in who
          ? await sessions.find(who.kind, who.token)
          : sessions.byId(who.sessionId)
    const subject = session && sessions.subjectOf(session)
    if (!session || !subject || (who !== null && session.kind !== who.kind)) return null
    if (!unused) sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}

/** The token in an `Authorization` header; an empty string if the header is present but unusable. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  return /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(authorization)?.[1] ?? ''
}
