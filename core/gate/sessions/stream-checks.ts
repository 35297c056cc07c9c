import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { RunningStreams } from './stream-registry.ts'

const RECHECK_MS = 1_000
/** Minimum time between two checks for expired sessions, however many expire. */
const LEAST_WAIT_MS = 20

interface ChecksNeeds {
  readonly revisions: Pick<Revisions, 'onApplied' | 'revision'>
  readonly clock: Clock
  readonly log: Log
}

/** Checks live streams again: after changes of access data, every second, and when a time comes until which access was given. */
export function createStreamChecks(
  live: Pick<RunningStreams, 'size' | 'recheck' | 'cutExpired'>,
  { revisions, clock, log }: ChecksNeeds,
) {
  let checkedEpoch = -1
  /** When a live stream may lose access without a change of access data. Milliseconds since the epoch. */
  let decideAgainAt = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let endTimer: NodeJS.Timeout | undefined

  revisions.onApplied(() => {
    // Opening a session does not end access, and does not change the revision.
    if (live.size === 0 || revisions.revision === checkedEpoch) return
    checkedEpoch = revisions.revision
    recheck()
  })

  function recheck(): void {
    live.recheck().catch((error) => log.error({ cause: messageOf(error) }, 'failed to re-check live streams'))
  }

  /** Cuts live streams as soon as their session expires, or access that was given until a time. */
  function watchEnds(): void {
    const now = clock.now()
    if (now >= decideAgainAt) {
      decideAgainAt = Number.POSITIVE_INFINITY
      recheck()
    }
    const left = Math.min(live.cutExpired(now), decideAgainAt) - now + 1
    endTimer = setTimeout(watchEnds, Math.max(LEAST_WAIT_MS, Math.min(RECHECK_MS, left)))
  }

  return {
    /** See `RunningSessions.decideAgain`. */
    decideAgain(at: number): void {
      decideAgainAt = Math.min(decideAgainAt, at)
    },
    start(): void {
      timer = setInterval(recheck, RECHECK_MS)
      watchEnds()
    },
    stop(): void {
      clearInterval(timer)
      clearTimeout(endTimer)
    },
  }
}
