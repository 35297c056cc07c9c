import type { Revisions, View } from '../../api/revisions.ts'
import { createSharedRun } from '../../base/limits/shared-run.ts'
import type { Clock } from '../../kernel/clock.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { OpenDatabase } from '../database/database.ts'
import { refuseBesideTransaction } from '../database/transaction-guard.ts'
import { isSamePosition, type Position, pruneLog, readPosition, type Touched } from './change-log.ts'
import { type ChangesNeeds, createChanges } from './changes.ts'
import { retryFor } from './commit.ts'
import { pruneOpenings } from './opening-log.ts'
import { createOpenings, type OpeningBody } from './openings.ts'
import { type Loaded, loadViews } from './view-loader.ts'

const CHANNEL = 'mezite_changes'
const PRUNE_MS = 60_000
const REPORT_MS = 10_000

export interface RevisionsLimits {
  /** Longest time between two reads; default 1 s. */
  readonly pollMs?: number
  /** Maximum age of the views for decisions; default 5 s. */
  readonly freshMs?: number
  /** How many revisions the log keeps, and how many openings of each lane; default 10,000. */
  readonly keep?: number
  /** How long a change may take; default 8 s, less than other changes wait for their turn. */
  readonly changeMs?: number
  /** How long the first reading of all views may take; default 2 min. */
  readonly startMs?: number
}

export interface RunningRevisions extends Revisions {
  /**
   * Runs the body in a transaction of its own beside the changes, which must take away
   * nobody's access: new sessions, or logins. When it resolves, this
   * hub's views include them, and all changes that were committed before. Rejects like `write`.
   */
  append<T>(body: OpeningBody<T>): Promise<T>
  /**
   * Loads every view and starts to poll. Call it once, after the migrations and the first `addView`s. Rejects with
   * `MEZ_DATABASE_UNAVAILABLE` when that takes too long.
   */
  start(): Promise<void>
  /** Stops polling and waits for the current read. The database stays open. */
  stop(): Promise<void>
  /** Number of the last change of any kind that this hub has applied; -1 before the first load. */
  readonly applied: number
}

interface RevisionsNeeds extends ChangesNeeds {
  readonly store: OpenDatabase
  readonly registry: { readonly olderHubs: boolean }
  readonly clock: Clock
  readonly log: Log
}

/** The revisions of one hub. The views are not fresh before `start`. */
export function createRevisions(
  rooms: RevisionsNeeds,
  {
    pollMs = 1_000,
    freshMs = 5_000,
    keep = 10_000,
    changeMs = 8_000,
    startMs = 120_000,
  }: RevisionsLimits = {},
): RunningRevisions {
  const { store, registry, clock, log } = rooms
  const { db, reserved } = store
  const views: View[] = []
  const listeners: ((touched: Touched | null) => void)[] = []
  let applied: Position | null = null
  let lastRead: Moment | null = null
  // The first load sets it to the number in the database.
  let revision = -1
  let started = false
  let reload = true
  let stopped = false
  let unlisten: (() => void) | undefined
  let failedSince: number | null = null
  let reportedAt = Number.NEGATIVE_INFINITY

  function apply(loaded: Loaded, moment: Moment): void {
    // If one view throws, others may have swapped already: nothing is fresh until all are loaded again.
    applied = null
    lastRead = null
    loaded.swap()
    applied = loaded.position
    lastRead = moment
    // It increases even if the database's number went backwards, or caches keyed by it would become valid again.
    if (loaded.decisive) revision = Math.max(revision + 1, loaded.position.n)
    for (const listener of listeners) {
      try {
        listener(loaded.touched)
      } catch (error) {
        log.error({ error: messageOf(error) }, 'a listener for revisions failed')
      }
    }
  }

  async function read(): Promise<void> {
    const moment = { monotonic: clock.monotonic(), wall: clock.now() }
    const from = reload ? null : applied
    reload = false
    try {
      const latest = from && (await readPosition(reserved))
      if (!from || !latest || !isSamePosition(from, latest)) {
        apply(await loadViews(reserved, [...views], from), moment)
      }
      lastRead = moment
    } catch (error) {
      reload ||= from === null
      failedSince ??= moment.monotonic
      report(error)
      throw error
    }
    if (failedSince !== null)
      log.info({ afterMs: clock.monotonic() - failedSince }, 'access data is read again')
    failedSince = null
  }

  function report(error: unknown): void {
    const now = clock.monotonic()
    if (now - reportedAt < REPORT_MS) return
    reportedAt = now
    log.error({ error: messageOf(error), ageMs: ageOf(lastRead, clock) }, 'access data cannot be read')
  }

  // A read that is under way may have started too early for a caller, who then shares the next one.
  const { run: catchUp, settled } = createSharedRun(read)
  const polling = createPolling(clock, pollMs, {
    read: catchUp,
    isBehind: () => ageOf(lastRead, clock) > pollMs && failedSince === null,
    async prune() {
      if (!applied) return
      await pruneLog(db, applied.n - keep)
      await pruneOpenings(db, keep)
    },
  })

  const retry = retryFor(clock, () => stopped)
  const certain = (check: () => Promise<boolean>) =>
    retry(check, 'it is not known whether the change was made')
  const commitChange = createChanges(rooms, { changeMs, certain }, catchUp)
  const commitOpening = createOpenings({ db, olderHubs: () => registry.olderHubs, changeMs, certain })

  /** Wakes the other hubs, and waits until this hub's views include what was committed. */
  async function spread(): Promise<void> {
    void store.notify(CHANNEL)
    if (started) await retry(catchUp, 'the change was made, but this hub cannot read it back')
  }

  return {
    get revision() {
      return revision
    },
    get applied() {
      return applied?.n ?? -1
    },
    alone: store.dialect === 'embedded',
    async write(body, by = null) {
      refuseBesideTransaction()
      const value = await commitChange(body, by)
      await spread()
      return value
    },
    async append(body) {
      refuseBesideTransaction()
      const value = await commitOpening(body)
      await spread()
      return value
    },
    addView(view) {
      views.push(view)
      // The next read loads everything; the current one does not include the view.
      reload = true
      if (started) catchUp().catch(() => {})
    },
    onApplied: (listener) => void listeners.push(listener),
    ageMs: () => ageOf(lastRead, clock),
    fresh: () => ageOf(lastRead, clock) <= freshMs,
    catchUp,
    async start() {
      started = true
      const late = (ms: number) =>
        new MezError(
          'MEZ_DATABASE_UNAVAILABLE',
          `the first reading of access data timed out after ${ms / 1_000} s`,
        )
      await withDeadline(catchUp, startMs, late)
      unlisten = store.listen(CHANNEL, () => {
        if (!stopped) catchUp().catch(() => {})
      })
      polling.start()
    },
    async stop() {
      stopped = true
      polling.stop()
      unlisten?.()
      await settled()
    },
  }
}

/** Reads again and again: about every `pollMs`, or at once while `isBehind`. Prunes once a minute. */
function createPolling(
  clock: Clock,
  pollMs: number,
  work: { read(): Promise<void>; isBehind(): boolean; prune(): Promise<void> },
) {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let prunedAt = clock.monotonic()

  async function poll(): Promise<void> {
    let waitMs = pollMs * (0.7 + Math.random() * 0.2)
    try {
      await work.read()
      if (clock.monotonic() - prunedAt > PRUNE_MS) {
        prunedAt = clock.monotonic()
        await work.prune()
      }
    } catch {
      // `read` has reported the error. Jitter keeps hubs from reconnecting to the database at the same time.
      waitMs = pollMs * (0.2 + Math.random() * 0.5)
    }
    schedule(work.isBehind() ? 0 : waitMs)
  }

  function schedule(waitMs: number): void {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(poll, waitMs)
  }

  return {
    start: () => schedule(pollMs * Math.random()),
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** A point in time on both clocks. */
type Moment = { readonly monotonic: number; readonly wall: number }

/**
 * Milliseconds since the moment, by the clock that has advanced further: the monotonic clock stops while the machine
 * sleeps, and the wall clock may be set back.
 */
function ageOf(moment: Moment | null, clock: Clock): number {
  if (moment === null) return Number.POSITIVE_INFINITY
  return Math.max(clock.monotonic() - moment.monotonic, clock.now() - moment.wall)
}
