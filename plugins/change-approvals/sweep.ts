import type { Clock, Log } from '@mezite/core'
import { EVENTS } from './change.ts'
import type { ChangeStore } from './store.ts'

/** A change that runs for longer was cut off by the end of its hub. */
const LONGEST_RUN_MS = 10 * 60_000
const ANSWERS_MS = 86_400_000
/** As long as requests for access; the audit trail keeps their events. */
const STORED_MS = 400 * 86_400_000

/** Closes what has expired or was cut off, and removes secrets and old rows. */
export function createSweep({ store, clock, log }: { store: ChangeStore; clock: Clock; log: Log }) {
  return {
    async close(): Promise<string> {
      const now = clock.now()
      let closed = 0
      for (const row of await store.list()) {
        const isExpired = row.state === 'pending' && Number(row.expires) <= now
        const isCut = row.state === 'running' && Number(row.decided) < now - LONGEST_RUN_MS
        if (!isExpired && !isCut) continue
        const state = isExpired ? 'expired' : 'unclear'
        const event = { type: EVENTS[state], by: null }
        if (await store.move(row, { from: row.state, to: { state, sealed: null }, event })) closed++
        if (isCut)
          log.warn(
            { change: row.id },
            'a hub ended while it made an approved change: look whether it was made',
          )
      }
      await store.forgetAnswers(now - ANSWERS_MS)
      return `${closed} changes closed`
    },
    prune: async (): Promise<string> => `${await store.prune(clock.now() - STORED_MS)} old changes deleted`,
  }
}
