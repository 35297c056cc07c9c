import type { AuditSink } from '../../api/audit.ts'
import type { Clock } from '../../kernel/clock.ts'

/** Bounds of one sink's queue; times in milliseconds. */
export interface DeliveryLimits {
  /** The most events in one write of a sink that names no number itself. */
  readonly batch: number
  readonly lingerMs: number
  /**
   * While fewer events wait, an enforced sink accepts new requests. With this many or more it accepts them as long as the
   * oldest event has waited for less than `fullMs`, so that a short stop of a sink closes the gate at no rate. A best-effort
   * sink drops further events.
   */
  readonly full: number
  readonly fullMs: number
  /** When the waiting events take this much memory, an enforced sink accepts no new requests, however few or young they are. */
  readonly fullBytes: number
  /** Current requests may record events up to this much memory; beyond it, an enforced sink loses events, which is logged. */
  readonly overfullBytes: number
  /** The most queued events of strangers. They do not count towards `full`; further ones are dropped. */
  readonly strangers: number
  readonly writeMs: number
  readonly firstRetryMs: number
  readonly longestRetryMs: number
}

export const deliveryLimits: DeliveryLimits = {
  batch: 200,
  lingerMs: 80,
  full: 4_000,
  fullMs: 2_000,
  fullBytes: 64 << 20,
  overfullBytes: 96 << 20,
  strangers: 1_000,
  writeMs: 10_000,
  firstRetryMs: 200,
  longestRetryMs: 5_000,
}

const MOST_AT_ONCE = 1_000

/** Events as one text. */
interface Chunk {
  readonly lines: string
  readonly count: number
  /** Number of these that clients caused who are not signed in. */
  readonly strangers: number
  /** Memory of the others. */
  readonly bytes: number
  /** When the first of the others was queued, by the monotonic clock; infinite if there is none. */
  readonly since: number
}

/** The most memory that a text can take. */
const bytesOf = (text: string): number => text.length * 2

/** The events of one sink, in order, from `push` until the sink has accepted them. */
export class SinkQueue {
  /** The most events in one write. */
  readonly mostAtOnce: number
  readonly #limits: DeliveryLimits
  readonly #clock: Clock
  readonly #enforced: boolean
  readonly #chunks: Chunk[] = []
  /** Number of events in the queue and in the batch that is being written; of these, events of strangers. */
  #queued = 0
  #strangers = 0
  /** Memory of the others. */
  #bytes = 0
  /** The batch that is being written or has failed. It stays the same until the sink has accepted it. */
  #batch: Chunk | undefined
  #batches = 0
  /** The sink has rejected the newest batch. */
  failing = false

  constructor(sink: AuditSink, { limits, clock }: { limits: DeliveryLimits; clock: Clock }) {
    this.#limits = limits
    this.#clock = clock
    this.#enforced = sink.guarantee === 'enforced'
    this.mostAtOnce = Math.min(sink.batch ?? limits.batch, MOST_AT_ONCE)
  }

  get queued(): number {
    return this.#queued
  }

  /** Number of batches so far, the one of `next` included. */
  get batches(): number {
    return this.#batches
  }

  /** Takes as many of these events as there is room for, and returns how many. */
  push(lines: readonly string[], ofStranger: boolean): number {
    const room = this.#roomFor(lines, ofStranger)
    const now = this.#clock.monotonic()
    for (let at = 0; at < room; at += this.mostAtOnce) {
      const taken = lines.slice(at, Math.min(at + this.mostAtOnce, room))
      const [text, count] = [taken.join(''), taken.length]
      const chunk: Chunk = ofStranger
        ? { lines: text, count, strangers: count, bytes: 0, since: Number.POSITIVE_INFINITY }
        : { lines: text, count, strangers: 0, bytes: bytesOf(text), since: now }
      this.#chunks.push(chunk)
      this.#queued += count
      this.#strangers += chunk.strangers
      this.#bytes += chunk.bytes
    }
    return room
  }

  /** False while an enforced sink fails, or would be full with `more` events that are not queued yet. */
  accepts(more: number): boolean {
    if (!this.#enforced) return true
    if (this.failing || this.#bytes >= this.#limits.fullBytes) return false
    if (this.#queued - this.#strangers + more < this.#limits.full) return true
    // Events that are not queued yet are new.
    return Math.max(0, this.#clock.monotonic() - this.#oldest()) < this.#limits.fullMs
  }

  /** The batch to write: whole chunks, as many as one write may contain. The same one until it is `accepted`. */
  next(): Chunk | undefined {
    this.#batch ??= this.#nextBatch()
    return this.#batch
  }

  accepted({ count, strangers, bytes }: Chunk): void {
    this.#batch = undefined
    this.#queued -= count
    this.#strangers -= strangers
    this.#bytes -= bytes
  }

  #nextBatch(): Chunk | undefined {
    const taken: Chunk[] = []
    let count = 0
    while (this.#chunks[0] && count + this.#chunks[0].count <= this.mostAtOnce) {
      count += this.#chunks[0].count
      taken.push(this.#chunks.shift()!)
    }
    if (count === 0) return undefined
    this.#batches += 1
    if (taken.length === 1) return taken[0]
    return {
      lines: taken.map((chunk) => chunk.lines).join(''),
      count,
      strangers: taken.reduce((sum, chunk) => sum + chunk.strangers, 0),
      bytes: taken.reduce((sum, chunk) => sum + chunk.bytes, 0),
      since: Math.min(...taken.map(({ since }) => since)),
    }
  }

  /** When the oldest event was queued that is not of a stranger. */
  #oldest(): number {
    if (this.#batch && this.#batch.since < Number.POSITIVE_INFINITY) return this.#batch.since
    const own = this.#chunks.find(({ since }) => since < Number.POSITIVE_INFINITY)
    return own?.since ?? Number.POSITIVE_INFINITY
  }

  /** How many of these events the queue takes. */
  #roomFor(lines: readonly string[], ofStranger: boolean): number {
    const { strangers, full, overfullBytes } = this.#limits
    if (ofStranger) return Math.min(lines.length, strangers - this.#strangers)
    if (!this.#enforced) return Math.max(0, Math.min(lines.length, full - (this.#queued - this.#strangers)))
    let used = this.#bytes
    const end = lines.findIndex((line) => {
      used += bytesOf(line)
      return used > overfullBytes
    })
    return end < 0 ? lines.length : end
  }
}
