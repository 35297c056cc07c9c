import type { Http2Session } from 'node:http2'
import type { Clock } from '../kernel/clock.ts'
import { HEARTBEAT_MISSES, HEARTBEAT_MS } from './tunnel-protocol.ts'

/**
 * Pings the peer of an HTTP/2 session every `intervalMs`, one ping at a time. Calls `onDead` once after
 * `HEARTBEAT_MISSES` intervals without any byte from the peer. A tick that is late because this process was blocked does
 * not count as a miss, since the response may be waiting in the socket.
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
  const { clock, bytesRead } = options
  const interval = options.intervalMs ?? HEARTBEAT_MS
  let waiting = false
  let missed = 0
  let seen = bytesRead()
  let due = clock.monotonic() + interval

  const tick = (): void => {
    const late = clock.monotonic() - due
    due = clock.monotonic() + interval
    if (session.destroyed) {
      stop()
      return
    }
    const now = bytesRead()
    if (!waiting || now !== seen) missed = 0
    else if (late < interval / 2) missed += 1
    seen = now
    if (missed >= HEARTBEAT_MISSES) {
      stop()
      options.onDead()
    } else if (!waiting) ask()
  }
  const ask = (): void => {
    const sentAt = clock.monotonic()
    waiting = true
    try {
      session.ping((error) => {
        waiting = false
        if (!error) options.onRtt?.(clock.monotonic() - sentAt)
      })
    } catch {
      // The session is closing; its `close` event notifies the owner.
      waiting = false
    }
  }
  const timer = setInterval(tick, interval)
  const stop = (): void => clearInterval(timer)
  session.once('close', stop)
  ask()
  return stop
}
