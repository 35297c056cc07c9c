import { isDeepStrictEqual } from 'node:util'
import type { Grant } from '../../api/grants.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Session, Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Accounts } from '../users/accounts.ts'

/** What subjects of sessions are made of. */
export interface SubjectsNeeds {
  readonly revisions: Pick<Revisions, 'revision'>
  readonly accounts: Pick<Accounts, 'byName'>
  /** The live grants of an account. */
  readonly grants: {
    of(user: string, holder: string | null): readonly Grant[]
    isLive(grant: Grant): boolean
  }
}

/** A subject that is right for one revision and, if it has grants, until the first ends. */
interface KnownSubject {
  readonly revision: number
  readonly subject: Subject | undefined
  readonly granted: readonly Grant[]
}

/** The kind of a person's subject by that of the session. */
const KINDS = { hub: 'session', app: 'session', cert: 'certificate', token: 'token' } as const

/** See `Sessions.subjectOf`. Keeps the subject of each session while nothing changes. */
export function createSessionSubjects({ revisions, accounts, grants }: SubjectsNeeds): Sessions['subjectOf'] {
  const subjects = new WeakMap<Session, KnownSubject>()

  return (session) => {
    const { revision } = revisions
    const known = subjects.get(session)
    if (known?.revision === revision && known.granted.every(grants.isLive)) return known.subject
    const account = accounts.byName(session.user)
    // The name may have been deleted and given to another user since.
    const same = session.holder === account?.holder
    const granted = account && same ? grants.of(session.user, session.holder) : []
    const everywhere = granted.flatMap(({ role, apps }) => (apps === null ? [role] : []))
    const current: Subject | undefined =
      account && same
        ? Object.freeze({
            user: account.name,
            roles: Object.freeze([...new Set([...account.roles, ...everywhere])].sort()),
            ...(account.profile && { profile: account.profile }),
            kind: account.bot ? 'bot' : KINDS[session.kind],
            sessionId: session.id,
            satisfied: session.satisfied,
            ...(granted.length > 0 && { grants: Object.freeze(granted) }),
          })
        : undefined
    // The same object while it says the same: decisions, assertions and header lines are kept by it.
    const subject = isDeepStrictEqual(known?.subject, current) ? known?.subject : current
    subjects.set(session, { revision, subject, granted })
    return subject
  }
}
