import type { LockView } from '../../api/access.ts'
import type { UserAdministration } from '../../api/administration.ts'
import type { Actor } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import { entityTags } from '../../api/resource.ts'
import type { Change } from '../../api/revisions.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import { tableView } from '../../api/table-view.ts'
import { foldName, holderOf, parseUserName } from '../../api/user-name.ts'
import type { NameRelease, User, Users } from '../../api/users.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'
import { guardAdmins, heldIn, isAdmin, keepsAdmin, type RoleColumns } from './last-administrator.ts'
import type { AccessTables, UserTable } from './migrations.ts'
import { createNameClaims, takenAway } from './name-claims.ts'
import { holdersIn, identityOf, profileIn, rolesIn, rolesText } from './stored-identity.ts'

/** Users, and the changes that administrators make. */
export interface RunningUsers extends Users, UserAdministration {}

interface UsersNeeds {
  readonly revisions: RunningRevisions
  readonly grants: { release(release: NameRelease): Promise<void> }
  readonly kernel: Pick<Kernel<HubHooks>, 'calls'>
  readonly locks: LockView
  readonly sessions: Pick<Sessions, 'listIn' | 'end'>
  readonly clock: Clock
  readonly log: Log
}

/** Keeps users in memory, up to date by the change sequence. */
export function createUsers(rooms: UsersNeeds): RunningUsers {
  const { revisions, kernel, clock, log } = rooms
  const users = new Map<string, User>()
  /** All roles of each. A user never changes: another one takes the place. */
  const held = new WeakMap<User, readonly string[]>()

  const view = tableView<UserTable>({
    name: 'users',
    kind: 'user',
    table: 'users',
    key: 'key',
    swap(keys, rows) {
      for (const key of keys ?? users.keys()) users.delete(key)
      for (const user of rows.map((row) => userIn(row, log))) if (user) users.set(user.key, user)
    },
  })
  revisions.addView(view)

  const rowOf = async (trx: Transaction, key: string): Promise<UserTable | undefined> =>
    (await view.rowsOf(trx, [key]))[0]

  /** Ends all sessions with it, or they would live again when the same identity gets the name back. Resolves to their number. */
  async function released({ name, ...release }: NameRelease & { name: string }): Promise<number> {
    const theirs = await rooms.sessions.listIn(release.trx, { user: name })
    await rooms.grants.release(release)
    await kernel.calls.user.released(release)
    const ids = theirs.map(({ id }) => id)
    return rooms.sessions.end(ids, 'user_deleted', release.by.subject, release)
  }

  /** Whether an administrator is not locked out. The operator on the hub's machine can end a lock, so for that one all count. */
  function mayAct(row: UserTable, by: Pick<Actor, 'subject'> | null): boolean {
    return isAdmin(row) && (by?.subject.kind === 'operator' || !isLocked(row))
  }

  function isLocked(row: UserTable): boolean {
    const who = { user: row.name, roles: heldIn(row) }
    const subject: Subject = { ...who, kind: 'session', sessionId: null, satisfied: [] }
    return rooms.locks.lockFor(subject, null) !== null
  }

  async function existing(trx: Transaction, name: string): Promise<UserTable> {
    const row = await rowOf(trx, foldName(name))
    if (!row) throw userNotFound(name)
    return row
  }

  /** Changes a stored user; `also` is part of the change. */
  async function alter(
    name: string,
    actor: Actor,
    set: Partial<UserTable>,
    also?: (trx: Transaction, change: Change, key: string, before: UserTable) => Promise<void>,
  ): Promise<User> {
    const key = foldName(name)
    await revisions.write(async (trx, change) => {
      const row = await existing(trx, name)
      actor.mayGive?.(
        'issuer' in set ? { user: row.name } : { roles: changedRoles(row, { ...row, ...set }), to: row.name },
      )
      // A lock of a role ends for those who lose the role.
      if (isLocked(row) && !isLocked({ ...row, ...set })) actor.mayGive?.({ user: row.name })
      if (!isAdmin({ ...row, ...set })) await guardAdmins(row, () => view.rowsOf(trx, null), actor, mayAct)
      await trx.withTables<AccessTables>().updateTable('users').set(set).where('key', '=', key).execute()
      await also?.(trx, change, key, row)
      await note(change, 'user.updated', row, actor)
    }, actor)
    return now(key, name)
  }

  async function note(change: Change, type: string, row: Pick<UserTable, 'key' | 'name'>, by: Actor) {
    change.touch('user', row.key)
    await change.audit({ type, success: true, by, fields: { name: row.name } })
  }

  const now = (key: string, name: string): User => {
    const user = users.get(key)
    if (!user) throw userNotFound(name)
    return user
  }

  const claims = createNameClaims({
    revisions,
    rowOf,
    holderOf: (key) => users.get(key)?.holder,
    keepsAdmin: (trx, row, next) =>
      keepsAdmin(
        row,
        next,
        () => view.rowsOf(trx, null),
        (other) => mayAct(other, null),
      ),
    clock,
  })

  async function take(...[input, ...how]: Parameters<typeof claims>): Promise<User> {
    const { key, name } = await claims(input, ...how)
    const user = now(key, name)
    // The name may have been released since; a session opened now would have no holder.
    if (user.holder !== holderOf(input)) throw takenAway()
    return user
  }

  return {
    byName: (name) => users.get(foldName(name)),
    keyOf: foldName,
    list: () => [...users.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    rolesOf(name) {
      const user = users.get(foldName(name))
      if (!user) return []
      const roles =
        held.get(user) ?? Object.freeze([...new Set([...user.ownRoles, ...user.mappedRoles])].sort())
      held.set(user, roles)
      return roles
    },

    signIn: (input, stands) => take(input, clock.now(), { stands }),
    confirm: (input, stands) => take(input, clock.now(), { known: true, stands }),
    claim: (input) => take(input, null),
    dropMappedRoles: (trx, change, connector, by) =>
      dropMappedRoles(trx, change, connector, by, (trx) => view.rowsOf(trx, null), mayAct),

    async create(given, roles, actor, holder) {
      const parsed = parseUserName(given)
      if (!parsed) {
        throw problemFor('user_name_invalid')
      }
      const { key, name } = parsed
      await revisions.write(async (trx, change) => {
        if (await rowOf(trx, key)) throw problemFor('user_exists', `The user ${name} already exists.`)
        actor.mayGive?.({ roles })
        const own_roles = rolesText(roles)
        const row = { key, name, own_roles, mapped_roles: '[]', created: clock.now() }
        const { within, ...identity } = holder ?? {}
        const values = { ...row, ...identity }
        await trx.withTables<AccessTables>().insertInto('users').values(values).execute()
        await within?.({ trx, change })
        await note(change, 'user.created', row, actor)
      }, actor)
      return now(key, name)
    },

    update: (name, roles, actor, preconditions = {}) =>
      alter(name, actor, { own_roles: rolesText(roles) }, async (_trx, _change, _key, row) =>
        entityTags.check(preconditions, row.own_roles),
      ),
    dropMapped: (name, actor) => alter(name, actor, { mapped_roles: '[]' }),
    async relink(name, actor) {
      let endedSessions = 0
      // Mapped roles came from the former identity.
      const free = { issuer: null, sub: null, connector: null, mapped_roles: '[]', profile: null }
      const user = await alter(name, actor, free, async (trx, change, key, row) => {
        endedSessions = await released({ trx, change, key, by: actor, name: row.name })
      })
      return { ...user, endedSessions }
    },

    remove: (name, actor) =>
      revisions.write(async (trx, change) => {
        const row = await existing(trx, name)
        const { key } = row
        actor.mayGive?.({ user: row.name })
        await guardAdmins(row, () => view.rowsOf(trx, null), actor, mayAct)
        await trx.withTables<AccessTables>().deleteFrom('users').where('key', '=', key).execute()
        const endedSessions = await released({ trx, change, key, by: actor, name: row.name })
        await note(change, 'user.deleted', row, actor)
        return { ...(userIn(row, log) ?? { ...EMPTY, key, name: row.name }), endedSessions }
      }, actor),

    holderIn: async (trx, name) => (await holdersIn(trx, [name])).get(name),
  }
}

const EMPTY = {
  ownRoles: [],
  mappedRoles: [],
  identity: null,
  holder: null,
  connector: null,
  created: 0,
  lastLogin: null,
}

/** The stored user; null: it is unreadable, which is logged. */
function userIn(row: UserTable, log: Log): User | null {
  try {
    const { key, name, connector, created } = row
    return Object.freeze({
      key,
      name,
      ownRoles: rolesIn(row.own_roles),
      mappedRoles: rolesIn(row.mapped_roles),
      ...identityOf(row),
      connector,
      ...(row.admin_kept !== null && isAdmin(row) && { adminKept: row.admin_kept }),
      ...profileIn(row),
      created,
      lastLogin: row.last_login,
    })
  } catch (error) {
    log.error({ user: row.name, cause: messageOf(error) }, 'a stored user is unreadable and has no access')
    return null
  }
}

export function userNotFound(name: string): Problem {
  return problemFor('user_not_found', `There is no user ${name}; \`mezctl users ls\` lists them.`)
}

/** The roles that are in one of the rows only. */
const changedRoles = (before: RoleColumns, after: RoleColumns): readonly string[] => [
  ...heldIn(before).filter((role) => !heldIn(after).includes(role)),
  ...heldIn(after).filter((role) => !heldIn(before).includes(role)),
]

/** Drops the mapped roles of all users who last signed in through this connector; assigned roles stay. */
async function dropMappedRoles(
  trx: Transaction,
  change: Pick<Change, 'touch'>,
  connector: string,
  by: Actor | undefined,
  readAll: (trx: Transaction) => Promise<readonly UserTable[]>,
  mayAct: (row: UserTable, by: Actor) => boolean,
): Promise<void> {
  const hadAdmin = (await readAll(trx)).some(isAdmin)
  const rows = await trx
    .withTables<AccessTables>()
    .updateTable('users')
    .set({ mapped_roles: '[]' })
    .where('connector', '=', connector)
    .where('mapped_roles', '!=', '[]')
    .returning('key')
    .execute()
  for (const { key } of rows) change.touch('user', key)
  if (
    by &&
    by.subject.kind !== 'operator' &&
    hadAdmin &&
    !(await readAll(trx)).some((row) => mayAct(row, by))
  )
    throw problemFor(
      'last_admin',
      `All admins got the role by the connector ${connector}. Give it to somebody first.`,
    )
}
