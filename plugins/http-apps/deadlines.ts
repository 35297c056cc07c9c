import type { Clock } from '@mezite/core'
import { Roster } from '@mezite/core/protocol'

/** Something that must not wait for ever. Progress moves `deadline`. */
export interface Waiting {
  /** Its place among everything that waits, which `Deadlines` sets; -1 outside. */
  index: number
  /** On the clock of `Deadlines.now`. */
  deadline: number
  onlate(): void
}

const TICK_MS = 100
/** Thousands may wait for hours: checking each of them ten times a second would keep an idle hub busy. */
const TICKS_A_LOOK = 5

/**
 * One timer for everything that waits: moving a deadline is an assignment, so each chunk may do it. A missed deadline is
 * noticed within half a second.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #waiting = new Roster<Waiting>()
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  /** Monotonic milliseconds, exact to a tenth of a second. */
  now: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.now = clock.monotonic()
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting)
  }

  remove(waiting: Waiting): void {
    this.#waiting.remove(waiting)
  }

  #tick(): void {
    this.now = this.#clock.monotonic()
    this.#ticks += 1
    if (this.#ticks % TICKS_A_LOOK !== 0) return
    // From the end: a member that leaves is replaced by one that has been checked already.
    const { members } = this.#waiting
    for (let at = members.length - 1; at >= 0; at--) {
      const waiting = members[at]
      if (waiting !== undefined && waiting.deadline <= this.now) waiting.onlate()
    }
  }
}
