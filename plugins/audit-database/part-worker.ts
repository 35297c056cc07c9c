/** The thread that checks parts of the trail for retention by type, on a connection of its own. */
import type { KeyObject } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { createPostgresSession } from '@mezite/core/postgres-session'
import { verifierOf } from './checkpoint-key.ts'
import { checkPart, type PartCheck, type PartRequest } from './part-check.ts'

export interface PartWorkerStart {
  /** May contain a password: never logged. */
  readonly url: string
  readonly publicKey: KeyObject
}

/** A part to check, or the request to close the connection and end. */
export type PartWorkerRequest = PartRequest | 'end'

export type PartWorkerResponse = { readonly result: PartCheck | null } | { readonly error: string }

const { url, publicKey } = workerData as PartWorkerStart
const session = createPostgresSession(url)
const key = verifierOf(publicKey)

async function check(request: PartRequest): Promise<PartWorkerResponse> {
  try {
    return { result: await checkPart(session.database, key, request) }
  } catch (error) {
    return { error: String((Object(error) as { message?: unknown }).message ?? error) }
  }
}

parentPort?.on('message', async (request: PartWorkerRequest) => {
  if (request !== 'end') return parentPort?.postMessage(await check(request))
  await session.close().catch(() => {})
  parentPort?.close()
})
