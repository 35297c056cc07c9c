/**
 * For a plugin that opens a connection of its own to the hub's PostgreSQL database. Unstable until 1.0.
 *
 * @beta
 */
import type { Log } from '../../kernel/log.ts'
import { createPostgresPool, postgresLimits } from './postgres-pool.ts'

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
  close(): Promise<void>
}

/** A broken connection shows as the error of a transaction. */
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

/** Connects at the first transaction, with the hub's own deadlines, and again after a failure. */
export function createPostgresSession(url: string): PostgresSession {
  const pool = createPostgresPool(url, { ...postgresLimits, connections: 1 }, silent)
  return {
    async transaction(body) {
      const client = await pool.connect()
      const run: Run = async (text, parameters) => (await client.query(text, [...parameters])).rows
      try {
        await run('BEGIN', [])
        const result = await body(run)
        await run('COMMIT', [])
        client.release()
        return result
      } catch (error) {
        // Not reused: what state its transaction is in is unknown.
        ;(client.release as (destroy?: boolean) => void)(true)
        throw error
      }
    },
    close: () => pool.end(),
  }
}
