/** What is open at several hubs, on one real PostgreSQL. */
import { sql } from 'kysely'
import t from 'tap'
import { createActivity } from '../../../core/hub/hubs/create-activity.ts'
import { createRegistry } from '../../../core/hub/hubs/create-registry.ts'
import { hubsMigrations } from '../../../core/hub/hubs/hubs-migrations.ts'
import type { Session } from '../../../core/hub/sessions/session.ts'
import { sessionsMigrations } from '../../../core/hub/sessions/sessions-migrations.ts'
import { type Clock, systemClock } from '../../../core/kernel/clock.ts'
import { until } from '../../until.ts'
import { keptLog, open, postgresStore } from '../database/stores.ts'

const store = await postgresStore()
t.teardown(() => store.close())
const database = await open(await store.config())
await database.migrate([sessionsMigrations, hubsMigrations])
const { db } = database

/** A hub with so many streams of each session. */
async function startHub(instanceId: string, streams: Record<string, number>, clock: Clock = systemClock) {
  const log = keptLog()
  const parts = { db, instanceId, alone: false, log }
  const registry = createRegistry({ ...database, ...parts, clock, version: '0.0.0' })
  await registry.start()
  const live = {
    bySession: () => streams,
    countBy: ({ sessionId = '' }: { sessionId?: string }) => streams[sessionId] ?? 0,
  }
  const activity = createActivity({ ...parts, sessions: { live } })
  const stop = activity.start()
  return {
    streams,
    log,
    activity,
    registry,
    async stop() {
      await stop()
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

t.test('streams of all hubs that live are counted, and the latest use is told', async (t) => {
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

t.test('a hub whose clock is not that of the database says so, by how much, and what to do', async (t) => {
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

t.test('without the database a hub says what it knows itself', async (t) => {
  const a = await startHub('a', { one: 2 })
  await a.stop()
  await database.close()
  const use = await a.activity.of([one])
  t.same(use(one), { streams: 2, lastUsed: 1_000 })
})
