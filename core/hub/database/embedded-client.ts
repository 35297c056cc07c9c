import { Worker } from 'node:worker_threads'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { WorkerAnswer, WorkerError, WorkerQuestion } from './pglite-worker.ts'

const START_MS = 120_000
const QUERY_MS = 30_000

interface Result {
  readonly rows: unknown[]
  readonly affectedRows: number | undefined
}

/** One life of the worker. Transactions belong to a life and fail with it. */
interface Life {
  ask(sql: string, parameters?: readonly unknown[]): Promise<Result>
  close(): Promise<void>
  dead: boolean
}

export interface EmbeddedClientOptions {
  /** Folder of the data files; the caller holds the lock on it. */
  readonly folder: string
  readonly log: Log
  /** How long a statement may take before the worker is replaced; default 30 s. */
  readonly queryMs?: number
}

/**
 * PGlite in a worker thread, in the shape that kysely's PGliteDialect asks for. In the thread of the hub PGlite would
 * starve the event loop. A worker that ends or hangs is replaced at the next statement; what it had acknowledged is on
 * disk, and everything under way rejects with `MEZ_DATABASE_UNAVAILABLE`.
 */
export function createEmbeddedClient({ folder, log, queryMs = QUERY_MS }: EmbeddedClientOptions) {
  let life: Life | undefined
  let closed = false

  function current(): Life {
    if (closed) throw unavailable('is closed')
    if (!life || life.dead) life = startLife(folder, log, queryMs)
    return life
  }

  // biome-ignore lint/suspicious/noExplicitAny: rows are typed by those who ask
  async function query<T>(sql: string, parameters: any[] = []) {
    const { rows, affectedRows } = await current().ask(sql, parameters)
    return answerOf<T>(rows, affectedRows)
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
      await own.ask('BEGIN')
      try {
        const result = await run({
          async query<R>(sql: string, parameters: unknown[] = []) {
            try {
              const { rows, affectedRows } = await own.ask(sql, parameters)
              if (/^rollback to/i.test(sql)) aborted = false
              return answerOf<R>(rows, affectedRows)
            } catch (error) {
              aborted = true
              throw error
            }
          },
        })
        // COMMIT of an aborted transaction would roll back and call that a success.
        if (aborted) throw Object.assign(new Error('the transaction was aborted'), { code: '25P02' })
        await own.ask('COMMIT')
        return result
      } catch (error) {
        if (!own.dead) await own.ask('ROLLBACK').catch(() => {})
        throw error
      }
    },
    /** Writes everything out and ends the worker. */
    async close(): Promise<void> {
      if (closed) return
      closed = true
      if (life && !life.dead) await life.close()
    },
  }
}

function answerOf<T>(rows: unknown[], affectedRows: number | undefined) {
  return affectedRows === undefined ? { rows: rows as T[] } : { rows: rows as T[], affectedRows }
}

function startLife(folder: string, log: Log, queryMs: number): Life {
  // From the sources the file ends in .ts, from dist in .js.
  const file = `./pglite-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
  const worker = new Worker(new URL(file, import.meta.url), { workerData: { folder }, name: 'database' })
  const waiting = new Map<number, (answer: WorkerAnswer | MezError) => void>()
  let asked = 0
  let answered = 0
  let closing = false

  const end = (why: string) => {
    if (own.dead) return
    own.dead = true
    if (!closing) log.error({ why }, 'the embedded database has stopped; it starts again when it is asked')
    for (const settle of waiting.values()) settle(unavailable(why))
    waiting.clear()
    void worker.terminate()
  }
  worker.on('error', (error) => end(`has failed: ${error.message.slice(0, 200)}`))
  worker.on('exit', () => end('has ended'))
  worker.on('message', (answer: WorkerAnswer) => {
    answered += 1
    const settle = waiting.get(answer.id)
    waiting.delete(answer.id)
    settle?.(answer)
  })

  function ask(question: Omit<WorkerQuestion, 'id'>, deadlineMs: number): Promise<Result> {
    if (own.dead) return Promise.reject(unavailable('has ended'))
    const id = ++asked
    return new Promise((resolve, reject) => {
      let strikes = 0
      // Two strikes: after a process stop the first timer fires before the answer that is already there is read.
      const timer = setInterval(() => {
        strikes += 1
        if (strikes >= 2) end(`did not answer within ${deadlineMs} ms`)
      }, deadlineMs / 2)
      waiting.set(id, (answer) => {
        clearInterval(timer)
        if (answer instanceof MezError) reject(answer)
        else if ('error' in answer) reject(databaseError(answer.error))
        else resolve(answer)
      })
      worker.postMessage({ ...question, id })
    })
  }

  const own: Life = {
    dead: false,
    ask: (sql, parameters = []) => ask({ sql, parameters } as never, answered === 0 ? START_MS : queryMs),
    async close() {
      closing = true
      await ask({ close: true } as never, queryMs).catch((error: Error) =>
        log.error({ error: error.message }, 'the embedded database did not close in order'),
      )
      // What was asked meanwhile gets no answer any more.
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
