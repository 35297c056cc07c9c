import type { IncomingMessage } from 'node:http'

/** Bytes of a request that msh keeps, so that it can send them again after a confirmation. */
const MOST_KEPT = 65_536

export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Keeps the body of a request while it passes; the returned function resolves to all of it. Null: it may be too long. */
export function keepBody(incoming: IncomingMessage): (() => Promise<Buffer>) | null {
  if (!hasBody(incoming)) return async () => Buffer.alloc(0)
  if (!(Number(incoming.headers['content-length'] ?? Number.NaN) <= MOST_KEPT)) return null
  const chunks: Buffer[] = []
  const whole = new Promise<Buffer>((resolve) => incoming.once('end', () => resolve(Buffer.concat(chunks))))
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => {
    // The refused request may have stopped reading.
    incoming.resume()
    return whole
  }
}
