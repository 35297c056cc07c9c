import type { Http2Session } from 'node:http2'
import { SESSION_WINDOW, STALLED_STREAM_WINDOW, STREAM_WINDOW } from './tunnel-protocol.ts'

/** So many stalled streams may each hold a whole window unread. */
const MOST_STALLED = SESSION_WINDOW / STREAM_WINDOW
/** A pause shorter than this is ordinary back-pressure. */
const LOWER_AFTER_MS = 10
const RAISE_AFTER_MS = 1_000
/** Settings bind a peer once it has acknowledged them; one that does not would keep the large windows. */
const ACK_MS = 10_000

/**
 * Bounds what the receiving side of one session holds unread. A stalled stream keeps its whole window in memory, so
 * when too many stall at once all streams get small windows, until half of the limit is reached again.
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

  /** A stream is not being read from now on. */
  paused(): void {
    this.#stalled += 1
    if (!this.#lowered && this.#stalled > MOST_STALLED) this.#checkIn(LOWER_AFTER_MS)
  }

  /** It is read again, or gone. */
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
      // The session is going, or has not answered earlier settings: the next pause checks again.
    }
  }
}
