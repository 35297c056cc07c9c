// together: rooms
// long
/** Background work of the cluster, with several hubs on one database. */
import { sql } from 'kysely'
import t from 'tap'
import type { Job } from '../../../core/api/jobs.ts'
import { createMetrics } from '../../../core/base/log/metrics.ts'
import { duringSetup } from '../../../core/kernel/setup-turn.ts'
import { createJobs } from '../../../core/state/jobs/jobs.ts'
import { jobsMigrations } from '../../../core/state/jobs/migrations.ts'
import { testJobs } from '../../../core/testing/job-conformance.ts'
import { until } from '../../until.ts'
import { postgresStore } from '../database/postgres-stores.ts'
import { keptLog, open, openTestDatabase } from '../database/stores.ts'

/** A busy machine may keep a hub from its renewals for a second. */
const LEASE_MS = 3_000

/** Hubs with the same job; `run` gets the number of its hub. Each has a pool of its own, as hubs of a cluster do. */
async function startHubs(
  t: { teardown(run: () => unknown): void },
  count: number,
  job: Omit<Job, 'run'>,
  run: (hub: number, signal: AbortSignal) => ReturnType<Job['run']>,
) {
  const store = count > 1 ? await postgresStore() : null
  t.teardown(() => store?.close())
  const config = await store?.config()
  const hubs = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const database = config ? await open(config) : await openTestDatabase([jobsMigrations])
      t.teardown(() => database.close())
      if (config) await database.migrate([jobsMigrations])
      const log = keptLog()
      const metrics = createMetrics(log)
      const jobs = createJobs({ db: database.db, instanceId: `hub-${at}`, metrics, log, leaseMs: LEASE_MS })
      const add = () => jobs.service.add({ ...job, run: (signal) => run(at, signal) })
      const { runSoon } = duringSetup(name, add)
      t.teardown(() => jobs.stop())
      return { ...jobs, ...database, runSoon, metrics, log, state: async () => (await jobs.read())[0]! }
    }),
  )
  return hubs as [(typeof hubs)[number], ...typeof hubs]
}

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
const name = 'test'

t.test('one of two hubs at a time runs a job', async (t) => {
  let [running, most, runs] = [0, 0, 0]
  const hubs = await startHubs(t, 2, { name, everyMs: 1_000, jitterMs: 0 }, async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setTimeout(resolve, 100))
    running -= 1
    runs += 1
    return `run ${runs}`
  })
  for (const hub of hubs) hub.start()
  await until(() => runs >= 3, 'three runs')
  t.equal(most, 1)
  const { result, failures, hub, finished, next } = await hubs[1]!.state()
  t.match({ result, failures, hub }, { result: /^run \d+$/, failures: 0, hub: /^hub-[01]$/ })
  t.ok(next! > finished!)
})

t.test('fault 44: another hub runs the job of a dead one again once the lease has expired', async (t) => {
  const ran: number[] = []
  const [first, second] = await startHubs(t, 2, { name, everyMs: 3_600_000 }, async (hub, signal) => {
    ran.push(hub)
    if (hub === 0) await aborted(signal)
  })
  first.start()
  await until(() => ran.length === 1, 'the first hub runs it')
  second!.start()
  const renewals = sql<{ lease_until: Date }>`SELECT lease_until FROM jobs`
  const [before] = (await renewals.execute(first.db)).rows
  await until(
    async () => (await renewals.execute(first.db)).rows[0]!.lease_until > before!.lease_until,
    'a hub that lives renews its lease',
  )
  t.same(ran, [0])
  t.match(await second!.state(), { running: true, hub: 'hub-0' })
  // As if the first hub were cut off from the database: it stops before the second one starts.
  await first.close()
  await until(() => ran.length === 2, 'the second hub runs it')
  t.same(ran, [0, 1])
  await until(() => /lost its lease/.test(JSON.stringify(first.log.lines)), 'the first hub has stopped')
})

t.test('a hub that stops ends its run, and another one starts at once', async (t) => {
  const ran: number[] = []
  const [first, second] = await startHubs(t, 2, { name, everyMs: 3_600_000 }, async (hub, signal) => {
    ran.push(hub)
    if (hub === 0) await aborted(signal)
  })
  first.start()
  await until(() => ran.length === 1, 'the first hub runs it')
  await first.stop()
  second!.start()
  await until(() => ran.length === 2, 'the second hub runs it')
  t.match(await second!.state(), { failures: 0 })
})

t.test('a run that fails or is late is counted, reported and repeated sooner', async (t) => {
  let runs = 0
  const [hub] = await startHubs(t, 1, { name, everyMs: 3_600_000, deadlineMs: 50 }, async (_hub, signal) => {
    runs += 1
    if (runs === 1) throw new Error('no\nluck')
    if (runs === 2) return aborted(signal)
    return 'done'
  })
  hub.start()
  await until(async () => (await hub.state()).failures === 1, 'the first run fails')
  const first = await hub.state()
  t.equal(first.result, 'no luck', 'in one line')
  const minutes = (first.next!.getTime() - Date.now()) / 60_000
  t.ok(minutes < 8 && minutes > 0.5, `repeated in ${minutes} minutes, not in an hour`)
  const runsTotal = hub.metrics.collect().find(({ name }) => name === 'mezite_job_runs_total')
  t.match(runsTotal?.samples, [{ labels: { job: 'test' }, value: 1 }])
  t.match(hub.states(), [{ name: 'test', failures: 1 }])
  hub.runSoon()
  await until(async () => (await hub.state()).failures === 2, 'the second run is late')
  t.match((await hub.state()).result, /timed out after 50 ms/)
  hub.runSoon()
  await until(async () => (await hub.state()).failures === 0, 'the third run succeeds')
  t.match(await hub.state(), { result: 'done', running: false })
})

t.test('a job that is requested while it runs runs once more', async (t) => {
  let runs = 0
  let finish = () => {}
  const [hub] = await startHubs(t, 1, { name, everyMs: 3_600_000 }, async () => {
    runs += 1
    if (runs === 1)
      await new Promise<void>((resolve) => {
        finish = resolve
      })
  })
  hub.start()
  await until(() => runs === 1, 'it runs')
  hub.runSoon()
  hub.runSoon()
  const again = sql<{ again: boolean }>`SELECT again FROM jobs`
  await until(async () => (await again.execute(hub.db)).rows[0]!.again, 'it is asked again')
  finish()
  await until(() => runs === 2, 'it runs again')
  await until(async () => !(await hub.state()).running, 'it has ended')
  t.equal(runs, 2)
})

t.test('jobs are checked when they are added', async (t) => {
  const [hub] = await startHubs(t, 1, { name, everyMs: 1_000 }, async () => {})
  const job: Job = { name: `${name}-other`, everyMs: 1_000, run: async () => {} }
  const jobs = testJobs()
  duringSetup(name, () => jobs.add({ ...job, name }))
  const refused: readonly (readonly [Partial<Job>, RegExp])[] = [
    [{ name: 'No' }, /at most 63 small letters/],
    [{ name: 'other' }, /must be "test", or begin with "test-": it is a job of the plugin 'test'/],
    [{ name: 'testing' }, /begin with "test-"/],
    [{ everyMs: 999 }, /everyMs/],
    [{ everyMs: Number.NaN }, /everyMs/],
    [{ jitterMs: 2_000 }, /jitterMs/],
    [{ deadlineMs: 0 }, /deadlineMs/],
    [{ run: undefined as never }, /`run` must be a function/],
  ]
  for (const [what, service] of [
    ['a hub', hub.service],
    ['testJobs', jobs],
  ] as const) {
    for (const [more, message] of refused)
      t.throws(
        () => duringSetup(name, () => service.add({ ...job, ...more })),
        { code: 'MEZ_PART_INVALID', message },
        what,
      )
    const twice = () => duringSetup(name, () => void [service.add(job), service.add(job)])
    t.throws(twice, { code: 'MEZ_PART_INVALID', message: /the plugin 'test' adds it twice/ }, what)
    t.throws(() => service.add(job), { code: 'MEZ_PART_INVALID', message: /in setup\(\)/ }, what)
  }
})
