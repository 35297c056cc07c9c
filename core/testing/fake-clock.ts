import type { Clock } from '../kernel/clock.ts'

/** A clock that moves only when it is told to. */
export interface FakeClock extends Clock {
  /** Lets time pass, on both readings; at least 0 milliseconds. */
  advance(ms: number): void
  /** Makes the wall clock jump, as an administrator or NTP may; the monotonic reading stays. */
  jump(now: number): void
}

/**
 * A clock for tests. Timers are not moved with it: what polls goes on polling in real time and sees the new reading.
 * `now` is where it starts, in milliseconds since the epoch; default: the present, so that certificates are valid.
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
