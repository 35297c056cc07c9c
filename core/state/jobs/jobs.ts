import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../../api/database.ts'
import type { JobState } from '../../api/hub-state.ts'
import type { Job, Jobs } from '../../api/jobs.ts'
import type { Metrics } from '../../api/metrics.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { checkJob } from './job-check.ts'
import { type JobRun, startRun } from './job-run.ts'
import { createLeases, type JobRow } from './leases.ts'

/** Another hub that dies may leave a job that is due sooner than it was. */
const LOOK_MS = 60_000
const LEASE_MS = 30_000
const SHORTEST_MS = 20
const FAILED_MS = 5_000

/** Runs the jobs of this hub's plugins whenever this hub gets their leases. */
export interface RunningJobs {
  readonly service: Jobs
  /** All jobs, as of the last look at the table, at most a minute ago. */
  states(): readonly JobState[]
  /** Reads the states now. */
  read(): Promise<readonly JobState[]>
  start(): void
  /** Ends the runs of this hub: their leases are free for other hubs. */
  stop(): Promise<void>
}

export function createJobs(options: {
  readonly db: Database
  readonly instanceId: string
  readonly metrics: Pick<Metrics, 'counters'>
  readonly log: Log
  /** How long a hub has a job without renewing its lease, in milliseconds. Default: 30 s. */
  readonly leaseMs?: number
}): RunningJobs {
  const { log, leaseMs = LEASE_MS } = options
  const leases = createLeases({ ...options, leaseMs })
  const jobs = new Map<string, Job>()
  const runs = new Map<string, JobRun>()
  const soon = new Set<string>()
  let rows: ReadonlyMap<string, JobRow> = new Map()
  let wake = () => {}
  let working: Promise<void> | undefined
  let stopped = false
  const counted = options.metrics.counters('mezite_job_runs_total', 'Runs of background jobs on this hub', [
    'job',
  ])

  const states = (): readonly JobState[] =>
    [...jobs.keys()].map((name) => {
      const {
        holder = null,
        hub = null,
        finished = null,
        result = null,
        failures = 0,
        next_run,
      } = rows.get(name) ?? {}
      const next = next_run ? new Date(next_run) : null
      return { name, running: holder !== null, hub: holder ?? hub, finished, result, failures, next }
    })

  async function look(): Promise<void> {
    const found = await leases.look([...jobs.keys()])
    rows = new Map(found.map((row) => [row.name, row]))
  }

  /** Starts what is due, and returns how long nothing else will be. */
  async function round(): Promise<number> {
    for (const name of soon) {
      // Before the question: whoever asks again meanwhile needs a run that begins after that.
      soon.delete(name)
      await leases.ask(name).catch((error) => {
        soon.add(name)
        throw error
      })
    }
    await look()
    let waitMs = LOOK_MS
    for (const [name, job] of jobs) {
      const row = rows.get(name)
      if (row === undefined) await leases.announce([name])
      const dueMs = row?.wait_ms ?? 0
      if (runs.has(name)) continue
      if (dueMs <= 0 && !stopped && (await leases.claim(name))) launch(job, row?.failures ?? 0)
      else waitMs = Math.min(waitMs, Math.max(dueMs, SHORTEST_MS))
    }
    return waitMs
  }

  function launch(job: Job, failures: number): void {
    counted(job.name).value += 1
    const run = startRun(job, { leases, log, failures })
    runs.set(job.name, run)
    // One that does not end is not started again here.
    void run.ended
      .then(() => run.settled)
      .then(() => {
        runs.delete(job.name)
        wake()
      })
  }

  async function work(): Promise<void> {
    while (!stopped) {
      const waking = new AbortController()
      wake = () => waking.abort()
      const waitMs = await round().catch((error) => {
        log.debug({ cause: messageOf(error) }, 'failed to look for jobs that are due')
        return FAILED_MS
      })
      if (!stopped) await pause(waitMs, undefined, { signal: waking.signal }).catch(() => {})
    }
  }

  return {
    service: {
      add(job) {
        checkJob(job, (name) => jobs.has(name))
        const { name } = job
        jobs.set(name, job)
        return {
          runSoon() {
            soon.add(name)
            wake()
          },
        }
      },
    },
    states,
    async read() {
      await look()
      return states()
    },
    start() {
      working ??= work()
    },
    async stop() {
      stopped = true
      wake()
      await working
      for (const run of runs.values()) run.stop()
      await Promise.all([...runs.values()].map(({ ended }) => ended))
    },
  }
}
