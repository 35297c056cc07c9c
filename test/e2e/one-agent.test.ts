// long
/** One agent behind a balancer that leads it to one hub: it keeps a link to each, so every hub serves its apps. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { FakeIssuer, type Visitor } from '../../core/testing/index.ts'
import { startServiceManager } from '../base/log/service-manager.ts'
import { until } from '../until.ts'
import { connect, register } from './resources.ts'
import { isConnected, startAgent } from './start-agent.ts'
import { type RunningHub, startTwoHubs } from './start-two-hubs.ts'
import { steadyRequests } from './steady-requests.ts'

const RATE = 50
const BIG = randomBytes(30 << 20)
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const server = createServer(async (request, response) => {
  if (request.url === '/big') return void response.end(BIG)
  const hash = createHash('sha256')
  for await (const chunk of request) hash.update(chunk)
  // Some are under way at any time.
  setTimeout(() => response.end(hash.digest('hex')), request.url === '/slow' ? 300 : 0)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})

const manager = startServiceManager(t.testdir())
const pair = await startTwoHubs(t, {
  config: { shutdown_grace: '4s' },
  env: (name) => (name === 'hub-a' ? manager.env : {}),
})
const { a, b, dir, balancer } = pair
pair.balanceTo(a)
const hostname = 'node-1'
const proxy = `hub.mezite.localhost:${balancer.port}`
const agent = await startAgent({ hostname, proxy, api: a.api, dir })
t.teardown(() => agent.stop())
await connect(a.api, issuer, 'team')
await a.api('PUT', '/roles/team', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'team' },
  spec: { allow: { app_labels: { env: 'test' } } },
})
await register(a.api, 'app', (server.address() as AddressInfo).port, { agents: [hostname] })
const app = pair.appUrl('app')
const both = (what: string) =>
  until(
    async () => (await Promise.all([a, b].map(({ api }) => isConnected(api, hostname)))).every(Boolean),
    what,
  )
const visitor = await signedIn()

async function signedIn(): Promise<Visitor> {
  const someone = pair.visitor()
  const page = await someone.open(`${app}/`)
  if (page.status !== 200) throw new Error(`${page.status} ${page.text.slice(0, 300)}`)
  return someone
}

/** The events of one kind that a hub has recorded of the agent since it started. */
async function linksOf(hub: RunningHub): Promise<readonly { client_ip: string }[]> {
  const { hubs } = await hub.api<{ hubs: { id: string }[] }>('GET', '/status')
  const events = await hub.api<{ hub: string; client_ip: string }[]>(
    'GET',
    '/audit?type=agent.connected&limit=1000',
  )
  const ids = hubs.map(({ id }) => id)
  return events.filter((event) => ids.includes(event.hub))
}

t.test(
  'fault 40: the agent links to a hub that it was never configured for, and that hub serves its app',
  async (t) => {
    await both('both hubs have a link')
    pair.balanceTo(b)
    const body = randomBytes(5 << 20)
    const answer = await visitor.fetch(`${app}/`, { method: 'POST', headers: { origin: app }, body })
    t.equal(answer.status, 200)
    t.equal(answer.text, createHash('sha256').update(body).digest('hex'), 'what goes up is whole')
    const down = await visitor.stream(`${app}/big`, { timeoutMs: 60_000 })
    const hash = createHash('sha256')
    for await (const chunk of down) hash.update(chunk as Buffer)
    t.equal(hash.digest('hex'), createHash('sha256').update(BIG).digest('hex'), 'and what comes down')
    t.same([...new Set((await linksOf(b)).map(({ client_ip }) => client_ip))], ['127.0.0.1'])
  },
)

t.test('a lock of the agent ends both links, and none returns before it is removed', async (t) => {
  await a.api('POST', '/locks', { target: { agent: hostname } })
  await until(async () => !(await isConnected(b.api, hostname)), 'the link through the other hub is cut')
  t.notOk(await isConnected(a.api, hostname))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.notOk(await isConnected(b.api, hostname))
  const locks = await a.api<{ id: string }[]>('GET', '/locks')
  for (const { id } of locks) await a.api('DELETE', `/locks/${id}`)
  await both('both links are back')
})

t.test('faults 3 and 4: requests succeed while hubs restart in turn, with one agent', async (t) => {
  pair.balanceTo(a, b)
  const steady = steadyRequests(visitor, `${app}/slow`, RATE)
  const served = (count: number) => {
    const before = steady.asked.length
    return until(() => steady.asked.length >= before + count, 'requests are answered')
  }
  await served(RATE / 2)
  for (const [hub, other] of [
    [a, b],
    [b, a],
  ] as const) {
    // A balancer sends nobody to a hub that is not ready.
    pair.balanceTo(other)
    hub.program.signal('SIGTERM')
    t.equal(await hub.program.exited, 0, `${hub.name} ends in order`)
    if (hub === a) t.strictSame(manager.states(), ['READY=1', 'STOPPING=1'], 'systemd knows its state')
    await hub.restart()
    await until(() => isConnected(hub.api, hostname), `the agent is back at ${hub.name}`)
    pair.balanceTo(a, b)
    await served(RATE / 2)
  }
  const answers = await steady.stop()
  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
    `${answers.length} requests, none failed`,
  )
})

t.test('fault 1: a hub that is killed fails no request of people at the other hub', async (t) => {
  // The agent dials one hub through the balancer and the other one directly, so each is killed in turn.
  for (const [hub, other] of [
    [a, b],
    [b, a],
  ] as const) {
    await both('both hubs have a link')
    pair.balanceTo(other)
    const steady = steadyRequests(visitor, `${app}/slow`, RATE / 2)
    const served = (count: number) => {
      const before = steady.asked.length
      return until(() => steady.asked.length >= before + count, 'requests are answered')
    }
    await served(RATE / 4)
    hub.program.signal('SIGKILL')
    await hub.program.exited
    await served(RATE / 2)
    const answers = await steady.stop()
    t.same(
      answers.filter(({ status }) => status !== 200),
      [],
      `${answers.length} requests at ${other.name}, none failed`,
    )
    await hub.restart()
  }
  await both('both hubs have a link')
})

/** How the TLS of a stranger ends: with the alert, or served. */
function wishFor(t: Test, id: string, ahead?: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const raw = connectTcp(a.port, '127.0.0.1')
    t.teardown(() => raw.destroy())
    raw.on('error', () => {})
    raw.once('close', () => resolve('closed'))
    if (ahead) raw.write(ahead)
    const socket = connectTls({
      socket: raw,
      rejectUnauthorized: false,
      ALPNProtocols: ['mezite-tunnel/1', `mezite-to/${id}`],
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('secureConnect', () => resolve(String(socket.alpnProtocol)))
  })
}

t.test('a wish for a hub is passed to a hub of the cluster, or refused', async (t) => {
  const living = async () => (await a.api<{ hubs: { id: string }[] }>('GET', '/status')).hubs
  await until(async () => (await living()).length === 2, 'those that were killed are forgotten')
  const hubs = await living()
  for (const { id } of hubs) t.equal(await wishFor(t, id), 'mezite-tunnel/1', 'TLS with a hub')
  for (const id of ['', 'x', '127.0.0.1:22', '01a2107c-c32f-7695-9ae1-b1e3c3ce02fb', '__proto__'])
    t.match(await wishFor(t, id), /ALERT_NO_APPLICATION_PROTOCOL/, id)
  const { id } = hubs[0]!
  for (const line of [
    'MEZITE-PEER/1 \r\n',
    `MEZITE-PEER/1 ${randomBytes(90).toString('base64url')}\r\n`,
    'MEZITE-PEER/1',
  ])
    t.match(
      await wishFor(t, id, Buffer.from(line)),
      /ALERT|closed|ECONN|WRONG_VERSION/,
      'only a hub can say where it comes from',
    )
})
