import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { isMezError, MezError } from '../../kernel/error.ts'

const REACH_MS = 10_000

/**
 * Runs a transaction and resolves with what it has passed to `done` before its commit. If the response to COMMIT is lost,
 * `isCommitted` decides whether it took effect; otherwise rejects with the error of `run`.
 */
export async function committed<T>(
  run: (done: (result: T) => void) => Promise<void>,
  isCommitted: (result: T) => Promise<boolean>,
): Promise<T> {
  const results: T[] = []
  try {
    await run((result) => void results.push(result))
  } catch (error) {
    if (results.length === 0 || !isMezError(error, 'MEZ_DATABASE_UNAVAILABLE')) throw error
    if (!(await isCommitted(results[0]!))) throw error
  }
  return results[0]!
}

/** Retries until `work` resolves, for at most 10 s or until the hub stops. `unknown` is the message of the error after that. */
export function retryFor(clock: Clock, isStopped: () => boolean) {
  return async <T>(work: () => Promise<T>, unknown: string): Promise<T> => {
    const until = clock.monotonic() + REACH_MS
    while (true) {
      try {
        return await withDeadline(work, until - clock.monotonic())
      } catch (error) {
        if (isStopped() || clock.monotonic() >= until) {
          throw new MezError('MEZ_DATABASE_UNAVAILABLE', unknown, { cause: error })
        }
        await pause(100 + Math.random() * 100)
      }
    }
  }
}
