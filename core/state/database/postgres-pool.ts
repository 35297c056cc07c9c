import type { Socket } from 'node:net'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { copyStatement } from './copy-statement.ts'
import { COPYING_MS } from './patience.ts'
import { runCopy } from './postgres-copy.ts'
import { onStandby } from './standby.ts'

/** Deadlines and limits of the connections to PostgreSQL. Times in milliseconds. */
export interface PostgresLimits {
  readonly connections: number
  /** Number of queries that may wait for a connection; more are refused at once. */
  readonly waiting: number
  readonly connectMs: number
  /** The server ends a statement after this long. */
  readonly statementMs: number
  /** The client drops a connection when a response takes this long; more than `statementMs`. */
  readonly responseMs: number
  /** The server ends a transaction that is idle for this long: a stopped hub must not block the others. */
  readonly idleInTransactionMs: number
  readonly lockMs: number
}

export const postgresLimits: PostgresLimits = {
  connections: 10,
  waiting: 500,
  connectMs: 5_000,
  statementMs: 7_000,
  responseMs: 8_000,
  idleInTransactionMs: 8_000,
  lockMs: 5_000,
}

/** For commands on a database of any size. */
export const patientLimits: PostgresLimits = {
  ...postgresLimits,
  statementMs: COPYING_MS,
  responseMs: COPYING_MS + 1_000,
  idleInTransactionMs: COPYING_MS,
}

const INT8 = 20

/** Returns int8 as a number, as the embedded database does. */
const postgresTypes = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

export interface CountedPool extends PostgresPool {
  /** Number of connections by state, and of queries that wait for one. */
  counts(): Readonly<Record<'used' | 'idle' | 'waiting', number>>
  /** This machine's address on the newest connection; null: it is a Unix socket, or there is none yet. */
  localAddress(): string | null
}

/**
 * A pool for kysely in which every wait has a deadline. Connections that miss a deadline or lead to a standby are
 * discarded.
 */
export function createPostgresPool(url: string, limits: PostgresLimits, log: Log): CountedPool {
  const pool = new pg.Pool({
    connectionString: url,
    max: limits.connections,
    connectionTimeoutMillis: limits.connectMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: 'mezhub',
    statement_timeout: limits.statementMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
    types: postgresTypes,
  })
  const broken = new WeakSet<pg.PoolClient>()
  const wrapped = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  let localAddress: string | null = null
  pool.on('error', (error) => log.warn({ error: messageOf(error) }, 'an idle database connection broke'))
  // A connection may also break while it is checked out but idle; an unhandled error would end the process.
  pool.on('connect', (client) => {
    client.on('error', () => broken.add(client))
    localAddress = streamOf(client)?.localAddress ?? null
  })

  function ask(client: pg.PoolClient, sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    if (broken.has(client)) {
      // The transaction was lost with the connection.
      if (sql === 'rollback') return Promise.resolve({ command: 'ROLLBACK', rowCount: 0, rows: [] } as never)
      return Promise.reject(unavailable('the connection is broken'))
    }
    return new Promise((resolve, reject) => {
      let strikes = 0
      // Two strikes: after a stopped process continues, the timer fires before a response that has arrived is read.
      const timer = setInterval(() => {
        strikes += 1
        if (strikes < 2) return
        clearInterval(timer)
        broken.add(client)
        reject(unavailable(`no response within ${limits.responseMs} ms`))
      }, limits.responseMs / 2)
      const asked = copyStatement(sql)
        ? runCopy(client, sql, parameters)
        : client.query(sql, parameters as unknown[])
      asked.then(
        (result) => {
          clearInterval(timer)
          resolve(result)
        },
        (error) => {
          clearInterval(timer)
          if (!isConnectionLoss(error)) return reject(error)
          broken.add(client)
          reject(unavailable(messageOf(error), error))
        },
      )
    })
  }

  /**
   * Prepares a connection at its first use. READ COMMITTED, regardless of the server's default, makes changes wait for
   * each other instead of failing. A connection to a standby is dropped: in the pool, it would be used even after the
   * primary is reachable again.
   */
  async function prepared(client: pg.PoolClient): Promise<PostgresPoolClient> {
    const known = wrapped.get(client)
    if (known) return known
    const made = wrap(client)
    try {
      await ask(client, 'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED', [])
      const { rows } = await ask(client, 'SELECT pg_is_in_recovery() AS standby', [])
      if (rows[0]?.standby) throw onStandby()
    } catch (error) {
      made.release(true)
      throw error
    }
    wrapped.set(client, made)
    return made
  }

  function wrap(client: pg.PoolClient): PostgresPoolClient {
    return {
      query: (sql: string, parameters: readonly unknown[]) => ask(client, sql, parameters),
      release(destroy?: boolean) {
        if (!destroy && !broken.has(client)) return client.release()
        client.release(true)
        // release() first sends a message that a dead peer never acknowledges.
        streamOf(client)?.destroy()
      },
    } as unknown as PostgresPoolClient
  }

  return {
    options: pool.options,
    async connect() {
      if (pool.waitingCount >= limits.waiting)
        throw unavailable('too many queries are waiting for a connection')
      try {
        return await prepared(await pool.connect())
      } catch (error) {
        if (error instanceof MezError) throw error
        throw unavailable(messageOf(error), error)
      }
    },
    counts: () => ({
      used: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
    localAddress: () => localAddress,
    end: () => pool.end(),
  }
}

const streamOf = (client: pg.PoolClient): Socket | undefined =>
  (client as unknown as { connection?: { stream?: Socket } }).connection?.stream

/** True unless the server itself reported an error in the statement. */
function isConnectionLoss(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true
  // 08: connection exception, 57P: the server shuts down or starts, 25P03: idle in a transaction for too long.
  return code.startsWith('08') || code.startsWith('57P') || code === '25P03'
}

function unavailable(why: string, cause?: unknown): MezError {
  return new MezError('MEZ_DATABASE_UNAVAILABLE', `the database is unavailable: ${why}`, { cause })
}
