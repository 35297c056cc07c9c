import type { ServerResponse } from 'node:http'

/** Bytes a millisecond that a reader of a larger answer must manage. */
const LEAST_RATE = 10

/**
 * An answer of the hub's own that is not read holds memory and a connection: whoever has not taken it after `waitMs`, and
 * 10 KB a second, is cut off. Answers that are streams end by their own rules.
 */
export function demandReading(response: ServerResponse, payload: unknown, waitMs: number): void {
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload)
  if (!isWhole || response.destroyed) return
  const deadline = setTimeout(() => response.destroy(), waitMs + payload.length / LEAST_RATE)
  deadline.unref()
  response.once('close', () => clearTimeout(deadline))
}
