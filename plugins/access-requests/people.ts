import type { App, grants, ServiceRef, Sessions, Subject, User, Users } from '@mezite/core'
import type { LockView } from '@mezite/core/protocol'
import type { AccessRequest } from './request.ts'

type Grants = typeof grants extends ServiceRef<infer G> ? G : never

/** People as rules about requests see them. */
export interface People {
  /** Today's roles, with granted ones that count everywhere. */
  rolesOf(user: string): readonly string[]
  /** The account that asked, if the same person still holds the name. */
  requester(request: Pick<AccessRequest, 'user' | 'holder'>): User | undefined
  /** Whether both accounts may belong to one person: the same name, identity or address. */
  same(one: Pick<AccessRequest, 'key' | 'holder' | 'user'>, other: User): boolean
  /** Whether a lock denies the account the app, or everything, once it has the role. */
  isLocked(user: string, role: string, app: App | null): boolean
  /** When the session last met a passkey confirmation, in milliseconds since the epoch; 0: never. */
  confirmedAt(subject: Subject): number
}

export function createPeople(rooms: {
  readonly users: Users
  readonly grants: Pick<Grants, 'list'>
  readonly locks: LockView
  readonly sessions: Pick<Sessions, 'byId'>
}): People {
  const { users, grants, locks, sessions } = rooms
  function rolesOf(name: string): readonly string[] {
    const granted = grants.list(name).flatMap(({ role, apps }) => (apps === null ? [role] : []))
    return [...new Set([...users.rolesOf(name), ...granted])]
  }
  const addressOf = (user: User | undefined) => user?.profile?.email?.toLowerCase() ?? null
  return {
    rolesOf,
    requester({ user, holder }) {
      const account = users.byName(user)
      return account?.holder === holder ? account : undefined
    },
    same({ key, holder, user }, other) {
      const address = addressOf(users.byName(user))
      return (
        key === other.key ||
        (holder !== null && holder === other.holder) ||
        (address !== null && address === addressOf(other))
      )
    },
    isLocked: (user, role, app) =>
      locks.lockFor(
        { user, roles: [...rolesOf(user), role], kind: 'session', sessionId: null, satisfied: [] },
        app,
      ) !== null,
    confirmedAt({ sessionId }) {
      const met = sessions.byId(sessionId ?? '')?.satisfied ?? []
      return Math.max(0, ...met.filter(({ name }) => name === 'session-mfa').map(({ at }) => at))
    },
  }
}
