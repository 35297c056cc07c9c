import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { compilerFlags, workerFile } from './embedded-folder.ts'
import type { WorkerError, WorkerRequest, WorkerResponse } from './pglite-worker.ts'

const START_MS = 120_000
const QUERY_MS = 30_000

interface Result {
  readonly rows: unknown[]
  readonly affectedRows: number | undefined
}

/** One worker. A transaction belongs to one worker and fails if that worker ends. */
interface Engine {
  query(sql: string, parameters?: readonly unknown[]): Promise<Result>
  close(): Promise<void>
  ended: boolean
}

export interface EmbeddedClientOptions {
  /** Folder of the data files; the caller has the lock on it. */
  readonly folder: string
  readonly log: Log
  /** How long a statement may take before the worker is replaced; default 30 s. */
  readonly queryMs?: number
}

/**
 * PGlite in a worker thread, with the interface that kysely's PGliteDialect expects. In the hub's own thread PGlite would
 * block the event loop. A worker that ends or hangs is replaced at the next statement: acknowledged changes are on disk, and
 * everything else in progress rejects with `MEZ_DATABASE_UNAVAILABLE`.
 */
export function createEmbeddedClient({ folder, log, queryMs = QUERY_MS }: EmbeddedClientOptions) {
  let engine: Engine | undefined
  let closed = false

  function current(): Engine {
    if (closed) throw unavailable('is closed')
    if (!engine || engine.ended) engine = startEngine(folder, log, queryMs)
    return engine
  }

  // biome-ignore lint/suspicious/noExplicitAny: callers type the rows
  async function query<T>(sql: string, parameters: any[] = []) {
    const { rows, affectedRows } = await current().query(sql, parameters)
    return resultOf<T>(rows, affectedRows)
  }

  return {
    ready: true,
    waitReady: Promise.resolve(),
    get closed() {
      return closed
    },
    query,
    async transaction<T>(run: (trx: { query: typeof query }) => Promise<T>): Promise<T> {
      const own = current()
      let aborted = false
      await own.query('BEGIN')
      try {
        const result = await run({
          async query<R>(sql: string, parameters: unknown[] = []) {
            try {
              const { rows, affectedRows } = await own.query(sql, parameters)
              if (/^rollback to/i.test(sql)) aborted = false
              return resultOf<R>(rows, affectedRows)
            } catch (error) {
              aborted = true
              throw error
            }
          },
        })
        // COMMIT of an aborted transaction rolls back and reports success.
        if (aborted) throw Object.assign(new Error('the transaction was aborted'), { code: '25P02' })
        await own.query('COMMIT')
        return result
      } catch (error) {
        if (!own.ended) await own.query('ROLLBACK').catch(() => {})
        throw error
      }
    },
    /** Writes everything to disk and ends the worker. */
    async close(): Promise<void> {
      if (closed) return
      closed = true
      if (engine && !engine.ended) await engine.close()
    },
  }
}

function resultOf<T>(rows: unknown[], affectedRows: number | undefined) {
  return affectedRows === undefined ? { rows: rows as T[] } : { rows: rows as T[], affectedRows }
}

/** A worker that has no folder yet. */
let prepared: Worker | undefined

/** Lets a thread load PostgreSQL for the next database that is opened, while this one still loads plugins. */
export function prepareEngine(): void {
  const worker = startWorker()
  prepared = worker
  worker.unref()
  const forget = () => {
    if (prepared === worker) prepared = undefined
  }
  worker.on('error', forget)
  worker.on('exit', forget)
}

function takeWorker(): Worker {
  const worker = prepared ?? startWorker()
  prepared = undefined
  worker.ref()
  return worker
}

function startWorker(): Worker {
  for (const flag of compilerFlags) setFlagsFromString(flag)
  return new Worker(workerFile, { name: 'database', resourceLimits: { maxYoungGenerationSizeMb: 8 } })
}

function startEngine(folder: string, log: Log, queryMs: number): Engine {
  const worker = takeWorker()
  worker.postMessage({ folder } satisfies WorkerRequest)
  const waiting = new Map<number, (response: WorkerResponse | MezError) => void>()
  let sent = 0
  let received = 0
  let closing = false

  const end = (why: string) => {
    if (own.ended) return
    own.ended = true
    if (!closing) log.error({ why }, 'the embedded database has stopped; it restarts with the next query')
    for (const settle of waiting.values()) settle(unavailable(why))
    waiting.clear()
    void worker.terminate()
  }
  worker.on('error', (error) => end(`has failed: ${error.message.slice(0, 200)}`))
  worker.on('exit', () => end('has ended'))
  worker.on('message', (response: WorkerResponse) => {
    received += 1
    const settle = waiting.get(response.id)
    waiting.delete(response.id)
    settle?.(response)
  })

  function send(request: object, deadlineMs: number): Promise<Result> {
    if (own.ended) return Promise.reject(unavailable('has ended'))
    const id = ++sent
    return new Promise((resolve, reject) => {
      let strikes = 0
      // Two strikes: after a stopped process continues, the timer fires before a response that has arrived is read.
      const timer = setInterval(() => {
        strikes += 1
        if (strikes >= 2) end(`did not respond within ${deadlineMs} ms`)
      }, deadlineMs / 2)
      waiting.set(id, (response) => {
        clearInterval(timer)
        if (response instanceof MezError) reject(response)
        else if ('error' in response) reject(databaseError(response.error))
        else resolve(response)
      })
      worker.postMessage({ ...request, id })
    })
  }

  const own: Engine = {
    ended: false,
    query: (sql, parameters = []) => send({ sql, parameters }, received === 0 ? START_MS : queryMs),
    async close() {
      closing = true
      await send({ close: true }, queryMs).catch((error: Error) =>
        log.error({ error: error.message }, 'the embedded database did not close cleanly'),
      )
      // Requests sent in the meantime get no response.
      end('is closed')
      await worker.terminate()
    },
  }
  return own
}

function databaseError({ message, ...fields }: WorkerError): Error {
  return Object.assign(new Error(message), fields)
}

const unavailable = (why: string) => new MezError('MEZ_DATABASE_UNAVAILABLE', `the embedded database ${why}`)
