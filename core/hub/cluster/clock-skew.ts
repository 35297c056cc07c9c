import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'

const TOLERATED_MS = 5_000
const REPORT_MS = 10 * 60_000
/** A slower response is ignored: it does not show precisely enough when the database read its clock. */
const QUICK_MS = 1_000

/** Compares the clock of this hub with the clock of the database, which all hubs share, and warns about a difference. */
export function compareClocks({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
  let aheadMs = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return {
    /** How far this hub's clock is ahead; negative when it is behind, 0 until it is known. */
    get aheadMs() {
      return aheadMs
    },
    /** Takes the database's time (milliseconds since the epoch) and when it was queried, by `clock.monotonic()`. */
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
        `the clock of this hub is ${difference} the database's: set both by NTP, or sessions, locks and codes expire at wrong times`,
      )
    },
  }
}
