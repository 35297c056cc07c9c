import { v7 as uuidv7 } from 'uuid'
import type { Actor } from '../../api/audit.ts'
import { Problem } from '../../api/problem.ts'
import { DNS_LABEL } from '../../api/resource.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { isHostname } from '../../wire/tunnel-protocol.ts'
import { foldName, isRoleName, parseUserName } from '../users/user-name.ts'
import type { Lock, LockKind, Locks } from './lock.ts'
import type { AccessTables, LockTable } from './migrations.ts'

export interface LocksOptions {
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly clock: Clock
}

export interface NewLock {
  readonly kind: LockKind
  readonly target: string
  readonly message: string | null
  /** Milliseconds, or null: until it is removed. */
  readonly ttlMs: number | null
}

export interface RunningLocks extends Locks {
  /** Throws `Problem` 400 `lock_target_invalid`, 409 `self_lockout`. */
  create(lock: NewLock, actor: Actor): Promise<Lock>
  /** Throws `Problem` 404 `lock_not_found`. */
  remove(id: string, actor: Actor): Promise<Lock>
}

const KEPT_MS = 24 * 3_600_000

/** Keeps locks in memory, up to date by the change sequence. Expired locks have no effect. */
export function createLocks({ revisions, clock }: LocksOptions): RunningLocks {
  let locks = new Map<string, Lock>()
  let index = new Map<string, Lock[]>()

  const keyOf = (kind: LockKind, target: string) =>
    `${kind}:${kind === 'user' ? foldName(target) : kind === 'agent' ? target.toLowerCase() : target}`
  const rebuild = () => {
    index = new Map()
    for (const lock of locks.values()) {
      const key = keyOf(lock.kind, lock.target)
      index.set(key, [...(index.get(key) ?? []), lock])
    }
  }
  const inForce = (lock: Lock) => lock.expires === null || lock.expires > clock.now()
  const find = (kind: LockKind, target: string): Lock | null =>
    index.size === 0 ? null : (index.get(keyOf(kind, target))?.find(inForce) ?? null)

  const view: View = {
    name: 'locks',
    kinds: ['lock'],
    async loadAll(trx) {
      const rows = await trx.withTables<AccessTables>().selectFrom('locks').selectAll().execute()
      return () => {
        locks = new Map(rows.map((row) => [row.id, Object.freeze({ ...(row as LockTable) })]))
        rebuild()
      }
    },
    async refresh(trx, touched) {
      const ids = [...(touched.get('lock') ?? [])]
      if (ids.length === 0) return () => {}
      const db = trx.withTables<AccessTables>()
      const rows = await db.selectFrom('locks').selectAll().where('id', 'in', ids).execute()
      return () => {
        for (const id of ids) locks.delete(id)
        for (const row of rows) locks.set(row.id, Object.freeze({ ...(row as LockTable) }))
        rebuild()
      }
    },
  }
  revisions.addView(view)

  const event = (type: string, { id, kind, target }: Lock, by: Actor) => ({
    type,
    success: true,
    by,
    fields: { name: id, target_kind: kind, target },
  })

  return {
    lockFor(subject, app) {
      if (index.size === 0) return null
      const { user, roles, sessionId } = subject
      let found = find('user', user) ?? (sessionId === null ? null : find('session', sessionId))
      for (const role of roles) found ??= find('role', role)
      return found ?? (app === null ? null : find('app', app.name))
    },
    appLock: (app) => find('app', app.name),
    isSessionLocked: (id) => find('session', id) !== null,
    isAgentLocked: (hostname) => find('agent', hostname) !== null,
    list: () => [...locks.values()].filter(inForce).sort((a, b) => a.created - b.created),

    async create({ kind, target, message, ttlMs }, actor) {
      const { subject } = actor
      const fault = lockTargetFault(kind, target)
      if (fault !== null) throw new Problem(400, 'lock_target_invalid', `target.${kind}: ${fault}.`)
      const created = clock.now()
      const expires = ttlMs === null ? null : created + ttlMs
      const lock: Lock = { id: uuidv7(), kind, target, message, created, expires }
      const own = keyOf(kind, target)
      const hitsOneself =
        subject.kind !== 'operator' &&
        [keyOf('user', subject.user), ...subject.roles.map((role) => keyOf('role', role))]
          .concat(subject.sessionId === null ? [] : keyOf('session', subject.sessionId))
          .includes(own)
      if (hitsOneself) throw new Problem(409, 'self_lockout', 'This lock would lock you out.')
      await revisions.write(async (trx, change) => {
        const db = trx.withTables<AccessTables>()
        // Locks that expired long ago are deleted when the next lock is created.
        await db
          .deleteFrom('locks')
          .where('expires', '<', created - KEPT_MS)
          .execute()
        await db.insertInto('locks').values(lock).execute()
        change.touch('lock', lock.id)
        await change.audit(event('lock.created', lock, actor))
      }, actor)
      return lock
    },

    async remove(id, actor) {
      return revisions.write(async (trx, change) => {
        const db = trx.withTables<AccessTables>()
        const gone = await db.deleteFrom('locks').where('id', '=', id).returningAll().executeTakeFirst()
        if (!gone)
          throw new Problem(404, 'lock_not_found', `There is no lock ${id}; \`mezctl locks ls\` lists them.`)
        const lock = gone as LockTable
        change.touch('lock', id)
        await change.audit(event('lock.deleted', lock, actor))
        return lock
      }, actor)
    },
  }
}

/** The user name of an API token. */
const API_TOKEN = /^token:[a-z0-9][a-z0-9._-]{0,62}$/
const APP_NAME = new RegExp(`^${DNS_LABEL}$`)

/** The valid names of each kind; a lock with any other target would have no effect. Sessions have ids. */
const NAMES: Readonly<Record<LockKind, { readonly fits: (name: string) => boolean; readonly must: string }>> =
  {
    user: {
      fits: (name) => parseUserName(name) !== null || API_TOKEN.test(foldName(name)),
      must: 'the name of a user, or token: and the name of an API token',
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

/** Why the name is not valid, to be appended to the name of the kind; null: it is valid. */
function lockTargetFault(kind: LockKind, target: string): string | null {
  const { fits, must } = NAMES[kind]
  return fits(target) ? null : `must be ${must}`
}
