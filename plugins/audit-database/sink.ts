import { randomUUID } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import { type AuditSink, type Database, isMezError, MezError, type Transaction } from '@mezite/core'
import { CompiledQuery } from 'kysely'
import type { WorkerRequest, WorkerResponse, WorkerStart } from './chain-worker.ts'
import { createChainWriter, type Run } from './chain-writer.ts'
import { endThread, startThread } from './thread.ts'

/**
 * How long a write waits for an unreachable database before it fails. Decisions are made from memory for the same time, so
 * that people who are signed in do not notice a restart of the database.
 */
const PATIENCE_MS = 5_000
const RETRY_MS = 200
/** One transaction of this many rows costs the database half as much as five of 200. */
const BATCH = 1_000

/** Stores the lines of one batch; resolves after the commit. */
type Write = (lines: string, batch: number) => Promise<void>

export interface DatabaseSink extends AuditSink {
  /** Closes the sink's own connection, if it has one. */
  stop(): Promise<void>
}

/**
 * Writes events to the hub's database, each as a link of its hub's chain. On PostgreSQL (`url`) batches go to a thread with
 * a connection of its own; the embedded database (null) has a thread already. The events of a change are written in its
 * transaction.
 */
export function createSink(database: Database, url: string | null = null): DatabaseSink {
  const writer = randomUUID()
  const chain = createChainWriter(writer)
  const thread = url === null ? null : createWriterThread({ url, writer })
  const write: Write =
    thread?.write ??
    ((lines, batch) => database.transaction().execute((trx) => chain.append(runIn(trx), lines, batch)))
  return {
    name: 'audit-database',
    guarantee: 'enforced',
    batch: BATCH,
    write: (lines, batch) => patiently(() => write(lines, batch)),
    writeIn: (trx, lines) => chain.append(runIn(trx), lines, null),
    // Events are committed when `write` resolves.
    flush: async () => {},
    stop: async () => thread?.stop(),
  }
}

/** Runs plain SQL in a transaction of kysely. */
export const runIn =
  (trx: Transaction): Run =>
  async (text, parameters) =>
    (await trx.executeQuery(CompiledQuery.raw(text, [...parameters]))).rows

async function patiently(write: () => Promise<void>): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isMezError(error, 'MEZ_DATABASE_UNAVAILABLE') || performance.now() > until) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/**
 * The thread that writes. Responses name their batch. A write rejects when the thread ends, and the next write starts
 * another one; so does a write that comes while one is waiting, because its caller has given up on a thread that hangs.
 */
function createWriterThread(start: WorkerStart) {
  let worker: Worker | undefined
  let waiting: { batch: number; settle: (error?: Error) => void } | undefined

  function lose(lost: Worker, why: string): void {
    if (worker !== lost) return
    worker = undefined
    void lost.terminate()
    waiting?.settle(new Error(`the thread that writes audit events ${why}`))
  }

  function startWorker(): Worker {
    const own = startThread('audit', 'chain-worker', start)
    own.unref()
    own.on('message', ({ batch, error }: WorkerResponse) => {
      if (waiting?.batch !== batch) return
      if (error === undefined) waiting.settle()
      else if (error.unavailable) waiting.settle(new MezError('MEZ_DATABASE_UNAVAILABLE', error.message))
      else waiting.settle(new Error(error.message))
    })
    own.on('error', (error) => lose(own, `failed: ${error.message.slice(0, 200)}`))
    own.on('exit', () => lose(own, 'ended'))
    return own
  }

  return {
    write(lines: string, batch: number): Promise<void> {
      if (worker && waiting) lose(worker, 'did not respond in time')
      worker ??= startWorker()
      const own = worker
      return new Promise((resolve, reject) => {
        waiting = {
          batch,
          settle(error) {
            waiting = undefined
            if (error) reject(error)
            else resolve()
          },
        }
        own.postMessage({ batch, lines } satisfies WorkerRequest)
      })
    },
    /** Lets the thread close its connection. */
    async stop(): Promise<void> {
      const own = worker
      worker = undefined
      if (!own) return
      await endThread(own, 'end' satisfies WorkerRequest)
    },
  }
}
