import type { Credentials } from '../../api/hub-hooks.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Locks } from '../access/lock.ts'

/**
 * The core's own tap of `access.identify`: cookies of the hub and of apps, and sessions of command lines used as
 * bearer tokens, those that stand behind a certificate too. Null: not mine. A locked person is known but has no roles.
 */
export function identifySession(
  sessions: Pick<Sessions, 'find' | 'subjectOf' | 'touch'>,
  locks: Pick<Locks, 'lockFor'>,
): (credentials: Credentials) => Promise<Subject | null> {
  return async (credentials) => {
    const { kind, token } = credentials
    let session = await sessions.find(kind === 'app-cookie' ? 'app' : 'hub', token)
    // Only a program sends it, so it counts in no cookie.
    if (!session && kind === 'bearer') session = await sessions.find('cert', token)
    if (!session) return null
    if (credentials.kind === 'app-cookie' && session.appId !== credentials.app.id) return null
    const subject = sessions.subjectOf(session)
    if (!subject) return null
    sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
