import type { Clock } from '@mezite/core'

/** Something that must not wait for ever. Whoever makes progress moves `deadline`. */
export interface Waiting {
  /** On the clock of `Deadlines.now`. */
  deadline: number
  /** Its place among all that wait, -1 when it is not there. Kept by `Deadlines`. */
  place: number
  onlate(): void
}

const TICK_MS = 100
/** Thousands may wait for hours: looking at each of them ten times a second would be all that an idle hub does. */
const TICKS_A_LOOK = 5

/**
 * One timer for everything that waits: moving a deadline is an assignment, so each chunk may do it. Whoever is late hears
 * of it within half a second. An array and no Set: V8 gives a Set a new table every few changes, and the old one, once
 * it is old, keeps whole requests in memory until the next full collection.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
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
    if (waiting.place >= 0) return
    waiting.place = this.#waiting.length
    this.#waiting.push(waiting)
  }

  remove(waiting: Waiting): void {
    const { place } = waiting
    if (place < 0) return
    waiting.place = -1
    const last = this.#waiting.pop() as Waiting
    if (last === waiting) return
    this.#waiting[place] = last
    last.place = place
  }

  #tick(): void {
    this.now = this.#clock.monotonic()
    this.#ticks += 1
    if (this.#ticks % TICKS_A_LOOK !== 0) return
    // From the end: whoever leaves has his place taken by one that has been looked at.
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      const waiting = this.#waiting[at]
      if (waiting !== undefined && waiting.deadline <= this.now) waiting.onlate()
    }
  }
}
