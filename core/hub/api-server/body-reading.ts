import type { ServerResponse } from 'node:http'

/** Bytes per millisecond at which a client must read a large response. */
const LEAST_RATE = 10

/**
 * Closes the connection of a client that does not read a response of the hub, which would hold memory and a connection.
 * The client gets `waitMs` plus the time that the response takes at 10 KB/s. Streams have their own rules.
 */
export function demandReading(response: ServerResponse, payload: unknown, waitMs: number): void {
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload)
  if (!isWhole || response.destroyed) return
  const deadline = setTimeout(() => response.destroy(), waitMs + payload.length / LEAST_RATE)
  deadline.unref()
  response.once('close', () => clearTimeout(deadline))
}
