import type { Job } from '../../api/jobs.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Leases } from './leases.ts'

const DEADLINE_MS = 60_000
/** How long a run may take to end after its signal, in milliseconds. */
const END_MS = 5_000
const RETRY_MS = 60_000
const RESULT_CHARACTERS = 500

/** One run of a job on this hub, which has the lease. */
export interface JobRun {
  /** Ends the run because the hub stops. */
  stop(): void
  /** Resolves once the result is stored, or the lease given up. Never rejects. */
  readonly ended: Promise<void>
  /** Resolves once the work itself has ended, however long that takes. */
  readonly settled: Promise<unknown>
}

/** Runs the job and renews its lease meanwhile. `failures` is how many runs have failed in a row before. */
export function startRun(
  job: Job,
  { leases, log, failures }: { readonly leases: Leases; readonly log: Log; readonly failures: number },
): JobRun {
  const { name, everyMs, jitterMs = everyMs / 10, deadlineMs = DEADLINE_MS } = job
  // A hub that cannot renew its lease stops working before another hub may start.
  const [renewMs, lostMs] = [leases.leaseMs / 3, leases.leaseMs * 0.8]
  const stopping = new AbortController()
  let lost = false
  let renewed = performance.now()

  const lose = () => {
    lost = true
    stopping.abort(new Error('the lease was lost'))
  }
  const renewal = setInterval(() => {
    if (performance.now() - renewed > lostMs) return lose()
    const asked = performance.now()
    leases.renew(name).then(
      (held) => {
        if (held) renewed = asked
        else lose()
      },
      (error) => log.debug({ job: name, cause: messageOf(error) }, 'failed to renew the lease of a job'),
    )
  }, renewMs)
  const late = new Error(`timed out after ${deadlineMs} ms`)
  const deadline = setTimeout(() => stopping.abort(late), deadlineMs)

  // A run that throws at once rejects like any other.
  const settled = (async () => job.run(stopping.signal))()
  const outcome = settled.then(
    (result) => ({ error: null, result: result ?? null }),
    (error: unknown) => ({ error, result: null }),
  )
  const abandoned = new Promise<{ readonly error: unknown; readonly result: null }>((resolve) => {
    stopping.signal.addEventListener('abort', () => {
      const error = stopping.signal.reason === late ? late : new Error('did not end when its signal aborted')
      setTimeout(() => resolve({ error, result: null }), END_MS).unref()
    })
  })

  const ended = (async () => {
    const { error, result } = await Promise.race([outcome, abandoned])
    clearInterval(renewal)
    clearTimeout(deadline)
    if (lost) return log.warn({ job: name }, 'a job ended because this hub lost its lease')
    // Whatever a run returns after its signal: it may have done only a part.
    const { aborted, reason } = stopping.signal
    if (aborted && reason !== late) return leases.release(name)
    const failure = error ?? (aborted ? late : null)
    if (failure !== null) log.error({ job: name, error: messageOf(failure) }, 'a job failed')
    const soonerMs = Math.min(everyMs, RETRY_MS * 2 ** failures)
    await leases.finish(name, {
      failed: failure !== null,
      result: short(failure === null ? result : messageOf(failure)),
      nextMs: (failure === null ? everyMs : soonerMs) + Math.random() * jitterMs,
    })
  })().catch((error) =>
    log.warn({ job: name, cause: messageOf(error) }, 'failed to store the result of a job'),
  )
  return { stop: () => stopping.abort(new Error('the hub stops')), ended, settled: outcome }
}

/** Text that PostgreSQL and a line of a table can hold. */
function short(result: string | null): string | null {
  if (result === null) return null
  const line = result.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trim()
  return line.length > RESULT_CHARACTERS ? `${line.slice(0, RESULT_CHARACTERS - 1)}…` : line
}
