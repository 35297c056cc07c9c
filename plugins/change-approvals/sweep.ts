import type { Clock, Log, Revisions } from '@mezite/core'
import { BEGUN, EVENTS, isStored } from './change.ts'
import type { ChangeStore, ListedChange } from './store.ts'

/** A change that has begun and is not stored after this time was cut off by the end of its hub, or never will be stored. */
const LONGEST_RUN_MS = 60_000
/** Of changes that are made without being stored. */
const LONGEST_UNSTORED_MS = 10 * 60_000
const ANSWERS_MS = 86_400_000
/** As long as requests for access; the audit trail keeps their events. */
const STORED_MS = 400 * 86_400_000

/** Closes what has expired or was cut off, and removes secrets and old rows. */
export function createSweep(parts: {
  readonly store: ChangeStore
  readonly clock: Clock
  readonly log: Log
  readonly revisions: Pick<Revisions, 'alone'>
}) {
  const { store, clock, log, revisions } = parts
  const started = clock.now()
  function isCut(row: ListedChange, now: number): boolean {
    if (!(BEGUN as readonly string[]).includes(row.state)) return false
    const at = Number(row.decided)
    // Without another hub, it was this one that ended.
    if (revisions.alone && at < started) return true
    return at < now - (isStored(row) ? LONGEST_RUN_MS : LONGEST_UNSTORED_MS)
  }
  return {
    async close(): Promise<string> {
      const now = clock.now()
      let closed = 0
      for (const row of await store.list()) {
        if (isCut(row, now)) {
          if (!(await store.end(row, 'hub_ended', null))) continue
          closed++
          log.warn(
            { change: row.id },
            'a hub ended while it made an approved change: its state says what became of it',
          )
        } else if (row.state === 'pending' && Number(row.expires) <= now) {
          const event = { type: EVENTS.expired, by: null }
          if (await store.move(row, { from: 'pending', to: { state: 'expired', sealed: null }, event }))
            closed++
        }
      }
      await store.forgetAnswers(now - ANSWERS_MS)
      return `${closed} changes closed`
    },
    prune: async (): Promise<string> => `${await store.prune(clock.now() - STORED_MS)} old changes deleted`,
  }
}
