import type { Http2Session } from 'node:http2'
import {
  FIRST_STREAM_WINDOW,
  SMALLEST_STREAM_WINDOW,
  STREAM_WINDOW,
  UNREAD_BYTES,
} from './tunnel-protocol.ts'

/** A stream that received this much since the last sweep can fill its whole window. */
const BULK_BYTES = 32 << 10
const SWEEP_MS = 1_000
/** A peer applies settings when it acknowledges them; one that never does would keep the large windows. */
const ACK_MS = 10_000
/**
 * A window grows to so many times what the way carries in a round trip. A lost packet is sent again a round trip later, and holds
 * back all bytes behind it, and so the news that they were read: twice as much must be in flight, and more when it is lost again.
 * It takes two round trips to grow, in which TCP, at its start, makes four of one: a window that grows more slowly ends
 * that start, and TCP then takes many seconds to find out what the way carries (BBR adds a quarter in eight round trips).
 */
const ROUND_TRIPS = 4
/** Up to this window it grows as far in any case: where both ends are busy, a round trip says little. */
const UNPROVEN_WINDOW = 1 << 20
/** Beyond it, a window also doubles while the stream has become faster by this factor since it last grew. */
const FASTER = 1.1

/**
 * Limits the unread bytes of one session. A stream that is not read keeps up to its whole window in memory, and a smaller
 * window takes a round trip to apply. So windows begin small, and grow only while somebody reads a whole window in about
 * one round trip (as receive windows of TCP do). They shrink as soon as several streams carry much, before any of them
 * stalls: together, all bulk streams may hold `UNREAD_BYTES`.
 */
export class UnreadBudget {
  readonly #session: Http2Session
  readonly #ackMs: number
  readonly #bulk = new Set<StreamAccount>()
  #window = FIRST_STREAM_WINDOW
  #pending = false
  #timer: NodeJS.Timeout | undefined
  /** A ping is under way, and what each stream reads meanwhile is counted. */
  #measuring = false
  /** The shortest round trip since the first of the bulk streams, in milliseconds. */
  #roundTripMs = Number.POSITIVE_INFINITY
  /** Bytes a millisecond, the most that was seen when the window grew. */
  #bestRate = 0
  /** The window, in bytes, that the way was found to need by an earlier or a present bulk stream. */
  #needed = FIRST_STREAM_WINDOW

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
    return new StreamAccount(this.#watch)
  }

  readonly #watch: AccountWatcher = {
    mark: (account, bulk) => {
      if (!bulk) return void this.#bulk.delete(account)
      this.#bulk.add(account)
      this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
      if (largestWindow(this.#bulk.size) < this.#window) this.#apply(largestWindow(this.#bulk.size))
    },
    read: () => {
      if (this.#pending) return
      const largest = largestWindow(this.#bulk.size)
      // On a connection that was idle, BBR takes the rate of the first full round trips for what the way carries: a stream that
      // begins with small windows would stay slow for seconds.
      if (this.#window < Math.min(this.#needed, largest)) this.#apply(Math.min(this.#needed, largest))
      else if (!this.#measuring && this.#window < largest) this.#measure()
    },
  }

  /** Counts what each stream reads during one round trip. */
  #measure(): void {
    const window = this.#window
    const since = performance.now()
    for (const account of this.#bulk) account.roundBytes = 0
    this.#measuring = true
    try {
      this.#session.ping((error) => {
        this.#measuring = false
        if (error) return
        const tookMs = Math.max(performance.now() - since, 0.01)
        this.#roundTripMs = Math.min(tookMs, this.#roundTripMs)
        if (window !== this.#window || this.#pending) return
        let most = 0
        for (const { roundBytes } of this.#bulk) most = Math.max(most, roundBytes)
        // The peer learns of read bytes for each half of a window.
        if (most < window / 2) return
        // Bytes that wait on the way make a round trip longer, and would justify any window.
        const rate = most / tookMs
        const carried = rate * this.#roundTripMs
        while (this.#needed < Math.min(carried * ROUND_TRIPS, STREAM_WINDOW)) this.#needed *= 2
        const wanted = Math.max(carried, Math.min(window, UNPROVEN_WINDOW / ROUND_TRIPS)) * ROUND_TRIPS
        let next = rate < this.#bestRate * FASTER ? window : window * 2
        while (next < wanted) next *= 2
        if (next > window) this.#bestRate = Math.max(rate, this.#bestRate)
        this.#apply(Math.min(next, largestWindow(this.#bulk.size)))
      })
    } catch {
      // The session is closing.
      this.#measuring = false
    }
  }

  #sweep(): void {
    for (const account of this.#bulk) account.sweep()
    if (this.#bulk.size > 0) return void this.#apply(Math.min(this.#window, largestWindow(this.#bulk.size)))
    this.#roundTripMs = Number.POSITIVE_INFINITY
    this.#bestRate = 0
    this.#apply(FIRST_STREAM_WINDOW)
    if (this.#window !== FIRST_STREAM_WINDOW || this.#pending) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #apply(window: number): void {
    if (window === this.#window || this.#pending) return
    if (this.#session.destroyed || this.#session.closed) return
    const late = setTimeout(() => this.#session.destroy(), this.#ackMs).unref()
    this.#pending = true
    try {
      this.#session.settings({ initialWindowSize: window }, () => {
        clearTimeout(late)
        this.#pending = false
        if (largestWindow(this.#bulk.size) < this.#window) this.#apply(largestWindow(this.#bulk.size))
      })
      this.#window = window
    } catch {
      // The session is closing, or others have changed its settings; the next sweep tries again.
      clearTimeout(late)
      this.#pending = false
    }
  }
}

/** The largest power of two with which so many streams stay within the budget. One stream may hold more. */
function largestWindow(streams: number): number {
  if (streams <= 1) return STREAM_WINDOW
  let window = STREAM_WINDOW
  while (window > SMALLEST_STREAM_WINDOW && window * streams > UNREAD_BYTES) window /= 2
  return window
}

export interface AccountWatcher {
  mark(account: StreamAccount, bulk: boolean): void
  /** A bulk stream has read enough for another measurement. */
  read(): void
}

/** The share of one stream in the budget of its session. It counts while it is not read, or receives much. */
export class StreamAccount {
  readonly #watcher: AccountWatcher
  #bytes = 0
  #paused = false
  #bulk = false
  /** Bytes that were read since the last measurement of a round trip began. */
  roundBytes = 0

  constructor(watcher: AccountWatcher) {
    this.#watcher = watcher
  }

  /** Call it for each chunk that is read. */
  received(bytes: number): void {
    this.#bytes += bytes
    if (this.#bulk) {
      this.roundBytes += bytes
      // A stream of small exchanges, which would cost a ping each, does not fill its window.
      if (this.roundBytes >= BULK_BYTES) this.#watcher.read()
    } else if (this.#bytes >= BULK_BYTES) this.#set(true)
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
    this.roundBytes = bulk ? BULK_BYTES : 0
    this.#watcher.mark(this, bulk)
  }
}
