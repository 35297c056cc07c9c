import type { Grant } from '../../api/grants.ts'
import type { Subject } from '../../api/subject.ts'
import type { Account } from './accounts.ts'

/** How an account comes to the gate. */
export type Coming = Pick<Subject, 'kind' | 'sessionId' | 'satisfied'>

/** An agent's person comes as with a program of theirs, and has met nothing: what they once confirmed was not about this agent. */
export const BY_AGENT: Coming = Object.freeze({
  kind: 'token',
  sessionId: null,
  satisfied: Object.freeze([]),
})

/** The subject of an account; `grantsOf` finds its live grants. Those for some apps are not among its roles yet. */
export function accountSubject(
  { name: user, bot, holder, roles, profile, actsFor }: Account,
  coming: Coming,
  grantsOf: (user: string, holder: string | null) => readonly Grant[],
): Subject {
  const granted = grantsOf(user, holder)
  const everywhere = granted.flatMap(({ role, apps }) => (apps === null ? [role] : []))
  return Object.freeze({
    user,
    roles: Object.freeze([...new Set([...roles, ...everywhere])].sort()),
    ...(profile && { profile }),
    kind: bot ? 'bot' : coming.kind,
    sessionId: coming.sessionId,
    satisfied: coming.satisfied,
    ...(granted.length > 0 && { grants: Object.freeze(granted) }),
    ...(actsFor && {
      actsFor: Object.freeze({
        ...accountSubject(actsFor, BY_AGENT, grantsOf),
        connector: actsFor.connector,
      }),
    }),
  })
}
