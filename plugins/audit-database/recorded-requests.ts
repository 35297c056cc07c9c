import type { Clock, Database } from '@mezite/core'
import type { RecordedRequest, RecordedRequests } from '@mezite/core/types'
import { readEvents, type StoredEvent } from './event-query.ts'

const DAY_MS = 24 * 3_600_000
const LIMITS = { most: 20_000, page: 1_000, longestMs: 5_000 }

/** The newest requests of the trail, a page a turn. `limits`: how many, and how long it may take. */
export function createRecordedRequests(
  database: Database,
  clock: Pick<Clock, 'now'>,
  limits = LIMITS,
): RecordedRequests {
  const { most, page, longestMs } = limits
  return {
    async ofLastDay(app) {
      const until = performance.now() + longestMs
      const filter = { type: 'app.request', app, from: new Date(clock.now() - DAY_MS) }
      const requests: RecordedRequest[] = []
      for (let before: number | null = null; requests.length < most; ) {
        const leftMs = Math.floor(until - performance.now())
        if (leftMs <= 0) return { requests, complete: false }
        const size = Math.min(page, most - requests.length)
        const walked = { longestMs: leftMs, walked: 10_000 }
        const events: readonly StoredEvent[] | null = await readEvents(
          database,
          filter,
          { before },
          size,
          walked,
        ).catch(() => null)
        if (events === null) return { requests, complete: false }
        for (const { event } of events.toReversed()) {
          const { user, app, method, path, upgrade, rule } = event as Readonly<Record<string, unknown>>
          if (typeof user === 'string' && typeof app === 'string')
            requests.push({
              user,
              app,
              method: String(method),
              target: String(path),
              upgrade: upgrade === 'websocket',
              rule: typeof rule === 'string' ? rule : null,
            })
        }
        if (events.length < size) return { requests, complete: true }
        before = events[0]?.seq ?? null
      }
      return { requests, complete: false }
    },
  }
}
