import type { App, grants, ServiceRef, Sessions, Subject, User, Users } from '@mezite/core'
import type { LockView } from '@mezite/core/identity'
import type { AccessRequest } from './request.ts'

type Grants = typeof grants extends ServiceRef<infer G> ? G : never

/** People as rules about requests see them. */
export interface People {
  /** Today's roles, with granted ones that count everywhere. */
  rolesOf(user: string): readonly string[]
  /** Whether the account asked. A request from before the account's first sign-in is of the identity that came then. */
  isOf(request: Pick<AccessRequest, 'user_key' | 'holder'>, account: Pick<User, 'key' | 'holder'>): boolean
  /** Whether the account with this name asked. */
  isBy(request: Pick<AccessRequest, 'user_key' | 'holder'>, user: string): boolean
  /** The account that asked, if the same person still holds the name. */
  requester(request: Pick<AccessRequest, 'user_key' | 'user_name' | 'holder'>): User | undefined
  /** Whether both accounts may belong to one person: the same name, identity or address. */
  same(one: Pick<AccessRequest, 'user_key' | 'holder' | 'user_name'>, other: User): boolean
  /** Whether the account may belong to the person who would have the access, or to the one who asked in their place. */
  hasAsked(
    request: Pick<AccessRequest, 'user_key' | 'holder' | 'user_name' | 'asked_by'>,
    account: User,
  ): boolean
  /** Whether the person has decided about the request, with this account or with another one. */
  hasReviewed(request: Pick<AccessRequest, 'reviews'>, account: User): boolean
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
  const isOf: People['isOf'] = ({ user_key, holder }, account) =>
    user_key === account.key && (holder === null || holder === account.holder)
  const same: People['same'] = ({ user_key, holder, user_name }, other) => {
    const address = addressOf(users.byName(user_name))
    return (
      user_key === other.key ||
      (holder !== null && holder === other.holder) ||
      (address !== null && address === addressOf(other))
    )
  }
  const isAccountOf = (name: string, account: User) =>
    same(
      { user_key: users.keyOf(name), user_name: name, holder: users.byName(name)?.holder ?? null },
      account,
    )
  return {
    rolesOf,
    isOf,
    isBy(request, user) {
      const account = users.byName(user)
      return account !== undefined && isOf(request, account)
    },
    requester(request) {
      const account = users.byName(request.user_name)
      return account !== undefined && isOf(request, account) ? account : undefined
    },
    same,
    hasAsked: (request, account) =>
      same(request, account) || (request.asked_by !== null && isAccountOf(request.asked_by, account)),
    hasReviewed: ({ reviews }, account) =>
      reviews.some(
        ({ reviewer, reviewer_name }) => reviewer === account.key || isAccountOf(reviewer_name, account),
      ),
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
