// together: protocols
import { once } from 'node:events'
import {
  type AuditEvent,
  auditSinks,
  type Database,
  database,
  defineHubPlugin,
  type Revisions,
  revisions,
} from '@mezite/core'
import t from 'tap'
import { createOpenConnections } from '../../../plugins/tcp-apps/open-connections.ts'
import { anyTables } from '../../any-tables.ts'
import { eventsIn } from '../../event-lines.ts'
import { until } from '../../until.ts'
import { closed, open, startTcpHub } from './start-tcp-hub.ts'

/** A hub whose events and database the test sees. */
async function startSeen(config = {}) {
  const events: AuditEvent[] = []
  const seen: { db?: Database; revisions?: Revisions } = {}
  const plugin = defineHubPlugin({
    name: 'seen',
    api: 1,
    summary: 'Shows the test what is recorded',
    needs: { revisions, database },
    provides: { auditSinks },
    setup({ use, provide }) {
      seen.db = use.database
      seen.revisions = use.revisions
      provide.auditSinks({
        name: 'seen',
        guarantee: 'best-effort',
        async write(lines) {
          events.push(...eventsIn(lines))
        },
        async flush() {},
      })
    },
  })
  const tcp = await startTcpHub({ plugins: [plugin], config })
  await tcp.publish('echo', (socket) => void socket.pipe(socket))
  return { tcp, events, db: () => seen.db as Database, revisions: () => seen.revisions as Revisions }
}

t.test('a hub that stops lets connections end, then cuts them, and records each once', async (t) => {
  const { tcp, events } = await startSeen({ shutdown_grace: '5s' })
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  const short = await open(session, 'echo')
  const long = await open(session, 'echo')
  long.stream.resume()
  const goaway = once(session, 'goaway')
  const stopped = tcp.stop.bind(tcp)
  const over = tcp.hub.stop()
  await goaway
  // Still served: what is under way may end.
  short.stream.end('last words')
  let text = ''
  short.stream.on('data', (chunk) => {
    text += chunk
  })
  t.equal(await closed(short.stream), 0)
  t.equal(text, 'last words')
  t.not(await closed(long.stream), 0, 'cut when the grace is over')
  await over
  await stopped()
  const ends = events.filter(({ type }) => type === 'app.session.end')
  t.strictSame(ends.map(({ end_reason }) => end_reason).sort(), ['closed', 'hub_stopping'])
  t.equal(events.filter(({ type }) => type === 'app.session.start').length, 2)
})

t.test('a disconnected or late agent is distinguished from the application', async (t) => {
  const { tcp, events } = await startSeen()
  t.teardown(() => tcp.stop())
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  const { stream } = await open(session, 'echo')
  stream.resume()
  await tcp.agent.stop(0)
  t.not(await closed(stream), 0)
  await until(() => events.some(({ type }) => type === 'app.session.end'), 'the end is recorded')
  t.match(
    events.filter(({ type }) => type === 'app.session.end'),
    [{ end_reason: 'agent_lost', agent: 'node-1' }],
  )
  const again = await open(session, 'echo')
  t.match(again, { status: 502, reason: 'agent_none' })
})

t.test('removing an agent ends its connections', async (t) => {
  const { tcp, events } = await startSeen()
  t.teardown(() => tcp.stop())
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  const { stream } = await open(session, 'echo')
  stream.resume()
  await tcp.hub.api('DELETE', '/agents/node-1')
  t.not(await closed(stream), 0)
  await until(() => events.some(({ type }) => type === 'app.session.end'), 'the end is recorded')
  t.match(
    events.filter(({ type }) => type === 'app.session.end'),
    [{ end_reason: 'revoked', agent: 'node-1' }],
  )
})

t.test('connections of a killed hub are ended once, by the next one', async (t) => {
  const { tcp, events, db } = await startSeen()
  t.teardown(() => tcp.stop())
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  const { stream } = await open(session, 'echo')
  const rows = () => anyTables(db()).selectFrom('tcp_apps_open').selectAll().execute()
  await until(async () => (await rows()).length === 1, 'the connection is kept')
  const [row] = await rows()
  // As if another hub had held a second one, and had not been seen for a minute.
  const seen = Date.now() - 60_000
  await anyTables(db()).insertInto('tcp_apps_hubs').values({ instance: 'dead', seen }).execute()
  const started = seen - 5_000
  const id = '00000000-0000-4000-8000-000000000000'
  const event = JSON.stringify({ ...JSON.parse(row?.event), requestId: id })
  await anyTables(db()).insertInto('tcp_apps_open').values({ id, instance: 'dead', event, started }).execute()
  await until(() => events.some(({ end_reason }) => end_reason === 'hub_lost'), 'the lost end is recorded')
  t.match(
    events.filter(({ type }) => type === 'app.session.end'),
    [
      {
        request_id: id,
        user: 'ada@example.com',
        app: 'echo',
        agent: 'node-1',
        bytes_in: null,
        bytes_out: null,
        duration_ms: 5_000,
        end_reason: 'hub_lost',
      },
    ],
  )
  t.strictSame(
    (await rows()).map((one) => one.id),
    [row?.id],
    'its own stay',
  )
  stream.end()
  stream.resume()
  await closed(stream)
  await until(async () => (await rows()).length === 0, 'nothing is kept')
  await until(
    () => events.filter(({ type }) => type === 'app.session.end').length > 1,
    'both ends are recorded',
  )
  t.equal(events.filter(({ type }) => type === 'app.session.end').length, 2)
})

/** Of connections that these tests do not have. */
const audit = { record() {} }

t.test('an end is recorded once, although the database has lost the connection', async (t) => {
  const { tcp, db, revisions } = await startSeen()
  t.teardown(() => tcp.stop())
  const clock = { now: () => Date.now(), monotonic: () => performance.now() }
  const log = { debug() {}, info() {}, warn() {}, error() {} } as never
  const recorded: { id: string; known: Promise<boolean> }[] = []
  const known = async (id: string) => (await rowsOf(id)).length > 0
  const rowsOf = (id: string) =>
    anyTables(db()).selectFrom('tcp_apps_open').selectAll().where('id', '=', id).execute()
  const record = ({ requestId }: { requestId?: string | null }) => {
    const id = requestId ?? ''
    recorded.push({ id, known: known(id) })
  }
  const connections = createOpenConnections({
    database: db(),
    revisions: { write: revisions().write, alone: false },
    clock,
    log,
    audit: { record },
  })
  connections.start()
  t.teardown(() => connections.stop())
  const event = (requestId: string) => ({ type: 'app.session.end', success: true, requestId })
  const ids = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [string, string, string]
  const open = async (id: string) => {
    connections.opened(id, event(id))
    await until(() => known(id), 'it is noted')
  }

  await open(ids[0])
  connections.closed(ids[0], event(ids[0]))
  t.same(recorded, [], 'not yet')
  await until(() => recorded.length > 0, 'it is recorded')
  t.equal(await recorded[0]?.known, false)

  await open(ids[1])
  connections.closed(ids[1], event(ids[1]))
  await connections.settle()
  t.same(
    recorded.map(({ id }) => id),
    [ids[0], ids[1]],
    'none waits any more',
  )
  await open(ids[2])
  connections.closed(ids[2], event(ids[2]))
  t.equal(recorded.length, 3, 'nor will one')
  await until(async () => !(await known(ids[2])), 'it is forgotten')
  t.equal(recorded.length, 3, 'each once')
})

t.test(
  'a hub that starts on its own database ends the connections that it had before it was killed',
  async (t) => {
    const { tcp, events, db, revisions } = await startSeen()
    t.teardown(() => tcp.stop())
    const log = { debug() {}, info() {}, warn() {}, error() {} } as never
    const now = Date.now()
    const fields = { app: 'echo', protocol: 'tcp', agent: 'node-1' }
    const id = '00000000-0000-4000-8000-000000000001'
    const event = JSON.stringify({ type: 'app.session.start', success: true, requestId: id, fields })
    await anyTables(db())
      .insertInto('tcp_apps_hubs')
      .values({ instance: 'killed', seen: now - 400 })
      .execute()
    await anyTables(db())
      .insertInto('tcp_apps_open')
      .values({ id, instance: 'killed', event, started: now - 1_000 })
      .execute()
    const lost = () => events.filter(({ end_reason }) => end_reason === 'hub_lost')
    const clock = { now: () => Date.now(), monotonic: () => performance.now() }
    const start = async (alone: boolean) => {
      const one = createOpenConnections({
        database: db(),
        revisions: { write: revisions().write, alone },
        audit,
        clock,
        log,
      })
      one.start()
      // After the first look around.
      await one.stop()
    }
    await start(false)
    t.equal(lost().length, 0, 'among several hubs it may live')
    await start(true)
    await until(() => lost().length > 0, 'the loss is recorded')
    t.match(lost(), [{ request_id: id, app: 'echo', duration_ms: 600, bytes_in: null }])
  },
)
