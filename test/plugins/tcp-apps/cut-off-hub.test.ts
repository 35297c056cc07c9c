// together: rooms
// long
/** Ends of connections when a hub stands still, is cut off from the database, or does not hear its answers: each once. */
import type { AuditInput } from '@mezite/core'
import t from 'tap'
import { type OpenTables, tcpAppsMigrations } from '../../../plugins/tcp-apps/migrations.ts'
import { createOpenConnections } from '../../../plugins/tcp-apps/open-connections.ts'
import { changesOf, openTestDatabase } from '../../state/database/stores.ts'
import { until } from '../../until.ts'

const database = await openTestDatabase([tcpAppsMigrations])
const db = database.db.withTables<OpenTables>()
const revisions = changesOf(database)
await revisions.start()
t.teardown(async () => {
  await revisions.stop()
  await database.close()
})
const lines: string[] = []
const write = (...parts: unknown[]) => void lines.push(String(parts.at(-1)))
const log = { debug() {}, info: write, warn: write, error: write } as never

const endOf = (requestId: string, end_reason = 'closed'): AuditInput => ({
  type: 'app.session.end',
  success: true,
  requestId,
  fields: { app: 'echo', protocol: 'tcp', agent: 'node-1', end_reason },
})
const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** What the database does to the next statements of a hub about these: nothing, or all without an answer. */
type Fault = 'lost-statement' | 'lost-answer' | null

/** A hub with its own clock, whose statements can be lost. All hubs record in `ends`: `id reason`. */
function startHub(ends: string[], clockAheadMs = 0) {
  let passed = 0
  const begun = Date.now()
  const state: { fault: Fault } = { fault: null }
  const faulty = {
    transformQuery({ node }: { node: never }) {
      if (state.fault === 'lost-statement') throw new Error('the connection is cut')
      return node
    },
    async transformResult({ result }: { result: never }) {
      if (state.fault === 'lost-answer') throw new Error('the answer is lost')
      return result
    },
  }
  const record = ({ requestId, fields }: AuditInput) => void ends.push(`${requestId} ${fields?.end_reason}`)
  const connections = createOpenConnections({
    database: { withTables: () => db.withPlugin(faulty as never) } as never,
    revisions: {
      alone: false,
      write: (work) =>
        revisions.write((trx, change) => work(trx, { ...change, audit: async (event) => record(event) })),
    },
    audit: { record },
    clock: { now: () => begun + clockAheadMs + passed, monotonic: () => passed },
    log,
  })
  connections.start()
  return {
    connections,
    state,
    wait(ms: number) {
      passed += ms
    },
    open(id: string) {
      connections.opened(id, { ...endOf(id), type: 'app.session.start' })
    },
  }
}

type Hub = ReturnType<typeof startHub>

const rowsOf = (ids: readonly string[]) =>
  db.selectFrom('tcp_apps_open').selectAll().where('id', 'in', ids).execute()
const kept = (ids: readonly string[]) =>
  until(async () => (await rowsOf(ids)).length === ids.length, 'the connections are noted')
const forgotten = (ids: readonly string[]) =>
  until(async () => (await rowsOf(ids)).length === 0, 'the connections are forgotten')
/** Several passes of a hub. */
const passes = () => new Promise((resolve) => setTimeout(resolve, 500))

/** A minute passes for the database, in which no hub is seen; another hub takes for gone those that held these. */
async function takeForGone(ends: string[], ids: readonly string[]) {
  await db
    .updateTable('tcp_apps_hubs')
    .set((was) => ({ seen: was('seen', '-', 60_000) }))
    .execute()
  const other = startHub(ends)
  for (;;) {
    await passes()
    if ((await rowsOf(ids)).length === 0) break
    other.wait(6_000)
  }
  await other.connections.stop()
}

const opts = { timeout: 300_000 }

t.test('an outage of the database causes one log line, and its end another', opts, async (t) => {
  const hub = startHub([])
  hub.open(idOf(90))
  await kept([idOf(90)])
  lines.length = 0
  hub.state.fault = 'lost-statement'
  hub.open(idOf(91))
  await until(() => lines.length > 0, 'the outage is logged')
  await passes()
  hub.state.fault = null
  await kept([idOf(91)])
  await hub.connections.stop()
  t.same(lines, ['failed to store open connections', 'open connections are stored again'])
})

t.test('a hub that was frozen keeps the ends that another hub recorded', opts, async (t) => {
  const ends: string[] = []
  const hub = startHub(ends)
  const [before, after, later] = [idOf(1), idOf(2), idOf(3)]
  hub.open(before)
  hub.open(after)
  await kept([before, after])
  await takeForGone(ends, [before, after])
  // Before it has looked at its own row.
  hub.connections.closed(before, endOf(before))
  hub.open(later)
  await kept([later])
  hub.wait(6_000)
  await passes()
  // And afterwards.
  hub.connections.closed(after, endOf(after))
  hub.connections.closed(later, endOf(later))
  await forgotten([later])
  await hub.connections.settle()
  await hub.connections.stop()
  t.strictSame(ends.sort(), [`${before} hub_lost`, `${after} hub_lost`, `${later} closed`])
})

t.test(
  'an end that could not be stored while the hub was cut off is recorded by another hub',
  opts,
  async (t) => {
    const ends: string[] = []
    const hub = startHub(ends)
    const [open, closed, unsent] = [idOf(11), idOf(12), idOf(13)]
    hub.open(open)
    hub.open(closed)
    await kept([open, closed])
    hub.state.fault = 'lost-statement'
    hub.connections.closed(closed, endOf(closed))
    await passes()
    await takeForGone(ends, [open, closed])
    hub.wait(60_000)
    hub.open(unsent)
    hub.connections.closed(unsent, endOf(unsent))
    hub.state.fault = null
    await passes()
    hub.connections.closed(open, endOf(open))
    await hub.connections.settle()
    await hub.connections.stop()
    t.strictSame(ends.sort(), [`${open} hub_lost`, `${closed} hub_lost`, `${unsent} closed`])
  },
)

t.test('statements that fail or lose their responses are repeated and recorded once', opts, async (t) => {
  for (const fault of ['lost-statement', 'lost-answer'] as const) {
    const ends: string[] = []
    const hub = startHub(ends)
    const ids = [1, 2, 3].map((n) => idOf((fault === 'lost-answer' ? 30 : 20) + n)) as [
      string,
      string,
      string,
    ]
    hub.open(ids[0])
    hub.open(ids[1])
    await kept([ids[0], ids[1]])
    hub.state.fault = fault
    hub.connections.closed(ids[0], endOf(ids[0]))
    hub.open(ids[2])
    await passes()
    hub.connections.closed(ids[2], endOf(ids[2]))
    await passes()
    t.strictSame(ends, [], `nothing yet: ${fault}`)
    hub.state.fault = null
    await until(() => ends.length === 2, 'the ends are recorded')
    await forgotten([ids[0], ids[2]])
    hub.state.fault = fault
    hub.connections.closed(ids[1], endOf(ids[1]))
    await hub.connections.settle()
    hub.state.fault = null
    await hub.connections.stop()
    t.strictSame(ends.sort(), ids.map((id) => `${id} closed`).sort(), fault)
    t.strictSame(await rowsOf(ids), [])
  }
})

t.test('hubs with a slow or a fast clock take no live hub for dead', opts, async (t) => {
  const ends: string[] = []
  const [behind, exact, ahead] = [-60_000, 0, 60_000].map((ms) => startHub(ends, ms)) as [Hub, Hub, Hub]
  const all = [behind, exact, ahead]
  const ids = [41, 42, 43].map(idOf)
  const seen = () => db.selectFrom('tcp_apps_hubs').selectAll().execute()
  await until(async () => (await seen()).length === all.length, 'all are seen')
  all.forEach((hub, at) => {
    hub.open(ids[at]!)
  })
  await kept(ids)
  for (let look = 0; look < 3; look += 1) {
    for (const hub of all) hub.wait(6_000)
    await passes()
  }
  t.strictSame(ends, [])
  t.equal((await rowsOf(ids)).length, 3)
  for (const { started } of await rowsOf(ids)) t.ok(Math.abs(started - Date.now()) < 55_000)
  for (const hub of all) await hub.connections.stop()
})

t.test('live hubs are not taken for dead after an outage of the database', opts, async (t) => {
  const hub = startHub([])
  const other = () => db.selectFrom('tcp_apps_hubs').selectAll().where('instance', '=', 'other').execute()
  const own = async () =>
    (await db.selectFrom('tcp_apps_hubs').selectAll().where('instance', '!=', 'other').execute())[0]?.seen
  /** Until this hub has said that it lives once more. */
  const beat = async (ms = 5_000) => {
    const before = await own()
    hub.wait(ms)
    await until(async () => (await own()) !== before, 'the hub is seen')
  }
  await until(async () => (await own()) !== undefined, 'the hub is seen')
  // A pass that is under way could take the other hub for gone; each is over when the next one has been seen.
  await beat()
  // The other one has not come back as fast.
  await beat(60_000)
  await db
    .insertInto('tcp_apps_hubs')
    .values({ instance: 'other', seen: Date.now() - 60_000 })
    .execute()
  for (let beats = 0; beats < 5; beats += 1) await beat()
  t.equal((await other()).length, 1, 'half a minute is not over')
  for (let beats = 0; beats < 2; beats += 1) await beat()
  await until(async () => (await other()).length === 0, 'the other hub is gone')
  await hub.connections.stop()
})
