import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'

const TOLERATED_MS = 5_000
const REPORT_MS = 10 * 60_000
/** An answer that took longer says too little about when it was given. */
const QUICK_MS = 1_000

/** Compares the clock of this hub with that of the database, which all hubs have in common, and warns of a difference. */
export function compareClocks({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
  let aheadMs = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return {
    /** By how much this hub's clock is ahead; negative when it is behind. 0 until it is known. */
    get aheadMs() {
      return aheadMs
    },
    /** The database has said what time it has (milliseconds since the epoch), asked at that moment of `clock.monotonic()`. */
    told(databaseMs: number, askedAt: number): void {
      const now = clock.monotonic()
      const tookMs = now - askedAt
      if (tookMs > QUICK_MS) return
      aheadMs = Math.round(clock.now() - tookMs / 2 - databaseMs)
      if (Math.abs(aheadMs) <= TOLERATED_MS || now - reportedAt < REPORT_MS) return
      reportedAt = now
      const difference = `${Math.abs(aheadMs) / 1_000} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`
      log.warn(
        { aheadMs },
        `the clock of this hub is ${difference} the database's: set both by NTP, or sessions, locks and codes end at wrong times`,
      )
    },
  }
}
