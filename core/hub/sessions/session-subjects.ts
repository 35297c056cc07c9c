import { isDeepStrictEqual } from 'node:util'
import type { Grant } from '../../api/grants.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Session } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { RunningGrants } from '../access/grants.ts'
import type { Accounts } from '../users/accounts.ts'

/** A subject that is right for one revision and, if it has grants, until the first of them ends. */
interface KnownSubject {
  readonly revision: number
  readonly subject: Subject | undefined
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** The kind of a person's subject by that of the session. */
const KINDS = { hub: 'session', app: 'session', cert: 'certificate', token: 'token' } as const
const FOREVER = Number.POSITIVE_INFINITY
const NO_GRANTS: readonly Grant[] = []

/**
 * Makes the subjects of sessions, each of which stays the same object as long as nothing in it changes: decisions, assertions
 * and header lines are kept by it. Undefined: the name of the session belongs to nobody, or to somebody else now.
 */
export function createSubjects({
  revisions,
  accounts,
  grants,
  clock,
}: {
  readonly revisions: Pick<Revisions, 'revision'>
  readonly accounts: Pick<Accounts, 'byName'>
  readonly grants: Pick<RunningGrants, 'of'>
  readonly clock: Clock
}): (session: Session) => Subject | undefined {
  const subjects = new WeakMap<Session, KnownSubject>()

  return (session) => {
    const { revision } = revisions
    const known = subjects.get(session)
    if (known?.revision === revision && (known.until === FOREVER || known.until > clock.now()))
      return known.subject
    const account = accounts.byName(session.user)
    // The name may have been deleted and given to another user since.
    const same = session.holder === account?.holder
    const granted = account && same ? grants.of(session.user, session.holder) : NO_GRANTS
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
    const subject = isDeepStrictEqual(known?.subject, current) ? known?.subject : current
    subjects.set(session, { revision, subject, until: Math.min(...granted.map(({ until }) => until)) })
    return subject
  }
}
