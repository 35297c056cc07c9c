import { v7 as uuidv7 } from 'uuid'
import type { Collection } from '../../api/collection.ts'
import { Type } from '../../api/config-types.ts'
import { defineResource, type ResourceParts } from '../../api/define-resource.ts'
import { problemFor } from '../../api/reasons.ts'
import { DNS_LABEL } from '../../api/resource.ts'
import type { Subject } from '../../api/subject.ts'
import { foldName, isRoleName, parseUserName } from '../../api/user-name.ts'
import type { Users } from '../../api/users.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import { isHostname } from '../../wire/tunnel-protocol.ts'
import type { AccessTables, LockTable } from '../users/migrations.ts'
import type { Lock, LockKind, Locks } from './lock.ts'

export interface RunningLocks extends Locks {
  readonly collection: Collection<Lock, LockTable, NewLock>
  readonly routes: WebRoutes
}

/** The body of a request for a lock. */
export interface NewLock {
  readonly target: Partial<Record<LockKind, string>>
  readonly ttl_seconds?: number | null
  readonly message?: string | null
}

interface LocksNeeds extends ResourceParts {
  readonly users: Pick<Users, 'list' | 'rolesOf'>
}

/** Locks that ended this long ago are deleted when the next lock is created. */
const KEPT_MS = 24 * 3_600_000
const Name = Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 }))
const Target = Type.Closed({ user: Name, role: Name, session: Name, app: Name, agent: Name })
const timeOf = (ms: number) => new Date(ms).toISOString()
const keyOf = (kind: LockKind, target: string) =>
  `${kind}:${kind === 'user' ? foldName(target) : kind === 'agent' ? target.toLowerCase() : target}`

/** Keeps locks in memory, up to date by the change sequence. Expired locks have no effect. A new lock cuts live streams. */
export function createLocks(parts: LocksNeeds): RunningLocks {
  const { clock, users } = parts
  let index = new Map<string, Lock[]>()
  const inForce = (lock: Lock) => lock.expires === null || lock.expires > clock.now()
  const find = (kind: LockKind, target: string): Lock | null =>
    index.size === 0 ? null : (index.get(keyOf(kind, target))?.find(inForce) ?? null)

  /** Throws `Problem` 409 `last_admin` if the lock with this key would lock out the last administrator who is not locked. */
  function keepAnAdmin(key: string): void {
    const admins = users
      .list()
      .map(({ name: user }): Subject => {
        return { user, roles: users.rolesOf(user), kind: 'session', sessionId: null, satisfied: [] }
      })
      .filter((one) => one.roles.includes('admin') && locks.lockFor(one, null) === null)
    if (admins.length > 0 && admins.every((one) => hits(one, key)))
      throw problemFor('last_admin', 'This lock would lock out the last admin.')
  }

  const resource = defineResource<Lock, LockTable, NewLock>({
    name: 'lock',
    collection: 'locks',
    table: 'locks',
    key: 'id',
    form: {
      flat: Type.Object({
        id: Type.String(),
        target: Target,
        message: Type.Nullable(Type.String()),
        created: Type.String(),
        expires: Type.Nullable(Type.String()),
        by: Type.Nullable(Type.String({ description: 'Who made it' })),
      }),
    },
    example: { target: { user: 'alice@example.com' }, ttl_seconds: 1_800, message: 'Call the help desk' },
    read: (row) => Object.freeze({ ...row }),
    show: ({ id, kind, target, message, created, expires, author }) => ({
      id,
      target: { [kind]: target },
      message,
      created: timeOf(created),
      expires: expires === null ? null : timeOf(expires),
      by: author,
    }),
    visible: inForce,
    order: ({ created, id }) => `${timeOf(created)} ${id}`,
    newestFirst: true,
    search: ({ id, kind, target, message, author }) => [
      ...[target, message ?? '', author ?? '', id],
      `state:${kind}`,
    ],
    sorts: {
      target: ({ target }) => target,
      created: ({ created }) => created,
      expires: ({ expires }) => expires,
    },
    swapped(locks) {
      index = Map.groupBy(locks.values(), ({ kind, target }) => keyOf(kind, target))
    },
    audited: ({ id, kind, target }) => ({ name: id, target_kind: kind, target }),
    verbs: {
      list: {},
      create: {
        cuts: true,
        body: Type.Closed({
          target: Target,
          ttl_seconds: Type.Optional(Type.Nullable(Type.Integer({ minimum: 1, maximum: 315_360_000 }))),
          message: Type.Optional(Type.Nullable(Type.String({ maxLength: 1_024 }))),
        }),
        row({ target: targets, ttl_seconds: ttl = null, message = null }, { subject }, created) {
          const [kind, target] = onlyTarget(targets)
          if (hits(subject, keyOf(kind, target)))
            throw problemFor('self_lockout', 'This lock would lock you out.')
          if (subject.kind !== 'operator') keepAnAdmin(keyOf(kind, target))
          const expires = ttl === null ? null : created + ttl * 1_000
          return { row: { id: uuidv7(), kind, target, message, created, expires, author: subject.user } }
        },
        async within({ trx, row }) {
          const ended = trx.withTables<AccessTables>().deleteFrom('locks')
          await ended.where('expires', '<', row.created - KEPT_MS).execute()
          return undefined
        },
      },
      remove: {
        // It gives the locked their rights back.
        async within({ row: { kind, target }, by }) {
          if (kind === 'user') by.mayGive?.({ user: target })
          // Accounts with the role were denied everything.
          if (kind === 'role') by.mayGive?.({ roles: [target], holdersOf: target })
          if (kind === 'session' || target.startsWith('token:')) by.mayGive?.({ roles: ['admin'] })
          return undefined
        },
      },
    },
  })
  const collection = resource.open(parts)

  const locks: RunningLocks = {
    collection,
    routes: resource.routes(collection),
    lockFor(subject, app) {
      if (index.size === 0) return null
      const { user, roles, sessionId, actsFor } = subject
      let found = find('user', user) ?? (sessionId === null ? null : find('session', sessionId))
      for (const role of roles) found ??= find('role', role)
      if (actsFor !== undefined) found ??= locks.lockFor(actsFor, null)
      return found ?? (app === null ? null : find('app', app.name))
    },
    appLock: (app) => find('app', app.name),
    isSessionLocked: (id) => find('session', id) !== null,
    isAgentLocked: (hostname) => find('agent', hostname) !== null,
    list: () => [...collection.items.values()].filter(inForce).sort((a, b) => a.created - b.created),
  }
  return locks
}

/** Whether a lock with this key would deny the caller. */
function hits({ kind, user, roles, sessionId }: Subject, own: string): boolean {
  const keys = [keyOf('user', user), ...roles.map((role) => keyOf('role', role))]
  return kind !== 'operator' && [...keys, ...(sessionId ? [keyOf('session', sessionId)] : [])].includes(own)
}

/** The user name of an API token or of a program's own account. */
const PROGRAM = /^(?:token|bot):[a-z0-9][a-z0-9._-]{0,62}$/
const APP_NAME = new RegExp(`^${DNS_LABEL}$`)

/** The valid names of each kind; a lock with any other target would have no effect. Sessions have ids. */
const NAMES: Readonly<Record<LockKind, { readonly fits: (name: string) => boolean; readonly must: string }>> =
  {
    user: {
      fits: (name) => parseUserName(name) !== null || PROGRAM.test(foldName(name)),
      must: 'the name of a user, or token: and the name of an API token, or bot: and that of a program',
    },
    role: {
      fits: isRoleName,
      must: 'the name of a role: small letters, digits, dots, hyphens and underscores',
    },
    session: { fits: () => true, must: 'the id of a session' },
    app: {
      fits: (name) => APP_NAME.test(name),
      must: 'the name of an app: small letters, digits and hyphens',
    },
    agent: { fits: (name) => isHostname(name.toLowerCase()), must: 'the host name of an agent' },
  }

/** The one target of a lock. Throws `Problem` 400 `lock_target_invalid`. */
function onlyTarget(targets: NewLock['target']): readonly [LockKind, string] {
  const invalid = (detail: string) => problemFor('lock_target_invalid', detail)
  const [only, ...others] = Object.entries(targets) as [LockKind, string][]
  if (!only || others.length > 0)
    throw invalid('A lock needs exactly one target: user, role, session, app or agent.')
  const [kind, target] = only
  const { fits, must } = NAMES[kind]
  if (!fits(target)) throw invalid(`target.${kind}: must be ${must}.`)
  return [kind, target]
}
