import type { Log } from '../kernel/log.ts'

const SLOW_MS = 10_000

/** The same promise; while it takes longer than `afterMs`, and again each time that passes, the log says what waits. */
export function sayWhatWaits<T>(what: string, work: Promise<T>, log: Log, afterMs = SLOW_MS): Promise<T> {
  const began = performance.now()
  const timer = setInterval(() => {
    log.warn({ seconds: Math.round((performance.now() - began) / 1_000) }, `still waiting for ${what}`)
  }, afterMs).unref()
  return work.finally(() => clearInterval(timer))
}
