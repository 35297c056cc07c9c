import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Database, Migrations } from '../../api/database.ts'
import { sayWhatWaits } from '../../base/log/wait-notice.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

/** An arbitrary number that all hubs agree on. */
const MIGRATION_LOCK = 7_264_510_027

/** How long a hub waits while another one migrates. */
const TURN_MS = 10 * 60_000

/** How long to retry while tables are in use, for example by a backup. */
const TRIED_MS = 10 * 60_000
const PAUSE_MS = 5_000

/** SQLSTATE of a statement that hit `lock_timeout`. */
const LOCK_NOT_AVAILABLE = '55P03'

/** Suffix of migrations after which older versions must not run any more, not even alongside the new one. */
const BREAKING = '-breaking'

/**
 * Migrates the tables of every owner in the given order; hubs that start together take turns. Migrations of a newer
 * version only add, so they are left in place: a hub can be rolled back, or restarted while others are upgraded. Throws
 * `MEZ_DATABASE_NEWER` before any change when one of those is marked as breaking, and `MEZ_MIGRATION_FAILED`, with owner
 * and migration, when one throws (which rolls back its owner's migrations).
 *
 * `db` has a short `lock_timeout`: while a statement waits to change a table, all readers wait behind it, including
 * running hubs. So each wait is short, and the migrations of an owner are retried when they did not get a lock.
 */
export async function runMigrations(
  db: Database,
  dialect: 'embedded' | 'postgres',
  all: readonly Migrations[],
  log: Log,
): Promise<void> {
  checkOwners(all)
  const run = async () => {
    const states = await readStates(db, all)
    warnOfNewer(states, log)
    for (const [each, { newer, isCurrent }] of states) {
      // The migrator asks the database several times before it knows that.
      if (!isCurrent) await migrateOwner(db, each, newer, log)
    }
  }
  // The embedded database has one connection and one hub.
  if (dialect === 'embedded') return run()
  await db.connection().execute(async (holder) => {
    await sql`SELECT set_config('lock_timeout', ${String(TURN_MS)}, false)`.execute(holder)
    await sql`SELECT pg_advisory_lock(${MIGRATION_LOCK})`.execute(holder)
    try {
      await run()
    } finally {
      await sql`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`.execute(holder).catch(() => {})
    }
  })
}

/**
 * Whether every migration has run while no other hub is migrating. Then a start has nothing to do, and needs neither a turn
 * nor connections of its own. Throws `MEZ_DATABASE_NEWER` like `runMigrations`.
 */
export async function areMigrated(db: Database, all: readonly Migrations[], log: Log): Promise<boolean> {
  checkOwners(all)
  return db.transaction().execute(async (trx) => {
    const lock = sql<{ free: boolean }>`SELECT pg_try_advisory_xact_lock_shared(${MIGRATION_LOCK}) AS free`
    const { rows } = await lock.execute(trx)
    if (!rows[0]?.free) return false
    const states = await readStates(trx, all)
    if (!states.every(([, { isCurrent }]) => isCurrent)) return false
    warnOfNewer(states, log)
    return true
  })
}

function checkOwners(all: readonly Migrations[]): void {
  const owners = new Set<string>()
  for (const { owner } of all) {
    if (owners.has(owner))
      throw new MezError('MEZ_MIGRATION_FAILED', `two parts provide migrations for '${owner}'`)
    if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(owner)) {
      throw new MezError('MEZ_MIGRATION_FAILED', `'${owner}' is not a valid owner of migrations`)
    }
    owners.add(owner)
  }
}

type States = readonly (readonly [Migrations, OwnerState])[]

function warnOfNewer(states: States, log: Log): void {
  for (const [{ owner }, { newer }] of states)
    if (newer.length > 0)
      log.warn({ owner, migrations: newer }, 'the database was migrated by a newer version')
}

const tableOf = (owner: string) => `${owner.replaceAll('-', '_')}_migrations`

interface OwnerState {
  /** Names of migrations that a newer version has run. */
  readonly newer: readonly string[]
  /** Whether every migration of this version has run. */
  readonly isCurrent: boolean
}

interface Done {
  readonly owner: string
  readonly name: string
}

/** The migrations that have run, by owner: in two statements for all of them, because every start asks. */
async function readDone(db: Database, owners: readonly string[]): Promise<Map<string, Done[]>> {
  const there = owners.map((owner) => sql`to_regclass(${tableOf(owner)}) IS NOT NULL AS ${sql.ref(owner)}`)
  const known = await sql<Record<string, boolean>>`SELECT ${sql.join(there)}`.execute(db)
  const tables = owners
    .filter((owner) => known.rows[0]?.[owner])
    .map((owner) => sql`SELECT ${owner}::text AS owner, name FROM ${sql.table(tableOf(owner))}`)
  if (tables.length === 0) return new Map()
  const { rows } = await sql<Done>`${sql.join(tables, sql` UNION ALL `)} ORDER BY name`.execute(db)
  return Map.groupBy(rows, ({ owner }) => owner)
}

async function readStates(db: Database, all: readonly Migrations[]): Promise<States> {
  const done = await readDone(
    db,
    all.map(({ owner }) => owner),
  )
  return all.map((each) => [each, stateOf(each, done.get(each.owner))] as const)
}

function stateOf({ owner, migrations }: Migrations, rows: readonly Done[] = []): OwnerState {
  const done = new Set(rows.map(({ name }) => name))
  const newer = [...done].filter((name) => !Object.hasOwn(migrations, name))
  const breaking = newer.find((name) => name.endsWith(BREAKING))
  if (breaking === undefined)
    return { newer, isCurrent: Object.keys(migrations).every((name) => done.has(name)) }
  throw new MezError(
    'MEZ_DATABASE_NEWER',
    `the migration '${breaking}' of '${owner}' by a newer version makes the database incompatible with this version`,
  )
}

async function migrateOwner(
  db: Database,
  { owner, migrations }: Migrations,
  newer: readonly string[],
  log: Log,
): Promise<void> {
  // The migrator requires all migrations that have run.
  const waited = Object.entries(migrations).map(([name, migration]): [string, Migration] => {
    const up: Migration['up'] = (trx) =>
      sayWhatWaits(`the migration '${name}' of '${owner}'`, (async () => migration.up(trx))(), log)
    return [name, { ...migration, up }]
  })
  const done = Object.fromEntries(newer.map((name) => [name, { up: async () => {} }]))
  const table = tableOf(owner)
  const migrator = new Migrator({
    db: withTableLookup(db, [table, `${table}_lock`]),
    provider: { getMigrations: async () => ({ ...done, ...Object.fromEntries(waited) }) },
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  })
  const until = performance.now() + TRIED_MS
  let tried = await migrator.migrateToLatest()
  while (Object(tried.error).code === LOCK_NOT_AVAILABLE && performance.now() < until) {
    const inUseBy = await whoHoldsLocks(db)
    log.warn({ owner, inUseBy }, 'tables to migrate are in use, for example by a backup; retrying')
    await pause(PAUSE_MS)
    tried = await migrator.migrateToLatest()
  }
  const { error, results = [] } = tried
  if (error) {
    const failed = results.find(({ status }) => status === 'Error')?.migrationName
    const which = failed ? `the migration '${failed}' of '${owner}'` : `the migrations of '${owner}'`
    throw new MezError('MEZ_MIGRATION_FAILED', `${which} failed: ${messageOf(error)}`, { cause: error })
  }
  for (const { migrationName } of results) log.info({ owner, migration: migrationName }, 'database migrated')
}

/**
 * The database for a migrator, which only asks whether its two tables exist: by default kysely reads every column of every
 * table for that, twice for each owner, which takes half of the first start of a hub.
 */
function withTableLookup(db: Database, tables: readonly string[]): Database {
  const names = sql.join(tables.map((table) => sql`to_regclass(${table})`))
  const introspection = {
    async getTables() {
      const found = sql<{ name: string }>`SELECT relname AS name FROM pg_class WHERE oid IN (${names})`
      return (await found.execute(db)).rows
    },
  }
  return new Proxy(db, {
    get(target, key) {
      if (key === 'introspection') return introspection
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The programs that have used tables for more than a second, with their process ids on the server. */
async function whoHoldsLocks(db: Database): Promise<readonly string[]> {
  const { rows } = await sql<{ pid: number; name: string }>`
    SELECT DISTINCT pid, application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'relation' AND granted AND datname = current_database() AND pid <> pg_backend_pid()
      AND (xact_start IS NULL OR xact_start < now() - interval '1 second')
    ORDER BY pid LIMIT 10`.execute(db)
  return rows.map(({ pid, name }) => `${name || 'unnamed program'} (pid ${pid})`)
}
