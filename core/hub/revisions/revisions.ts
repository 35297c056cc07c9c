import { setTimeout as pause } from 'node:timers/promises'
import type { Actor, AuditInput } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Change, Revisions, View } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { isMezError, MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { OpenDatabase } from '../database/database.ts'
import { createSemaphore } from '../limits/semaphore.ts'
import {
  hasPlace,
  logChange,
  type Place,
  pruneLog,
  readPlace,
  type Touch,
  type Touched,
  takePlace,
} from './change-log.ts'
import { ageOf, type Moment, momentOf } from './freshness.ts'
import { type Loaded, loadViews } from './view-loader.ts'

const CHANNEL = 'mezite_changes'
const PRUNE_MS = 60_000
const REPORT_MS = 10_000
const REACH_MS = 10_000

/** The half of the audit room that changes need. */
export interface ChangeAudit {
  recordIn(trx: Transaction, inputs: readonly AuditInput[]): Promise<void>
  /** The transaction has been committed: what it recorded may go to sinks outside the database. */
  committed(trx: Transaction): void
}

/** Everything of an open database that changes need, so that one can be spread here. */
export interface RevisionsOptions
  extends Pick<OpenDatabase, 'db' | 'reserved' | 'dialect' | 'listen' | 'notify'> {
  readonly clock: Clock
  readonly log: Log
  /** Asked for when a change is audited; the audit room may be made later. */
  readonly audit: () => ChangeAudit
  /** Longest time between two reads; default 1 s. */
  readonly pollMs?: number
  /** Age up to which the views may decide; default 5 s. */
  readonly freshMs?: number
  /** How many changes the log holds; default 10,000. */
  readonly keep?: number
}

export interface RunningRevisions extends Revisions {
  /** Loads every view and starts to poll. Once, after the migrations and the first `addView`s. */
  start(): Promise<void>
  /** Ends polling and waits for the read under way. The database stays open. */
  stop(): Promise<void>
  /** Number of the last change that this hub has applied, of any kind; -1 before the first load. */
  readonly applied: number
}

/** The change sequence of one hub. Before `start` nothing is fresh. */
export function createRevisions(options: RevisionsOptions): RunningRevisions {
  const { db, reserved, clock, log, pollMs = 1_000, freshMs = 5_000, keep = 10_000 } = options
  const alone = options.dialect === 'embedded'
  const views: View[] = []
  const listeners: ((touched: Touched | null) => void)[] = []
  const takeTurn = createSemaphore({
    ...{ atOnce: 1, waiting: 500, waitMs: 10_000 },
    refuse: (why) => new MezError('MEZ_DATABASE_UNAVAILABLE', `the change was not made: ${why}`),
  })
  let applied: Place | null = null
  let lastRead: Moment | null = null
  // The first load makes it the number that it read.
  let revision = -1
  let started = false
  let reload = true
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let unlisten: (() => void) | undefined
  let reading: Promise<void> | null = null
  let nextRead: Promise<void> | null = null
  let failedSince: number | null = null
  let reportedAt = Number.NEGATIVE_INFINITY
  let prunedAt = clock.monotonic()

  function apply(loaded: Loaded, moment: Moment): void {
    // Half of the views may have swapped when one throws: nothing is known then until all are loaded anew.
    applied = null
    lastRead = null
    loaded.swap()
    applied = loaded.place
    lastRead = moment
    // Grows even when the number went backwards, or caches keyed with it would live again.
    if (loaded.decisive) revision = Math.max(revision + 1, loaded.place.n)
    for (const listener of listeners) {
      try {
        listener(loaded.touched)
      } catch (error) {
        log.error({ error: messageOf(error) }, 'a listener to changes failed')
      }
    }
  }

  async function read(): Promise<void> {
    const moment = momentOf(clock)
    const from = reload ? null : applied
    reload = false
    try {
      const place = from && (await readPlace(reserved))
      if (!from || !place || place.n !== from.n || place.tag !== from.tag) {
        apply(await loadViews(reserved, [...views], from), moment)
      }
      lastRead = moment
    } catch (error) {
      reload ||= from === null
      failedSince ??= moment.monotonic
      report(error)
      throw error
    }
    if (failedSince !== null) log.info({ afterMs: clock.monotonic() - failedSince }, 'changes are read again')
    failedSince = null
  }

  function report(error: unknown): void {
    const now = clock.monotonic()
    if (now - reportedAt < REPORT_MS) return
    reportedAt = now
    log.error({ error: messageOf(error), ageMs: ageOf(lastRead, clock) }, 'changes cannot be read')
  }

  function catchUp(): Promise<void> {
    if (!reading) {
      reading = read().finally(() => {
        reading = null
      })
      return reading
    }
    // The read under way may have begun too early: those who come now share the one after it.
    nextRead ??= reading
      .catch(() => {})
      .then(() => {
        nextRead = null
        return catchUp()
      })
    return nextRead
  }

  async function poll(): Promise<void> {
    let waitMs = pollMs * (0.7 + Math.random() * 0.2)
    try {
      await catchUp()
      if (clock.monotonic() - prunedAt > PRUNE_MS) await prune()
    } catch {
      // Reported by the read; a little apart from the other hubs, so that they do not all come back at once.
      waitMs = pollMs * (0.2 + Math.random() * 0.5)
    }
    schedule(ageOf(lastRead, clock) > pollMs && failedSince === null ? 0 : waitMs)
  }

  function schedule(waitMs: number): void {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(poll, waitMs)
  }

  async function prune(): Promise<void> {
    prunedAt = clock.monotonic()
    if (applied) await pruneLog(db, applied.n - keep)
  }

  /** Tries until it works, 10 s at most. `unknown` says what the caller does not learn then. */
  async function patiently<T>(work: () => Promise<T>, unknown: string): Promise<T> {
    const until = clock.monotonic() + REACH_MS
    while (true) {
      try {
        return await withDeadline(work, until - clock.monotonic())
      } catch (error) {
        if (stopped || clock.monotonic() >= until) {
          throw new MezError('MEZ_DATABASE_UNAVAILABLE', unknown, { cause: error })
        }
        await pause(100 + Math.random() * 100)
      }
    }
  }

  async function judge(by: Actor | null): Promise<void> {
    if (!by?.stillMay) return
    await catchUp()
    await by.stillMay()
  }

  async function write<T>(
    change: (trx: Transaction, change: Change) => Promise<T>,
    by: Actor | null = null,
  ): Promise<T> {
    const pass = await takeTurn()
    let done: { readonly trx: Transaction; readonly place: Place; readonly value: T } | undefined
    let lost: MezError | undefined
    try {
      // The embedded database answers nobody else during a transaction; the turn alone keeps all other changes away.
      if (alone) await judge(by)
      await db.transaction().execute(async (trx) => {
        const place = await takePlace(trx)
        if (!alone) await judge(by)
        const touches: Touch[] = []
        const audited: AuditInput[] = []
        const value = await change(trx, {
          touch: (kind, key) => void touches.push([kind, key, false]),
          opened: (key) => void touches.push(['session', key, true]),
          noted: (kind, key) => void touches.push([kind, key, true]),
          audit: async (event) => void audited.push(event),
        })
        if (audited.length > 0) await options.audit().recordIn(trx, audited)
        await logChange(trx, place, touches)
        done = { trx, place, value }
      })
    } catch (error) {
      if (!done || !isMezError(error, 'MEZ_DATABASE_UNAVAILABLE')) throw error
      lost = error
    } finally {
      pass()
    }
    const { trx, place, value } = done!
    // Only the answer to COMMIT may have got lost: then it is as much in force as any other.
    if (lost && !(await patiently(() => hasPlace(db, place), 'it is not known whether the change was made')))
      throw lost
    options.audit().committed(trx)
    void options.notify(CHANNEL)
    // Until this hub's views include what was committed before.
    if (started) await patiently(catchUp, 'the change was made, but this hub cannot read it back')
    return value
  }

  return {
    get revision() {
      return revision
    },
    get applied() {
      return applied?.n ?? -1
    },
    alone,
    write,
    addView(view) {
      views.push(view)
      // Everything is loaded at the next read; one that is under way does not know the view.
      reload = true
      if (started) catchUp().catch(() => {})
    },
    onApplied: (listener) => void listeners.push(listener),
    ageMs: () => ageOf(lastRead, clock),
    fresh: () => ageOf(lastRead, clock) <= freshMs,
    catchUp,
    async start() {
      started = true
      await catchUp()
      unlisten = options.listen(CHANNEL, () => {
        if (!stopped) catchUp().catch(() => {})
      })
      schedule(pollMs * Math.random())
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      unlisten?.()
      await Promise.allSettled([reading, nextRead])
    },
  }
}
