import type { Job, Jobs } from '../api/jobs.ts'
import { setupTurn } from '../kernel/setup-turn.ts'
import { checkJob } from '../state/jobs/job-check.ts'
import { type ConformTest, inTime, testsWith } from './conformance-test.ts'

/** A stand-in for the service `jobs` that runs nothing by itself, and rejects the jobs that a hub rejects. */
export interface TestJobs extends Jobs {
  /** The jobs that a plugin has added. */
  readonly list: readonly Job[]
  /** Names of the jobs that were asked to run soon, in order. */
  readonly asked: readonly string[]
  /** Runs the job now, as the hub with the lease would; resolves with its result. Throws for an unknown name. */
  run(name: string, signal?: AbortSignal): ReturnType<Job['run']>
}

/** Jobs of a plugin under test. */
export function testJobs(): TestJobs {
  const list: Job[] = []
  const asked: string[] = []
  // A test sets up its plugin several times, each time as in a hub of its own.
  const added = new WeakMap<object, Set<string>>()
  return {
    list,
    asked,
    add(job) {
      const names = added.get(setupTurn() ?? list) ?? new Set<string>()
      checkJob(job, (name) => names.has(name))
      added.set(setupTurn() ?? list, names.add(job.name))
      list.push(job)
      return { runSoon: () => void asked.push(job.name) }
    },
    async run(name, signal = new AbortController().signal) {
      const job = list.find((one) => one.name === name)
      if (!job)
        throw new TypeError(`no job "${name}", only ${list.map((one) => one.name).join(', ') || 'none'}`)
      return job.run(signal)
    },
  }
}

/** A job that can run, because its plugin has started. */
export interface JobUnderTest {
  readonly job: Job
  close(): Promise<void>
}

/** How long a job may go on after its signal, in milliseconds. */
const END_MS = 5_000
const DAY_MS = 24 * 3_600_000

/**
 * Checks that a job can be repeated, also beside another run, and ends when it must. `open` creates and starts a new plugin.
 */
export function conformJob(t: ConformTest, open: () => Promise<JobUnderTest>): void {
  const test = testsWith(t, open)
  const live = () => new AbortController().signal

  test('it has a name, an interval and a deadline', async (t, {
    job: { name, everyMs, jitterMs = 0, deadlineMs = 1 },
  }) => {
    t.ok(/^[a-z0-9][a-z0-9-]{0,62}$/.test(name), `the name '${name}'`)
    t.ok(everyMs >= 1_000 && everyMs <= 30 * DAY_MS, 'an interval of a second to 30 days')
    t.ok(jitterMs >= 0 && jitterMs <= everyMs, 'jitter within the interval')
    t.ok(deadlineMs > 0, 'a deadline')
  })

  test('it runs again and again, and reports in a line', async (t, { job }) => {
    for (const round of ['first', 'second']) {
      const result: unknown = await inTime(job.run(live()), `the ${round} run`, job.deadlineMs ?? 60_000)
      const fits = result === undefined || (typeof result === 'string' && !/[\r\n]/.test(result))
      t.ok(fits, `the ${round} run returns a line or nothing`)
    }
  })

  test('a run beside another one does no harm', async (t, { job }) => {
    await inTime(Promise.all([job.run(live()), job.run(live())]), 'two runs')
    t.ok(true, 'both end')
  })

  test('it ends when its signal aborts', async (t, { job }) => {
    for (const signal of [AbortSignal.abort(), AbortSignal.timeout(1)]) {
      const ended = Promise.allSettled([job.run(signal)])
      await inTime(ended, 'the end after the signal', END_MS)
    }
    t.ok(true, 'in time')
  })
}
