// long
/** What is done at one hub holds at the other: two built hubs on one PostgreSQL server, an agent at each. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
import { FakeIssuer, type Visitor } from '../../core/testing/index.ts'
import { type Program, startProgram } from '../../examples/cluster/program.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { BROWSER_KINDS, CUT, endings, openInBrowser } from './live-streams.ts'
import { connect, register } from './resources.ts'
import { type AgentOptions, isConnected, joinToken, MEZD, restartAgent, startAgent } from './start-agent.ts'
import { type RunningHub, startTwoHubs } from './start-two-hubs.ts'
import { steadyRequests } from './steady-requests.ts'

const CUT_MS = 5_000
/** Requests a second during the restarts. */
const RATE = 50
const ALICE = 'alice@example.com'
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())

/** How often each POST came; each is answered after a while, so that many are under way. */
const arrivals = new Map<string, number>()
const SLOW_MS = 500

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    const id = request.url ?? ''
    arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
    setTimeout(() => response.end(id), SLOW_MS)
    return
  }
  const drips = request.url === '/events' || request.url === '/download'
  if (!drips) return void response.end(`hello ${String(request.headers['x-mezite-user'])}`)
  const type = request.url === '/events' ? 'text/event-stream' : 'application/octet-stream'
  response.writeHead(200, { 'content-type': type })
  const timer = setInterval(() => response.write('data: .\n\n'), 50)
  response.on('close', () => clearInterval(timer))
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => socket.on('error', () => {}).send('hello'))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  for (const socket of sockets.clients) socket.terminate()
  server.close()
  server.closeAllConnections()
})

const pair = await startTwoHubs(t, { config: { shutdown_grace: '3s' }, emptyDatabase: true })
const { a, b, dir } = pair
interface Node {
  readonly hub: RunningHub
  readonly options: AgentOptions
  program: Program
}
const nodes: readonly Node[] = await Promise.all(
  [a, a, b, b].map(async (hub, at) => {
    const hostname = `node-${at + 1}`
    const options = { hostname, proxy: `hub.mezite.localhost:${hub.port}`, api: hub.api, dir }
    const node: Node = { hub, options, program: await startAgent(options) }
    t.teardown(() => node.program.stop())
    return node
  }),
)
await connect(a.api, issuer, 'team')
const role = {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'team' },
  spec: { allow: { app_labels: { env: 'test' } } },
}
await a.api('PUT', '/roles/team', role)
await register(a.api, 'drip', (server.address() as AddressInfo).port, {
  agents: nodes.map(({ options }) => options.hostname),
})
const app = pair.appUrl('drip')

async function signedIn(t: Test): Promise<Visitor> {
  pair.balanceTo(a)
  const visitor = pair.visitor()
  const page = await visitor.open(`${app}/`)
  t.equal(page.status, 200, `signed in at hub A: ${page.text.slice(0, 200)}`)
  return visitor
}

const status = async (visitor: Visitor) =>
  (await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })).status

const cuts: readonly {
  what: string
  act: () => Promise<unknown>
  undo: () => Promise<unknown>
  after: number
}[] = [
  {
    what: 'a lock',
    act: async () => {
      await a.api('POST', '/locks', { target: { user: ALICE } })
    },
    undo: async () => {
      const locks = await a.api<{ id: string }[]>('GET', '/locks')
      for (const { id } of locks) await a.api('DELETE', `/locks/${id}`)
    },
    after: 403,
  },
  {
    what: 'a disabled app',
    act: () => a.api('POST', '/apps/drip/disable'),
    undo: () => a.api('POST', '/apps/drip/enable'),
    after: 503,
  },
  {
    what: 'a removed role',
    act: () => a.api('DELETE', '/roles/team'),
    undo: () => a.api('PUT', '/roles/team', role),
    after: 403,
  },
]

t.test('a session that was made at hub A is valid at hub B at once', async (t) => {
  const visitor = await signedIn(t)
  pair.balanceTo(b)
  const answer = await visitor.fetch(`${app}/`)
  t.equal(answer.status, 200)
  t.equal(answer.text, `hello ${ALICE}`)
  const home = await visitor.fetch(`${pair.hubUrl}/`)
  t.equal(home.status, 200, 'the hub session too')
})

for (const { what, act, undo, after } of cuts) {
  t.test(`E71 ${what} at hub A cuts live streams at hub B within 2 s`, async (t) => {
    const visitor = await signedIn(t)
    pair.balanceTo(b)
    const streams = await openInBrowser(visitor, app)
    const sinceActed = startStopwatch()
    await act()
    const ends = await endings(streams)
    t.strictSame(
      ends.map(({ how }) => how),
      BROWSER_KINDS.map((kind) => CUT[kind]),
    )
    const slowest = sinceActed.took(Math.max(...ends.map(({ at }) => at)))
    t.ok(slowest < CUT_MS, `${what}: all is cut after ${slowest} ms`)
    t.equal(await status(visitor), after)
    await undo()
  })
}

t.test('logout at hub A ends the session at hub B', async (t) => {
  const visitor = await signedIn(t)
  pair.balanceTo(b)
  const streams = await openInBrowser(visitor, app)
  pair.balanceTo(a)
  const page = await visitor.open(`${pair.hubUrl}/web/logout`)
  const left = await visitor.submit(page, /\/web\/logout$/)
  t.equal(left.status, 200)
  const sinceActed = startStopwatch()
  const ends = await endings(streams)
  t.strictSame(
    ends.map(({ how }) => how),
    BROWSER_KINDS.map((kind) => CUT[kind]),
  )
  t.ok(sinceActed.took() < CUT_MS)
  pair.balanceTo(b)
  t.equal(await status(visitor), 401)
})

t.test('J126 a join token that was spent at hub A is refused at hub B', async (t) => {
  const { token, ca_pin: pin } = await joinToken(a.api, 'node-c')
  const join_ = (hub: typeof a) =>
    startProgram({
      name: `node-c at ${hub.name}`,
      file: MEZD,
      args: [
        ...['start', '--proxy', `hub.mezite.localhost:${hub.port}`, '--hostname', 'node-c'],
        ...['--ca-pin', pin, '--data-dir', join(dir, `node-c-${hub.name}`)],
      ],
      env: { MEZITE_JOIN_TOKEN: token },
      logFile: join(dir, `node-c-${hub.name}.log`),
      ready: () => Promise.resolve(),
    })
  // Both at once: whoever is first wins, and only one.
  const both = await Promise.all([join_(a), join_(b)])
  t.teardown(() => Promise.all(both.map((program) => program.stop())))
  const loser = await Promise.race(both.map(async (program) => ({ program, code: await program.exited })))
  t.equal(loser.code, 1, `${loser.program.name} is refused`)
  const joined = async () => {
    const events = await a.api<{ agent: string }[]>('GET', '/audit?type=agent.joined&limit=1000')
    return events.filter(({ agent }) => agent === 'node-c').length
  }
  await until(async () => (await joined()) > 0, 'it is recorded that one has joined')
  t.equal(await joined(), 1)
})

t.test('faults 3 and 4: requests succeed while hubs and agents restart in turn', async (t) => {
  const visitor = await signedIn(t)
  pair.balanceTo(a, b)
  const steady = steadyRequests(visitor, `${app}/`, RATE)
  const served = (count: number) => {
    const before = steady.asked.length
    return until(() => steady.asked.length >= before + count, 'requests are answered')
  }
  await served(RATE / 4)
  for (const [hub, other] of [
    [a, b],
    [b, a],
  ] as const) {
    hub.program.signal('SIGTERM')
    t.equal(await hub.program.exited, 0, `${hub.name} ends in order`)
    // A balancer takes a hub back when it is ready and its agents are there.
    pair.balanceTo(other)
    await hub.restart()
    for (const node of nodes.filter((node) => node.hub === hub)) {
      await until(() => isConnected(hub.api, node.options.hostname), `${node.options.hostname} is back`)
    }
    pair.balanceTo(a, b)
    await served(RATE / 4)
  }
  for (const turn of [0, 1]) {
    // One of each hub.
    const some = nodes.filter((_, at) => at % 2 === turn)
    await Promise.all(
      some.map(async (node) => {
        node.program.signal('SIGTERM')
        t.equal(await node.program.exited, 0, `${node.options.hostname} ends in order`)
        node.program = await restartAgent(node.options)
      }),
    )
  }
  const answers = await steady.stop()
  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
    `${answers.length} requests, none failed`,
  )
})

t.test('fault 1: the other hub serves after one is killed, and no request runs twice', async (t) => {
  const visitor = await signedIn(t)
  pair.balanceTo(b)
  const posts = Array.from({ length: 40 }, (_, at) =>
    visitor.fetch(`${app}/post/${at}`, { method: 'POST', headers: { origin: app } }).then(
      ({ status }) => status,
      () => 0,
    ),
  )
  await until(() => arrivals.size >= 20, 'requests are with the app')
  b.program.signal('SIGKILL')
  await b.program.exited
  pair.balanceTo(a, b)
  t.equal(await status(visitor), 200, 'the next request is served by the other hub')
  const statuses = await Promise.all(posts)
  t.ok(statuses.includes(0), `${statuses.filter((status) => status === 0).length} requests were reset`)
  t.ok(
    statuses.every((status) => status === 0 || status === 200),
    String(statuses),
  )
  t.same(
    [...arrivals].filter(([, count]) => count > 1),
    [],
    `${arrivals.size} ran, none twice`,
  )
  pair.balanceTo(a)
  const down = performance.now()
  await b.restart()
  const back = performance.now()
  const sinceBack = startStopwatch()
  for (const { hub, options } of nodes) {
    if (hub === b) await until(() => isConnected(b.api, options.hostname), `${options.hostname} is back`)
  }
  const ms = sinceBack.took()
  // They ask less often the longer it is away.
  t.ok(ms < 3_000 + 2 * (back - down), `the agents are back ${ms} ms after the hub`)
})
