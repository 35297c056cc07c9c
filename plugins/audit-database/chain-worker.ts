/** The thread that writes batches of audit events on a connection of its own, one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { createPostgresSession } from '@mezite/core/postgres-session'
import { createChainWriter } from './chain-writer.ts'

export interface WorkerStart {
  /** May contain a password: never logged. */
  readonly url: string
  readonly writer: string
}

/** A batch, or the request to close the connection and end. */
export type WorkerRequest = { readonly batch: number; readonly lines: string } | 'end'

export interface WorkerResponse {
  readonly batch: number
  /** Missing when the batch is committed. */
  readonly error?: { readonly message: string; readonly unavailable: boolean }
}

const { url, writer } = workerData as WorkerStart
const session = createPostgresSession(url)
const chain = createChainWriter(writer)
let turn = Promise.resolve()

async function write(batch: number, lines: string): Promise<WorkerResponse> {
  try {
    await session.transaction((run) => chain.append(run, lines, batch))
    return { batch }
  } catch (error) {
    const { message = String(error), code } = Object(error) as { message?: string; code?: unknown }
    return { batch, error: { message, unavailable: code === 'MEZ_DATABASE_UNAVAILABLE' } }
  }
}

parentPort?.on('message', (request: WorkerRequest) => {
  turn = turn.then(async () => {
    if (request !== 'end') return parentPort?.postMessage(await write(request.batch, request.lines))
    await session.close().catch(() => {})
    parentPort?.close()
  })
})
