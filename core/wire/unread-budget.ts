import type { Http2Session } from 'node:http2'
import { SMALLEST_STREAM_WINDOW, STREAM_WINDOW, UNREAD_BYTES } from './tunnel-protocol.ts'

/** A stream that received this much since the last sweep can fill its whole window. */
const BULK_BYTES = 256 << 10
const SWEEP_MS = 1_000
/** A peer applies settings when it acknowledges them; one that never does would keep the large windows. */
const ACK_MS = 10_000

/**
 * Limits the unread bytes of one session. A stream that is not read keeps up to its whole window in memory, and a smaller
 * window takes a round trip to apply. So the windows shrink as soon as several streams carry much, before any of them
 * stalls: together, all bulk streams may hold `UNREAD_BYTES`. One fast stream keeps the largest window.
 */
export class UnreadBudget {
  readonly #session: Http2Session
  readonly #ackMs: number
  readonly #bulk = new Set<StreamAccount>()
  #window = STREAM_WINDOW
  #pending = false
  #timer: NodeJS.Timeout | undefined

  /** `ackMs`: how long the peer may take to acknowledge smaller windows before the session is destroyed. */
  constructor(session: Http2Session, ackMs = ACK_MS) {
    this.#session = session
    this.#ackMs = ackMs
    session.once('close', () => clearInterval(this.#timer))
  }

  /** The window of each stream, in bytes, as last announced to the peer. */
  get window(): number {
    return this.#window
  }

  /** The account of a new stream of this session. */
  account(): StreamAccount {
    return new StreamAccount((account, bulk) => this.#mark(account, bulk))
  }

  #mark(account: StreamAccount, bulk: boolean): void {
    if (!bulk) return void this.#bulk.delete(account)
    this.#bulk.add(account)
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    if (windowFor(this.#bulk.size) < this.#window) this.#apply()
  }

  #sweep(): void {
    for (const account of this.#bulk) account.sweep()
    this.#apply()
    if (this.#bulk.size > 0 || this.#window < STREAM_WINDOW) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #apply(): void {
    const window = windowFor(this.#bulk.size)
    if (window === this.#window || this.#pending) return
    if (this.#session.destroyed || this.#session.closed) return
    const late = setTimeout(() => this.#session.destroy(), this.#ackMs).unref()
    this.#pending = true
    try {
      this.#session.settings({ initialWindowSize: window }, () => {
        clearTimeout(late)
        this.#pending = false
        if (windowFor(this.#bulk.size) < this.#window) this.#apply()
      })
      this.#window = window
    } catch {
      // The session is closing, or others have changed its settings; the next sweep tries again.
      clearTimeout(late)
      this.#pending = false
    }
  }
}

/** The largest power of two with which so many streams stay within the budget. */
function windowFor(streams: number): number {
  let window = STREAM_WINDOW
  while (window > SMALLEST_STREAM_WINDOW && window * streams > UNREAD_BYTES) window /= 2
  return window
}

/** The share of one stream in the budget of its session. It counts while it is not read, or receives much. */
export class StreamAccount {
  readonly #mark: (account: StreamAccount, bulk: boolean) => void
  #bytes = 0
  #paused = false
  #bulk = false

  constructor(mark: (account: StreamAccount, bulk: boolean) => void) {
    this.#mark = mark
  }

  /** Call it for each chunk that arrives. */
  received(bytes: number): void {
    this.#bytes += bytes
    if (!this.#bulk && this.#bytes >= BULK_BYTES) this.#set(true)
  }

  /** Call it when the stream stops being read. */
  paused(): void {
    this.#paused = true
    if (!this.#bulk) this.#set(true)
  }

  resumed(): void {
    this.#paused = false
  }

  /** Call it when the stream has closed, or waits for its next use. */
  released(): void {
    this.#paused = false
    this.#bytes = 0
    if (this.#bulk) this.#set(false)
  }

  /** Called once a second while it counts. */
  sweep(): void {
    if (!this.#paused && this.#bytes < BULK_BYTES) this.#set(false)
    this.#bytes = 0
  }

  #set(bulk: boolean): void {
    this.#bulk = bulk
    this.#mark(this, bulk)
  }
}
