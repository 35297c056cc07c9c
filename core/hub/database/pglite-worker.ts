import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'

/** What the worker is asked: one statement, or to close the database. */
export type WorkerQuestion =
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly close: true }

/** Fields of a PostgreSQL error that survive the way out of the worker. */
export interface WorkerError {
  readonly message: string
  readonly code?: string
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  readonly detail?: string
}

export type WorkerAnswer =
  | { readonly id: number; readonly rows: unknown[]; readonly affectedRows: number | undefined }
  | { readonly id: number; readonly error: WorkerError }

const port = parentPort
if (!port) throw new Error('pglite-worker runs as a worker thread only')

const database = PGlite.create((workerData as { folder: string }).folder)
// Told to everyone who asks; without this a database that cannot open would end the worker with a page of its source.
database.catch(() => {})

port.on('message', async (question: WorkerQuestion) => {
  const { id } = question
  try {
    const pg = await database
    if ('close' in question) {
      await pg.close()
      port.postMessage({ id, rows: [], affectedRows: undefined } satisfies WorkerAnswer)
      return
    }
    const { rows, affectedRows } = await pg.query(question.sql, [...question.parameters])
    port.postMessage({ id, rows, affectedRows } satisfies WorkerAnswer)
  } catch (error) {
    port.postMessage({ id, error: flatten(error) } satisfies WorkerAnswer)
  }
})

function flatten(error: unknown): WorkerError {
  const source = Object(error) as Record<string, unknown>
  const flat: Record<string, string> = { message: String(source.message ?? error) }
  for (const name of ['code', 'constraint', 'table', 'column', 'detail']) {
    if (typeof source[name] === 'string') flat[name] = source[name]
  }
  return flat as unknown as WorkerError
}
