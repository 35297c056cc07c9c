import type { LoadJob } from './load-job.ts'

/** When the requests of one connection are due. */
export interface DueTimes {
  /** On the clock of `performance.now()`. */
  next(): number
}

/**
 * The times at which the connections take turns, evenly spread, from `begin` on; null for a job without a rate. A connection that
 * is late has missed none of its times.
 */
export function dueTimes(
  { perSecond, heads }: Pick<LoadJob, 'perSecond' | 'heads'>,
  begin: number,
): ((connection: number) => DueTimes) | null {
  if (perSecond === 0) return null
  const everyMs = (1_000 / perSecond) * heads.length
  return (connection) => {
    let at = begin + (1_000 / perSecond) * connection - everyMs
    return {
      next() {
        at += everyMs
        return at
      },
    }
  }
}
