// together: rooms
/** What is open at several hubs, on one real PostgreSQL. */
import { sql } from 'kysely'
import t from 'tap'
import type { Session } from '../../../core/api/sessions.ts'
import { createCutReports } from '../../../core/gate/sessions/cut-reports.ts'
import { sessionsMigrations } from '../../../core/gate/sessions/migrations.ts'
import { createActivity } from '../../../core/gate/sessions/session-activity.ts'
import { type Clock, systemClock } from '../../../core/kernel/clock.ts'
import { compareClocks, createRegistry } from '../../../core/state/hubs/hub-registry.ts'
import { hubsMigrations } from '../../../core/state/hubs/migrations.ts'
import { partly } from '../../hub/partly.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open } from '../../state/database/stores.ts'
import { until } from '../../until.ts'

const store = await postgresStore()
t.teardown(() => store.close())
const database = await open(await store.config())
await database.migrate([sessionsMigrations, hubsMigrations])
const { db } = database

/** A hub with so many streams of each session. */
async function startHub(instanceId: string, streams: Record<string, number>, clock: Clock = systemClock) {
  const log = keptLog()
  const parts = { db, instanceId, log }
  const registry = createRegistry({ ...database, ...parts, clock, version: '0.0.0' })
  await registry.start()
  const live = {
    bySession: () => streams,
    countBy: ({ sessionId = '' }: { sessionId?: string }) => streams[sessionId] ?? 0,
  }
  const activity = createActivity({ ...parts, sessions: { live } })
  activity.start()
  return {
    streams,
    log,
    activity,
    registry,
    async stop() {
      await activity.stop()
      await registry.stop()
    },
  }
}
const session = (id: string, lastUsed: number) => ({ id, lastUsed }) as Session
const [one, two] = [session('one', 1_000), session('two', 5_000)]
for (const { id } of [one, two]) {
  await sql`INSERT INTO sessions (id, hash, kind, user_name, client_ip, satisfied, created, expires, idle_ms, last_used)
    VALUES (${id}, ${id}, 'app', 'ann', '', '[]', 0, 9e15, 0, 3000)`.execute(db)
}

t.test('streams of all live hubs are counted, and the latest use is reported', async (t) => {
  const a = await startHub('a', { one: 2 })
  const b = await startHub('b', { one: 3, two: 1 })
  const c = await startHub('c', { one: 50 })
  const seen = async () => {
    const use = await a.activity.of([one, two])
    return [use(one), use(two)]
  }
  await until(async () => (await seen())[0]?.streams === 55, 'all three are counted')
  await c.registry.stop()
  await sql`INSERT INTO hubs (id, version, seen) VALUES ('c', '0.0.0', now() - interval '11 seconds')`.execute(
    db,
  )
  t.same(
    await seen(),
    [
      { streams: 5, lastUsed: 3_000 },
      { streams: 1, lastUsed: 5_000 },
    ],
    'not a hub that is gone; uses at others from the database, newer ones here from memory',
  )
  delete b.streams.one
  await until(async () => (await seen())[0]?.streams === 2, 'b tells that less is open')
  t.equal((await seen())[1]?.streams, 1)
  await b.stop()
  t.equal((await seen())[1]?.streams, 0, 'a hub that stops takes back what it told')
  await c.stop()
  t.same(await sql`SELECT hub FROM hub_streams WHERE hub <> 'a'`.execute(db).then(({ rows }) => rows), [])
  await a.stop()
})

/** A hub that applies changes and says what it has cut because of them. */
async function startCutting(instanceId: string) {
  const hub = await startHub(instanceId, {})
  const clock = { now: Date.now, ahead: 0, monotonic: () => performance.now() + clock.ahead }
  const live = { size: 1, revoked: 0, checks: 0, holds: Promise.resolve(), recheck: () => live.holds }
  let told = (_touched: ReadonlyMap<string, ReadonlySet<string>> | null) => {}
  const revisions = {
    applied: 0,
    onApplied(listener: typeof told) {
      told = listener
    },
  }
  let reports = 0
  const cuts = createCutReports(
    partly({
      db,
      instanceId,
      revisions,
      clock,
      log: hub.log,
      sessions: { live, byId: (id: string) => (id === 'known' ? one : undefined) } as never,
      registry: {
        list: hub.registry.list,
        report(report) {
          reports += 1
          return hub.registry.report(report)
        },
      },
    }),
  )
  return {
    clock,
    live,
    begin: cuts.begin,
    stop: hub.stop,
    reports: () => reports,
    /** Resolves once every hub has said that it has checked after the last change. */
    settled: () =>
      until(
        async () => (await hub.registry.list()).every(({ applied }) => applied === revisions.applied),
        'all have checked',
      ),
    /** The next change, which ends so many streams here. */
    apply(streams: number, touched: Parameters<typeof told>[0] = new Map([['lock', new Set(['x'])]])) {
      live.revoked += streams
      revisions.applied += 1
      told(touched)
    },
  }
}

t.test(
  'the caller that ends access gets the cuts of all hubs, and the number of hubs that are late',
  async (t) => {
    const [a, b] = [await startCutting('cut-a'), await startCutting('cut-b')]
    const apply = (here: number, there: number) => {
      a.apply(here)
      b.apply(there)
    }
    t.equal(await a.begin()(), null, 'nothing was changed')
    apply(10, 20)
    await a.settled()
    for (const [here, there] of [
      [2, 3],
      [0, 4],
      [0, 0],
    ] as const) {
      const finish = a.begin()
      apply(here, there)
      t.match(await finish(), { streams: here + there, hubs: 2, unconfirmed: 0 })
    }

    const unheard = a.begin()
    a.apply(1)
    const waiting = unheard()
    a.clock.ahead += 2_000
    t.match(await waiting, { streams: 1, hubs: 1, unconfirmed: 1 }, 'the other hub has not applied it')
    const { promise, resolve } = Promise.withResolvers<void>()
    a.live.holds = promise
    const unchecked = a.begin()
    apply(0, 0)
    const wait = unchecked()
    a.clock.ahead += 2_000
    t.match(await wait, { hubs: 0, unconfirmed: 2 }, 'nor has this one checked what is live here')
    resolve()
    await Promise.all([a.stop(), b.stop()])
  },
)

t.test('a change that only opens access is reported to no other hub, unless a caller waits', async (t) => {
  const a = await startCutting('quiet')
  const known = new Map([['session', new Set(['known'])]])
  a.apply(0, known)
  await new Promise(setImmediate)
  t.equal(a.reports(), 0)
  for (const touched of [
    null,
    new Map([['session', new Set(['known', 'gone'])]]),
    new Map([...known, ['lock', new Set(['x'])]]),
  ]) {
    a.clock.ahead += 3_000
    const before = a.reports()
    a.apply(0, touched)
    await until(() => a.reports() > before, 'it is told')
  }
  const before = a.reports()
  a.apply(0, known)
  await until(() => a.reports() > before, 'for a while everything is')
  a.clock.ahead += 3_000
  const quiet = a.reports()
  a.apply(0, known)
  await new Promise(setImmediate)
  t.equal(a.reports(), quiet)
  const finish = a.begin()
  a.apply(0, known)
  t.match(await finish(), { hubs: 1, unconfirmed: 0 }, 'who asks hears of it')
  await a.stop()
})

t.test('a hub whose clock differs from the database’s reports the difference and the remedy', async (t) => {
  let passed = 0
  const clock = { now: () => Date.now() + 20_000 + passed, monotonic: () => performance.now() + passed }
  const ahead = await startHub('ahead', {}, clock)
  const exact = await startHub('exact', {})
  t.teardown(() => Promise.all([ahead.stop(), exact.stop()]))
  const said = () => ahead.log.lines.filter(([, message]) => /clock/.test(String(message)))
  t.match(said(), [[{}, /is (19|20|21)\S* s ahead of the database's: set both by NTP/]])
  t.ok(Math.abs(ahead.registry.clockAheadMs - 20_000) < 5_000, `${ahead.registry.clockAheadMs} ms`)
  const report = () => ahead.registry.report({ after: 0, n: 0, streams: 0 })
  await report()
  t.equal(said().length, 1, 'once in ten minutes')
  passed += 10 * 60_000
  await report()
  t.equal(said().length, 2)
  t.notMatch(JSON.stringify(exact.log.lines), /clock/)
})

t.test('a response that took more than a second is not used to compare clocks', (t) => {
  const clocks = compareClocks({ clock: { now: () => 50_000, monotonic: () => 2_000 }, log: keptLog() })
  clocks.observe(20_000, 999)
  t.equal(clocks.aheadMs, 0)
  clocks.observe(20_000, 1_000)
  t.equal(clocks.aheadMs, 29_500, 'the database said it half way')
  t.end()
})

t.test('a hub without the database reports its own figures', async (t) => {
  const a = await startHub('a', { one: 2 })
  await a.stop()
  await database.close()
  const use = await a.activity.of([one])
  t.same(use(one), { streams: 2, lastUsed: 1_000 })
})
