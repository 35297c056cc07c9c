import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely'
import type { Database } from '../../api/database.ts'
import { messageOf } from '../../kernel/error.ts'
import type { OpenDatabase, OpenOptions } from './database.ts'
import { databaseMigrations } from './migrations.ts'
import { areMigrated, runMigrations } from './migrator.ts'
import { createPostgresListener } from './postgres-listener.ts'
import { createPostgresPool, type PostgresLimits, patientLimits, postgresLimits } from './postgres-pool.ts'
import { loggingTo, type QueryObserver } from './query-observer.ts'
import { refuseBesideTransaction } from './transaction-guard.ts'

/** Migrations may take long, but while one waits for a table lock, all readers of the table wait behind it. */
const MIGRATION_MS = 10 * 60_000
const MIGRATION_LOCK_MS = 2_000

/** The database of a PostgreSQL server, to which the first query connects; see `openDatabase`. */
export function openPostgres(
  url: string,
  { log, patient = false, limits = patient ? patientLimits : postgresLimits, onQuery }: OpenOptions,
): OpenDatabase {
  const open = (pool: PostgresPool, onQuery?: QueryObserver): Database =>
    new Kysely({
      dialect: new PostgresDialect({ pool: guarded(pool, onQuery) }),
      ...loggingTo(onQuery),
    })
  const pool = createPostgresPool(url, limits, log)
  const db = open(pool, onQuery)
  const reserved = open(createPostgresPool(url, { ...limits, connections: 1 }, log), onQuery)
  const listener = createPostgresListener(url, log)
  let closing: Promise<void> | undefined
  return {
    db,
    reserved,
    dialect: 'postgres',
    async migrate(migrations) {
      const all = [databaseMigrations, ...migrations]
      if (await areMigrated(db, all, log)) return
      const patience: PostgresLimits = {
        ...limits,
        connections: 2,
        statementMs: MIGRATION_MS,
        responseMs: MIGRATION_MS + 1_000,
        idleInTransactionMs: MIGRATION_MS,
        lockMs: MIGRATION_LOCK_MS,
      }
      const patient = open(createPostgresPool(url, patience, log))
      try {
        await runMigrations(patient, 'postgres', all, log)
      } finally {
        await patient.destroy()
      }
    },
    listen: listener.listen,
    async notify(channel, payload = '') {
      await sql`SELECT pg_notify(${channel}, ${payload})`
        .execute(db)
        .catch((error) => log.debug({ error: messageOf(error) }, 'failed to send a notification'))
    },
    connections: pool.counts,
    localAddress: pool.localAddress,
    close: () =>
      (closing ??= Promise.all([listener.close(), db.destroy(), reserved.destroy()]).then(() => {})),
  }
}

/** Refuses connections outside the transaction of a change. Reports failed connects, since kysely does not log them. */
function guarded(pool: PostgresPool, onQuery: QueryObserver | undefined): PostgresPool {
  return {
    ...pool,
    async connect() {
      refuseBesideTransaction()
      const began = performance.now()
      try {
        return await pool.connect()
      } catch (error) {
        onQuery?.(performance.now() - began, true)
        throw error
      }
    },
  }
}
