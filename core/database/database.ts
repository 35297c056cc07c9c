import { join } from 'node:path'
import { Kysely, type KyselyConfig, PostgresDialect, type PostgresPool, sql } from 'kysely'
import type { Database, Migrations } from '../api/database.ts'
import { MezError, messageOf } from '../kernel/error.ts'
import type { Log } from '../kernel/log.ts'
import { lockDataDir } from './data-dir.ts'
import { createEmbeddedClient } from './embedded-client.ts'
import { EmbeddedDialect } from './embedded-dialect.ts'
import { prepareFolder } from './embedded-folder.ts'
import { databaseMigrations } from './migrations.ts'
import { runMigrations } from './migrator.ts'
import { createPostgresListener } from './postgres-listener.ts'
import { createPostgresPool, type PostgresLimits, patientLimits, postgresLimits } from './postgres-pool.ts'
import { refuseBesideTransaction } from './transaction-guard.ts'

export type DatabaseConfig =
  | {
      readonly driver: 'embedded'
      /** The hub's data directory; created with mode 0700. */
      readonly dataDir: string
    }
  | {
      readonly driver: 'postgres'
      /** May contain a password: never logged. */
      readonly url: string
    }

/** An open database. */
export interface OpenDatabase {
  readonly db: Database
  /** Has its own connection, so that reads of access data do not wait when all connections of `db` are in use. */
  readonly reserved: Database
  readonly dialect: 'embedded' | 'postgres'
  /** Runs the database room's own migrations, then these in the given order. Hubs that start together take turns. */
  migrate(migrations: readonly Migrations[]): Promise<void>
  /** Receives the notifications of any hub, as hints: they may be lost, repeated or empty. Returns the stop function. */
  listen(channel: string, heard: (payload: string) => void): () => void
  /** Sends a notification to all hubs. Never rejects, because it is only a hint. */
  notify(channel: string, payload?: string): Promise<void>
  /** Number of connections to the server by state; empty with the embedded database. */
  connections(): Readonly<Record<string, number>>
  /** This machine's address on connections to the server; null: the database is on this machine. */
  localAddress(): string | null
  /** Closes every connection, or the embedded database and its lock. Safe to call twice. */
  close(): Promise<void>
}

/** Called after every query, except those of migrations, with its duration and whether it failed. */
type QueryObserver = (ms: number, failed: boolean) => void

interface OpenOptions {
  readonly log: Log
  /** For a command that copies the whole database, of any size: statements may take an hour. */
  readonly patient?: boolean | undefined
  readonly limits?: PostgresLimits
  readonly onQuery?: QueryObserver
}

/** Migrations may take long, but while one waits for a table lock, all readers of the table wait behind it. */
const MIGRATION_MS = 10 * 60_000
const MIGRATION_LOCK_MS = 2_000

/**
 * Opens the database and queries it once, so that errors show now. Throws `MEZ_DATABASE_LOCKED` when another hub has the
 * embedded database open, and `MEZ_DATABASE_UNAVAILABLE` when the database is unreachable.
 */
export async function openDatabase(
  config: DatabaseConfig,
  { log, patient = false, limits = patient ? patientLimits : postgresLimits, onQuery }: OpenOptions,
): Promise<OpenDatabase> {
  const opened =
    config.driver === 'embedded'
      ? await openEmbedded(config.dataDir, { log, onQuery, patient })
      : openPostgres(config.url, limits, log, onQuery)
  try {
    await sql`SELECT 1`.execute(opened.db)
    return opened
  } catch (error) {
    await opened.close().catch(() => {})
    if (error instanceof MezError) throw error
    throw new MezError('MEZ_DATABASE_UNAVAILABLE', `the database cannot be opened: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

async function openEmbedded(
  dataDir: string,
  { log, patient, onQuery }: { log: Log; patient: boolean; onQuery: QueryObserver | undefined },
): Promise<OpenDatabase> {
  const lock = lockDataDir(dataDir)
  const folder = join(dataDir, 'database')
  try {
    await prepareFolder(folder)
  } catch (error) {
    lock.release()
    throw error
  }
  const client = createEmbeddedClient({ folder, log, ...(patient && { queryMs: patientLimits.statementMs }) })
  const db: Database = new Kysely({
    dialect: new EmbeddedDialect({ pglite: client as never }),
    ...loggingTo(onQuery),
  })
  const listeners = new Map<string, Set<(payload: string) => void>>()
  let closing: Promise<void> | undefined
  const close = async () => {
    try {
      await db.destroy()
      await client.close()
    } finally {
      lock.release()
    }
  }
  return {
    db,
    reserved: db,
    dialect: 'embedded',
    migrate: (migrations) => runMigrations(db, 'embedded', [databaseMigrations, ...migrations], log),
    listen(channel, heard) {
      const all = listeners.get(channel) ?? new Set()
      listeners.set(channel, all.add(heard))
      return () => all.delete(heard)
    },
    // This process is the only hub.
    async notify(channel, payload = '') {
      for (const heard of listeners.get(channel) ?? []) queueMicrotask(() => heard(payload))
    },
    connections: () => ({}),
    localAddress: () => null,
    close: () => (closing ??= close()),
  }
}

function openPostgres(
  url: string,
  limits: PostgresLimits,
  log: Log,
  onQuery: QueryObserver | undefined,
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
        await runMigrations(patient, 'postgres', [databaseMigrations, ...migrations], log)
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

function loggingTo(onQuery: QueryObserver | undefined): Pick<KyselyConfig, 'log'> {
  if (!onQuery) return {}
  return { log: ({ level, queryDurationMillis }) => onQuery(queryDurationMillis, level === 'error') }
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
