import type { Clock } from '../../kernel/clock.ts'

/** A point in time on both clocks. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/**
 * Milliseconds since the moment, by the clock that has advanced further: the monotonic clock stops while the machine
 * sleeps, and the wall clock may be set back.
 */
export function ageOf(moment: Moment | null, clock: Clock): number {
  if (moment === null) return Number.POSITIVE_INFINITY
  return Math.max(clock.monotonic() - moment.monotonic, clock.now() - moment.wall)
}
