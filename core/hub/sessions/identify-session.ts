import type { Locks } from '../access/lock.ts'
import type { Subject } from '../access/subject.ts'
import type { Credentials } from '../hooks.ts'
import type { Sessions } from './sessions.ts'

/**
 * The core's own tap of `access.identify`: cookies of the hub and of apps, and sessions used as bearer tokens. Null:
 * not mine. A locked person is known but has no roles.
 */
export function identifySession(
  sessions: Pick<Sessions, 'find' | 'subjectOf' | 'touch'>,
  locks: Pick<Locks, 'lockFor'>,
): (credentials: Credentials) => Promise<Subject | null> {
  return async (credentials) => {
    const session = await sessions.find(credentials.kind === 'app-cookie' ? 'app' : 'hub', credentials.token)
    if (!session) return null
    if (credentials.kind === 'app-cookie' && session.appId !== credentials.app.id) return null
    const subject = sessions.subjectOf(session)
    if (!subject) return null
    sessions.touch(session)
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
