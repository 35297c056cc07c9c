// long
/** How access ends with everything open at two hubs, the notification connection cut in half of the cases. */
import t from 'tap'
import { quantile } from '../bench/statistics.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { CUT, endings } from './live-streams.ts'
import { type Answer, revokeInRounds, startRevocations, WAYS } from './revocations.ts'
import { startBalancer } from './start-balancer.ts'

/** Each way with and without notifications. `npm run soak -- --only revocations` does ten times as many. */
const ROUNDS = 2 * WAYS
/** A hub decides nothing on what it knows when that is older. */
const FRESH_MS = 5_000
/** Between hub B and the database. */
const way = await startBalancer()
t.teardown(() => way.close())
let databasePort = 0
const revocations = await startRevocations(t, {
  config: { sessions: { stream_staleness: '6s' } },
  databaseUrl(name, straight) {
    const url = new URL(straight)
    databasePort = Number(url.port)
    way.to(databasePort)
    if (name === 'hub-b') url.port = String(way.port)
    return url.href
  },
})
const { a, b } = revocations.pair

t.test('E71 G102 I117 faults 10 and 11: every revocation cuts all streams at both hubs', async (t) => {
  const watch = startStopwatch()
  const { here, there, missed, rightShare, deafened } = await revokeInRounds(revocations, ROUNDS)
  t.same(missed, [])
  t.ok(deafened >= ROUNDS / 2, `${deafened} notification connections were cut`)
  t.equal(
    here.length,
    ROUNDS * 4,
    'download, events, WebSocket and TCP were cut in every round at the same hub',
  )
  t.equal(there.length, ROUNDS * 4, 'and at the other')
  const shown = (all: readonly number[]) => `${Math.round(quantile(all, 0.5))} ms`
  // Most of what was lost in all rounds; on a quiet machine nearly nothing.
  const lostMs = watch.lost() / ROUNDS
  t.ok(quantile(here, 0.5) < 500 + lostMs, `same hub: ${shown(here)}`)
  t.ok(quantile(there, 0.5) < 1_000 + lostMs, `other hub: ${shown(there)}`)
  t.ok(rightShare >= 0.9, `${rightShare} of the responses report what was cut on 2 hubs`)
})

interface Session {
  readonly kind: string
  readonly app: string | null
  readonly streams: number
  readonly last_used: string
}

t.test('the list of sessions has the streams and last uses of all hubs', async (t) => {
  const before = Date.now()
  await revocations.openAt(a)
  await revocations.openAt(b)
  for (const hub of [a, b]) {
    const listed = async () => {
      const all = await hub.api<Session[]>('GET', '/sessions?user=alice@example.com')
      return all.filter(({ streams }) => streams > 0).sort((one, other) => other.streams - one.streams)
    }
    await until(
      async () => (await listed()).reduce((sum, { streams }) => sum + streams, 0) === 8,
      `${hub.name} lists what is open at both`,
    )
    const shown = await listed()
    t.match(shown, [
      { kind: 'app', app: 'drip', streams: 6 },
      { kind: 'cert', app: null, streams: 2 },
    ])
    for (const { last_used } of shown) t.ok(Date.parse(last_used) >= before - 1_000, last_used)
    t.match(await hub.api('GET', '/sessions?app=drip'), [{ app: 'drip', streams: 6 }])
  }
  t.match(await a.api('POST', '/apps/drip/disable'), { cut: { streams: 6, hubs: 2 } })
  await until(
    async () => (await a.api<Session[]>('GET', '/sessions?app=drip')).every(({ streams }) => streams === 0),
    'nothing of it is listed as open any more',
  )
  await a.api('POST', '/apps/drip/enable')
})

t.test(
  'status lists both hubs, a locked agent loses its streams, and locks expire by themselves',
  async (t) => {
    const { hubs } = await a.api<{ hubs: { id: string; version: string; since: string }[] }>('GET', '/status')
    t.equal(hubs.length, 2)
    for (const hub of hubs) t.ok(Date.parse(hub.since) > 0)
    const streams = await revocations.openAt(b)
    // Either may carry any of them.
    const locks = await Promise.all(
      ['node-1', 'node-2'].map((agent) =>
        a.api<Answer>('POST', '/locks', { target: { agent }, ttl_seconds: 5 }),
      ),
    )
    for (const { cut } of locks) t.match(cut, { hubs: 2 })
    const count = locks.reduce((sum, { cut }) => sum + (cut?.streams ?? 0), 0)
    t.ok(count >= streams.length, `${count} streams`)
    const ends = await endings(streams)
    t.same(
      ends.map(({ how }) => how),
      streams.map(({ kind }) => CUT[kind]),
    )
    const quick = await a.api<Answer>('POST', '/locks', { target: { user: 'nobody' } })
    t.match(quick.cut, { streams: 0, hubs: 2 })
    t.ok(quick.cut!.ms < 5_000, `nothing live: ${quick.cut!.ms} ms`)
    const last = Math.max(...locks.map(({ expires }) => Date.parse(expires!)))
    await new Promise((resolve) => setTimeout(resolve, last - Date.now() + 50))
    const left = await a.api<{ target: object }[]>('GET', '/locks')
    t.notOk(
      left.some(({ target }) => 'agent' in target),
      'the locks of the agents have ended',
    )
  },
)

t.test('fault 12: a hub that cannot reach the database does not admit anybody by stale data', async (t) => {
  const streams = await revocations.openAt(b)
  way.to()
  way.cut()
  const cutOff = performance.now()
  const watch = startStopwatch()
  const locking = a.api<Answer>('POST', '/locks', { target: { user: 'alice@example.com' } })
  const answers: { status: number; code: string | null; ms: number }[] = []
  const askedUntil = (last: string) =>
    until(async () => {
      const ms = performance.now() - cutOff
      const answer = await revocations.askAt(b)
      answers.push({ ...answer, ms })
      return answer.code === last
    }, `hub B answers ${last}`)
  await askedUntil('view_stale')
  const { id, cut } = await locking
  t.match(cut, { unconfirmed: 1 }, 'whoever locks is told that one hub has not confirmed')
  t.same(await revocations.askAt(a), { status: 403, code: 'locked' })
  const ends = await endings(streams)
  const lastMs = Math.round(Math.max(...ends.map(({ at }) => at)) - cutOff)
  t.ok(lastMs < 15_000 + watch.lost(), `what is live is cut after ${lastMs} ms`)
  way.to(databasePort)
  await askedUntil('locked')
  t.same(
    answers.filter(({ status, ms }) => status === 200 && ms > FRESH_MS + 500),
    [],
    `${answers.length} answers, and none on knowledge that is too old`,
  )
  await a.api('DELETE', `/locks/${id}`)
})

t.test('a hub that stops leaves the list, and no caller waits for it', async (t) => {
  await b.program.stop()
  const { hubs } = await a.api<{ hubs: object[] }>('GET', '/status')
  t.equal(hubs.length, 1)
  const { cut } = await a.api<Answer>('POST', '/locks', { target: { user: 'nobody' } })
  t.match(cut, { streams: 0, hubs: 1 })
})
