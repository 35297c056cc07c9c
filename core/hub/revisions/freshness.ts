import type { Clock } from '../../kernel/clock.ts'

/** A moment by both clocks. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/**
 * Milliseconds since the moment, by the clock that says more: the monotonic one stands still while a machine sleeps, and
 * the wall clock may be set back.
 */
export function ageOf(moment: Moment | null, clock: Clock): number {
  if (moment === null) return Number.POSITIVE_INFINITY
  return Math.max(clock.monotonic() - moment.monotonic, clock.now() - moment.wall)
}
