import { sql } from 'kysely'
import type { Database, Migrations } from '../../api/database.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { PostgresLimits } from './postgres-pool.ts'
import type { QueryObserver } from './query-observer.ts'

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

export interface OpenOptions {
  readonly log: Log
  /** For a command that copies the whole database, of any size: statements may take an hour. */
  readonly patient?: boolean | undefined
  readonly limits?: PostgresLimits
  readonly onQuery?: QueryObserver
}

/**
 * Opens the database and queries it once, so that errors show now. Throws `MEZ_DATABASE_LOCKED` when another hub has the
 * embedded database open, and `MEZ_DATABASE_UNAVAILABLE` when the database is unreachable.
 */
export async function openDatabase(config: DatabaseConfig, options: OpenOptions): Promise<OpenDatabase> {
  // Each driver is loaded where it is used: a hub needs one of them.
  const opened =
    config.driver === 'embedded'
      ? await (await import('./embedded-database.ts')).openEmbedded(config.dataDir, options)
      : (await import('./postgres-database.ts')).openPostgres(config.url, options)
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
