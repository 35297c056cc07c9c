import type { Credentials, HubCalls } from '../../api/hub-hooks.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import { identifySession } from '../sessions/session-subject.ts'
import type { ApiTokens } from './api-token.ts'
import type { Locks } from './lock.ts'
import { checkSubject } from './subject-check.ts'

/**
 * Who calls the hub's own host: API tokens, then sessions, then whoever taps `access.identify`. Null: nobody that is
 * known. Rejects with `MEZ_HOOK_FAILED` for a tap that fails, or whose answer is no subject.
 */
export function identifyCaller(parts: {
  readonly apiTokens: Pick<ApiTokens, 'identify'>
  readonly sessions: Pick<Sessions, 'find' | 'subjectOf' | 'touch'>
  readonly locks: Pick<Locks, 'lockFor'>
  readonly ask: HubCalls['access']['identify']
}): (credentials: Credentials) => Promise<Subject | null> {
  const { apiTokens, sessions, locks, ask } = parts
  const identify = identifySession(sessions, locks)
  return async (credentials) => {
    const ours =
      (credentials.kind === 'bearer' ? apiTokens.identify(credentials.token) : null) ??
      (await identify(credentials))
    if (ours !== null) return ours
    const found = await ask(credentials)
    if (found === null) return null
    const subject = checkSubject(found)
    // As for sessions: a locked person is known but has no roles.
    return locks.lockFor(subject, null) === null ? subject : Object.freeze({ ...subject, roles: [] })
  }
}
