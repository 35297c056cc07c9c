import type { Log } from '../../kernel/log.ts'

const SLOW_MS = 10_000

/** Returns `work` and logs `what` each time another `afterMs` milliseconds pass before it settles. */
export function sayWhatWaits<T>(what: string, work: Promise<T>, log: Log, afterMs = SLOW_MS): Promise<T> {
  const began = performance.now()
  const timer = setInterval(() => {
    log.warn({ seconds: Math.round((performance.now() - began) / 1_000) }, `still waiting for ${what}`)
  }, afterMs).unref()
  return work.finally(() => clearInterval(timer))
}
