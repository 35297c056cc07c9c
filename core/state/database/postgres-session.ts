/**
 * For a plugin that opens a connection of its own to the hub's PostgreSQL database. Unstable until 1.0.
 *
 * @beta
 */
import { createRequire } from 'node:module'
import { lookInProgram } from '@mezite/core/launch'
import type { Database } from '../../api/database.ts'
import type { Log } from '../../kernel/log.ts'
import type { CountedPool } from './postgres-pool.ts'

export { databaseServer } from '../../api/database.ts'

/** Runs a statement of the transaction; resolves with its rows. */
type Run = (sql: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>

/** One connection to PostgreSQL, for a thread of a plugin. */
export interface PostgresSession {
  /**
   * Runs `body` in a transaction and commits it. Rejects with the database's error after a rollback, and with
   * `MEZ_DATABASE_UNAVAILABLE` when the connection fails; then the transaction may have been committed or not.
   */
  transaction<T>(body: (run: Run) => Promise<T>): Promise<T>
  /** Runs one statement outside of a transaction, such as `CREATE INDEX CONCURRENTLY`. */
  statement(sql: string): Promise<void>
  /** The hub's database over this connection, as plugins use it. Its queries take turns with the others. */
  readonly database: Database
  close(): Promise<void>
}

const require = createRequire(import.meta.url)

/** A broken connection shows as the error of a transaction. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

/**
 * Connects at the first transaction, with the hub's own deadlines, and again after a failure. `longestMs`: how long a statement
 * may take instead, its waits for locks included.
 */
export function createPostgresSession(url: string, longestMs?: number): PostgresSession {
  lookInProgram()
  const patience = longestMs && { statementMs: longestMs, responseMs: longestMs + 1_000, lockMs: longestMs }
  let opening: Promise<CountedPool> | undefined
  // A hub with the embedded database loads this file, and never pg.
  const pool = () => (opening ??= open())
  const open = async () => {
    const { createPostgresPool, postgresLimits } = await import('./postgres-pool.ts')
    return createPostgresPool(url, { ...postgresLimits, ...(patience || {}), connections: 1 }, silent)
  }
  const use = async <T>(body: (run: Run) => Promise<T>): Promise<T> => {
    const client = await (await pool()).connect()
    try {
      const result = await body(async (text, parameters) => (await client.query(text, [...parameters])).rows)
      client.release()
      return result
    } catch (error) {
      // Not reused: what state its transaction is in is unknown.
      ;(client.release as (destroy?: boolean) => void)(true)
      throw error
    }
  }
  let database: Database | undefined
  return {
    transaction: (body) =>
      use(async (run) => {
        await run('BEGIN', [])
        const result = await body(run)
        await run('COMMIT', [])
        return result
      }),
    statement: (text) => use(async (run) => void (await run(text, []))),
    get database() {
      if (database) return database
      // A thread that only runs statements starts without it, and takes 10 MB less.
      const { Kysely, PostgresDialect } = require('kysely') as typeof import('kysely')
      database = new Kysely({ dialect: new PostgresDialect({ pool }) })
      return database
    },
    close: async () => (await opening)?.end(),
  }
}
