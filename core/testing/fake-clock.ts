import type { Clock } from '../kernel/clock.ts'

/** A clock that only tests move. */
export interface FakeClock extends Clock {
  /** Advances both readings by at least 0 milliseconds. */
  advance(ms: number): void
  /** Sets the wall clock, as an administrator or NTP may do; the monotonic reading does not change. */
  jump(now: number): void
}

/**
 * A clock for tests. It does not move timers: code that polls continues in real time and sees the new reading. `now` is
 * the initial time in milliseconds since the epoch; by default the current time, so that certificates are valid.
 */
export function fakeClock(now: number = Date.now()): FakeClock {
  let wall = now
  let steady = 0
  return {
    now: () => wall,
    monotonic: () => steady,
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError('time passes forwards only; jump() sets the wall clock')
      wall += ms
      steady += ms
    },
    jump(to) {
      wall = to
    },
  }
}
