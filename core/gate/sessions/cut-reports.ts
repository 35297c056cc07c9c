import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../../api/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import type { HubTables } from '../../state/hubs/migrations.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'
import type { RunningSessions } from './sessions.ts'

/** The live streams that a change ended, on all hubs. */
export interface CutReport {
  /** Live streams that were cut. */
  readonly streams: number
  /** Hubs that have reported; live hubs that did not report in time are counted in `unconfirmed`. */
  readonly hubs: number
  readonly unconfirmed: number
  /** From the start of the change until the last of these hubs had cut its streams. */
  readonly ms: number
}

/** Collects from all hubs which streams a change ended. */
export type CutReports = ReturnType<typeof createCutReports>

const WAIT_MS = 2_000
/** After a change that can end access, every change is reported for a while: callers may wait for the newest number. */
const WATCHED_MS = 3_000

interface CutReportsNeeds {
  readonly db: Database
  readonly revisions: Pick<RunningRevisions, 'onApplied' | 'applied'>
  readonly sessions: Pick<RunningSessions, 'byId' | 'live'>
  readonly registry: Pick<Registry, 'list' | 'report'>
  readonly instanceId: string
  readonly clock: Clock
  readonly log: Log
}

/** Reports how many streams this hub cut after each change, and collects the reports of all hubs. Created after sessions. */
export function createCutReports(rooms: CutReportsNeeds) {
  const { revisions, sessions, registry, instanceId, clock, log } = rooms
  const db = rooms.db.withTables<HubTables>()
  const { live } = sessions
  let checked = -1
  let reported = 0
  let watchedUntil = Number.NEGATIVE_INFINITY
  let telling = false
  const own: { readonly after: number; readonly n: number; readonly streams: number }[] = []

  revisions.onApplied((touched) => {
    const opensOnly =
      touched?.size === 1 && [...(touched.get('session') ?? ['-'])].every((id) => sessions.byId(id))
    if (!opensOnly) watchedUntil = clock.monotonic() + WATCHED_MS
    if (clock.monotonic() < watchedUntil) tell()
  })

  function tell(): void {
    if (!telling) void tellAll()
  }

  async function tellAll(): Promise<void> {
    telling = true
    while (checked < revisions.applied) {
      const n = revisions.applied
      try {
        if (live.size > 0) await live.recheck()
        const streams = live.revoked - reported
        reported += streams
        if (streams > 0) own.push({ after: checked, n, streams })
        if (own.length > 100) own.shift()
        const after = checked
        checked = n
        await registry.report({ after, n, streams })
      } catch (error) {
        checked = Math.max(checked, n)
        log.debug({ cause: messageOf(error) }, 'failed to report cut streams')
      }
    }
    telling = false
  }

  /** How many streams the other hubs have cut, how many hubs have re-checked their streams, and how many have not yet. */
  async function askOthers(before: number, n: number) {
    const others = (await registry.list()).filter(({ id }) => id !== instanceId)
    const done = others.filter(({ applied }) => applied >= n)
    if (done.length === 0) return { streams: 0, done: 0, missing: others.length }
    const rows = await db
      .selectFrom('hub_cuts')
      .select('streams')
      .where('hub', '!=', instanceId)
      .where('n', '>', before)
      .where('after', '<', n)
      .execute()
    const streams = rows.reduce((sum, row) => sum + Number(row.streams), 0)
    return { streams, done: done.length, missing: others.length - done.length }
  }

  async function collect(before: number, began: number): Promise<CutReport | null> {
    const n = revisions.applied
    if (n <= before) return null
    const until = clock.monotonic() + WAIT_MS
    watchedUntil = clock.monotonic() + WATCHED_MS
    tell()
    while (checked < n && clock.monotonic() < until) await pause(2)
    let others = { streams: 0, done: 0, missing: 0 }
    for (let waitMs = 5; ; waitMs = Math.min(80, waitMs * 2)) {
      try {
        others = await askOthers(before, n)
      } catch (error) {
        log.debug({ cause: messageOf(error) }, 'failed to read the streams that other hubs cut')
      }
      if (others.missing === 0 || clock.monotonic() >= until) break
      await pause(waitMs)
    }
    const here = own.filter((cut) => cut.n > before && cut.after < n)
    const done = Number(checked >= n)
    return {
      streams: here.reduce((sum, { streams }) => sum + streams, others.streams),
      hubs: others.done + done,
      unconfirmed: others.missing + 1 - done,
      ms: Math.round(clock.monotonic() - began),
    }
  }

  return {
    /**
     * Call it before the change, and the function that it returns after the change: that one resolves once every live hub
     * has re-checked its live streams, or after 2 s. Null when nothing was changed in between. The report includes
     * changes that others made in the meantime.
     */
    begin(): () => Promise<CutReport | null> {
      const before = revisions.applied
      const began = clock.monotonic()
      return () => collect(before, began)
    },
  }
}
