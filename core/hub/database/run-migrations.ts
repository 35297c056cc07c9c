import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Database, Migrations } from './database.ts'

/** An arbitrary number that all hubs agree on. */
const MIGRATION_LOCK = 7_264_510_027

/**
 * Brings the tables of every owner up to date, in the order given; hubs that start together take turns. Throws
 * `MEZ_DATABASE_NEWER` when a migration has run that the code does not know, before anything is changed, and
 * `MEZ_MIGRATION_FAILED`, naming owner and migration, when one throws (its owner's migrations are rolled back).
 */
export async function runMigrations(
  db: Database,
  dialect: 'embedded' | 'postgres',
  all: readonly Migrations[],
  log: Log,
): Promise<void> {
  const owners = new Set<string>()
  for (const { owner } of all) {
    if (owners.has(owner))
      throw new MezError('MEZ_MIGRATION_FAILED', `two parts bring migrations of '${owner}'`)
    if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(owner)) {
      throw new MezError('MEZ_MIGRATION_FAILED', `'${owner}' cannot be an owner of migrations`)
    }
    owners.add(owner)
  }
  const run = async () => {
    for (const each of all) await refuseNewer(db, each)
    for (const each of all) await migrateOwner(db, each, log)
  }
  // The embedded database has one connection and one hub.
  if (dialect === 'embedded') return run()
  await db.connection().execute(async (holder) => {
    await sql`SELECT pg_advisory_lock(${MIGRATION_LOCK})`.execute(holder)
    try {
      await run()
    } finally {
      await sql`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`.execute(holder).catch(() => {})
    }
  })
}

const tableOf = (owner: string) => `${owner.replaceAll('-', '_')}_migrations`

async function refuseNewer(db: Database, { owner, migrations }: Migrations): Promise<void> {
  const table = tableOf(owner)
  const known = await sql<{ there: unknown }>`SELECT to_regclass(${table}) AS there`.execute(db)
  if (known.rows[0]?.there == null) return
  const { rows } = await sql<{ name: string }>`SELECT name FROM ${sql.table(table)} ORDER BY name`.execute(db)
  const foreign = rows.find(({ name }) => !Object.hasOwn(migrations, name))
  if (!foreign) return
  throw new MezError(
    'MEZ_DATABASE_NEWER',
    `the database has the migration '${foreign.name}' of '${owner}', which this version does not know`,
  )
}

async function migrateOwner(db: Kysely<unknown>, { owner, migrations }: Migrations, log: Log): Promise<void> {
  const table = tableOf(owner)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error) {
    const failed = results.find(({ status }) => status === 'Error')?.migrationName
    const which = failed ? `the migration '${failed}' of '${owner}'` : `the migrations of '${owner}'`
    throw new MezError('MEZ_MIGRATION_FAILED', `${which} failed: ${messageOf(error)}`, { cause: error })
  }
  for (const { migrationName } of results) log.info({ owner, migration: migrationName }, 'database migrated')
}
