import type { Http2Session } from 'node:http2'
import type { Clock } from '../kernel/clock.ts'
import { HEARTBEAT_MISSES, HEARTBEAT_MS } from './tunnel-protocol.ts'

/** Checks in each interval: silence is noticed after one interval to one and a half. */
const CHECKS = 2
/** How many intervals pass at most between two measurements of the round trip. */
const RTT_INTERVALS = 5

/**
 * Watches the peer of an HTTP/2 session: pings it when it has sent no byte for `intervalMs` (up to half of it more), and calls
 * `onDead` once after `HEARTBEAT_MISSES` more, as when the session was cut and has not closed by then. When both ends do so, an
 * idle session carries one ping in each such time, and not one from each end in each interval.
 * A check that is late because this process was blocked does not count, since the response may be waiting in the socket.
 * With `onRtt` it also pings at the start, and every few intervals.
 */
export function startHeartbeat(
  session: Http2Session,
  options: {
    readonly clock: Clock
    readonly bytesRead: () => number
    readonly onDead: () => void
    readonly onRtt?: (rttMs: number) => void
    readonly intervalMs?: number
  },
): () => void {
  const { clock, bytesRead, onRtt } = options
  const interval = options.intervalMs ?? HEARTBEAT_MS
  const checkMs = interval / CHECKS
  let waiting = false
  /** Checks in a row without a byte, and those of them since the ping. */
  let quiet = 0
  let missed = 0
  let seen = bytesRead()
  let checkedAt = clock.monotonic()
  let askedAt = checkedAt

  const check = (): void => {
    // Its socket sends the last bytes, and `close` follows.
    if (session.destroyed && session.closed) return void stop()
    const now = clock.monotonic()
    const elapsed = now - checkedAt
    // The first check of a session, or one after a late one, may come too soon to show anything.
    if (elapsed < checkMs / 2) return
    checkedAt = now
    const read = bytesRead()
    // A session that was cut ends with the write that is under way, which a peer that does not read holds up without end.
    if (session.destroyed) missed += 1
    else if (read !== seen) quiet = missed = 0
    else if (elapsed < checkMs * 1.5) {
      quiet += 1
      if (waiting) missed += 1
    }
    seen = read
    const due = quiet >= CHECKS || (onRtt && now - askedAt >= RTT_INTERVALS * interval)
    if (missed >= HEARTBEAT_MISSES * CHECKS) {
      stop()
      options.onDead()
    } else if (due && !waiting && !session.destroyed) ask()
  }
  const ask = (): void => {
    askedAt = clock.monotonic()
    waiting = true
    missed = 0
    const answered = (error: Error | null): void => {
      waiting = false
      if (!error) onRtt?.(clock.monotonic() - askedAt)
    }
    try {
      // Node.js sends no ping once a session is closing, which may take as long as its last stream. SETTINGS without a
      // change are acknowledged as well (RFC 9113, section 6.5.3).
      if (session.closed) session.settings({}, answered)
      else session.ping(answered)
    } catch {
      // The session has ended; its `close` event notifies the owner.
      waiting = false
    }
  }
  const stop = checkEvery(checkMs, check)
  session.once('close', stop)
  if (onRtt) ask()
  return stop
}

/**
 * The time between two checks is divided into so many parts, and sessions are spread over them evenly: those of one part are
 * checked together. With a timer for each, thousands of links would wake the process thousands of times a second.
 */
const PARTS = 20

const parts = new Map<number, readonly Part[]>()

/** Calls `check` every `intervalMs`, for the first time within one and a half of it. Returns the stop function. */
function checkEvery(intervalMs: number, check: () => void): () => void {
  const all =
    parts.get(intervalMs) ??
    Array.from({ length: PARTS }, (_, at) => new Part(intervalMs, (at * intervalMs) / PARTS))
  parts.set(intervalMs, all)
  return all.reduce((least, part) => (part.size < least.size ? part : least)).add(check)
}

class Part {
  readonly #intervalMs: number
  readonly #offsetMs: number
  readonly #checks = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined

  constructor(intervalMs: number, offsetMs: number) {
    this.#intervalMs = intervalMs
    this.#offsetMs = offsetMs
  }

  get size(): number {
    return this.#checks.size
  }

  add(check: () => void): () => void {
    this.#checks.add(check)
    if (this.#checks.size === 1) this.#arm()
    return () => {
      this.#checks.delete(check)
      if (this.#checks.size === 0) clearTimeout(this.#timer)
    }
  }

  /** By the clock and not by `setInterval`, whose moments would drift until all parts are one. */
  #arm(): void {
    const left = this.#intervalMs - ((performance.now() - this.#offsetMs) % this.#intervalMs)
    this.#timer = setTimeout(
      () => {
        this.#arm()
        for (const each of this.#checks) each()
      },
      left < this.#intervalMs / 2 ? left + this.#intervalMs : left,
    )
  }
}
