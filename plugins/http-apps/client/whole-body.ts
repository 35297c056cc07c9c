import { limits } from '../limits.ts'
import type { AppRequest } from '../request/app-request.ts'
import type { Client } from './client.ts'

/**
 * Reads the body of a request that nobody has admitted yet. Null: it has more than `limit` bytes, does not arrive in time, its
 * client goes away, or it has trailers, which no verifier sees.
 */
export async function readWhole(client: Client, request: AppRequest, limit: number): Promise<Buffer | null> {
  const { length } = request
  if (length === undefined) return Buffer.alloc(0)
  if (length !== null && length > limit) return null
  const { promise, resolve } = Promise.withResolvers<Buffer | null>()
  const chunks: Buffer[] = []
  let bytes = 0
  const late = setTimeout(() => resolve(null), limits.verifyMs)
  if (request.expectsContinue) client.welcomeBody()
  client.watch({ onclientdrain() {}, onclientgone: () => resolve(null) })
  client.readBody({
    onrequestdata(chunk) {
      bytes += chunk.length
      if (bytes <= limit) chunks.push(chunk)
      else resolve(null)
    },
    onrequestend: (trailers) => resolve(trailers.length === 0 ? Buffer.concat(chunks) : null),
  })
  try {
    return await promise
  } finally {
    clearTimeout(late)
  }
}
