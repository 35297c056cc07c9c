import type { Worker } from 'node:worker_threads'
import type { Database } from '@mezite/core'
import type { CheckpointKey } from './checkpoint-key.ts'
import { checkPart, type PartCheck, type PartRequest } from './part-check.ts'
import type { PartWorkerRequest, PartWorkerResponse, PartWorkerStart } from './part-worker.ts'
import { endThread, startThread } from './thread.ts'

/** Checks parts of the trail, one at a time. */
export interface PartChecker {
  /** As `checkPart`. */
  check(request: PartRequest, signal?: AbortSignal): Promise<PartCheck | null>
  /** Ends its thread, if it has one. */
  end(): Promise<void>
}

/**
 * On PostgreSQL (`url`) in a thread of its own, which lives as long as there are parts: a check takes the time of a core, which
 * requests would miss. A trail in the embedded database (null) is short, and is checked in turns of some milliseconds.
 */
export function createPartChecker(database: Database, url: string | null, key: CheckpointKey): PartChecker {
  if (url === null)
    return { check: (request, signal) => checkPart(database, key, request, signal), async end() {} }
  let worker: Worker | undefined
  let waiting: PromiseWithResolvers<PartCheck | null> | undefined

  function start(url: string): Worker {
    const { publicKey } = key
    const own = startThread('audit-retention', 'part-worker', { url, publicKey } satisfies PartWorkerStart)
    own.on('message', (response: PartWorkerResponse) => {
      if ('result' in response) waiting?.resolve(response.result)
      else waiting?.reject(new Error(response.error))
    })
    own.on('error', (error) => waiting?.reject(error))
    own.once('exit', () => {
      if (worker === own) worker = undefined
      waiting?.reject(new Error('the thread that checks the audit trail ended'))
    })
    return own
  }

  return {
    async check(request, signal) {
      signal?.throwIfAborted()
      const asked = Promise.withResolvers<PartCheck | null>()
      waiting = asked
      worker ??= start(url)
      const own = worker
      const abort = () => {
        if (worker === own) worker = undefined
        asked.reject(signal?.reason)
        void own.terminate()
      }
      signal?.addEventListener('abort', abort, { once: true })
      own.postMessage(request satisfies PartWorkerRequest)
      try {
        return await asked.promise
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    },
    async end() {
      const own = worker
      worker = undefined
      if (own) await endThread(own, 'end' satisfies PartWorkerRequest)
    },
  }
}
