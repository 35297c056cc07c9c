import type { Http2Session } from 'node:http2'
import { SESSION_WINDOW, STALLED_STREAM_WINDOW, STREAM_WINDOW } from './tunnel-protocol.ts'

/** How many stalled streams may each hold a whole window unread. */
const MOST_STALLED = SESSION_WINDOW / STREAM_WINDOW
/** A pause shorter than this is ordinary back-pressure. */
const LOWER_AFTER_MS = 10
const RAISE_AFTER_MS = 1_000
/** A peer applies settings when it acknowledges them; one that never does would keep the large windows. */
const ACK_MS = 10_000

/**
 * Limits the unread bytes of one session. A stalled stream keeps its whole window in memory, so when too many stall at
 * once, all streams get small windows until the number of stalled streams falls to half of the limit.
 */
export class UnreadBudget {
  readonly #session: Http2Session
  readonly #ackMs: number
  #stalled = 0
  #lowered = false
  #timer: NodeJS.Timeout | undefined

  /** `ackMs`: how long the peer may take to acknowledge smaller windows before the session is destroyed. */
  constructor(session: Http2Session, ackMs = ACK_MS) {
    this.#session = session
    this.#ackMs = ackMs
    session.once('close', () => clearTimeout(this.#timer))
  }

  /** Call it when a stream stops being read. */
  paused(): void {
    this.#stalled += 1
    if (!this.#lowered && this.#stalled > MOST_STALLED) this.#checkIn(LOWER_AFTER_MS)
  }

  /** Call it when the stream is read again or has closed. */
  resumed(): void {
    this.#stalled -= 1
    if (this.#lowered && this.#stalled <= MOST_STALLED / 2) this.#checkIn(RAISE_AFTER_MS)
  }

  #checkIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.#check(), ms)
  }

  #check(): void {
    this.#timer = undefined
    if (this.#session.destroyed || this.#session.closed) return
    const lower = this.#stalled > (this.#lowered ? MOST_STALLED / 2 : MOST_STALLED)
    if (lower === this.#lowered) return
    try {
      const late = setTimeout(() => this.#session.destroy(), this.#ackMs).unref()
      this.#session.settings({ initialWindowSize: lower ? STALLED_STREAM_WINDOW : STREAM_WINDOW }, () =>
        clearTimeout(late),
      )
      this.#lowered = lower
    } catch {
      // The session is closing, or has not acknowledged earlier settings; the next pause checks again.
    }
  }
}
