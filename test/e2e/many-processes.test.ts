// long
/** One hub in five processes, from outside: the agent has links to three of them, and the others relay. */
import t from 'tap'
import { FakeIssuer, freePort } from '../../core/testing/index.ts'
import { until } from '../until.ts'
import { endings, openInBrowser, startDripApp } from './live-streams.ts'
import { connect, register } from './resources.ts'
import { startAgent } from './start-agent.ts'
import { startSite } from './start-two-hubs.ts'

const PROCESSES = 5
const LINKED = 3

/** The first of as many ports in a row as there are processes: each has an internal port of its own. */
async function freeRow(): Promise<number> {
  const first = await freePort()
  for (let next = first + 1; next < first + PROCESSES; next++)
    if ((await freePort(next)) !== next) return freeRow()
  return first
}

const drip = await startDripApp()
t.teardown(() => drip.close())
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const site = await startSite(t, {
  config: { shutdown_grace: '2s' },
  proxy: { processes: PROCESSES, internal_addr: `127.0.0.1:${await freeRow()}` },
})
const hub = await site.startHub('hub')
site.balanceTo(hub)
const { api } = hub
const proxy = `hub.mezite.localhost:${hub.port}`
const agent = await startAgent({ hostname: 'node-1', proxy, api, dir: site.dir })
t.teardown(() => agent.stop())
await connect(api, issuer, 'team')
await api('PUT', '/roles/team', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'team' },
  spec: { allow: { app_labels: { env: 'test' } } },
})
await register(api, 'drip', drip.httpPort, { agents: ['node-1'] })
const app = site.appUrl('drip')
const visitor = site.visitor()

interface Recorded {
  readonly hub: string
  readonly success: boolean
}
const events = (type: string) => api<Recorded[]>('GET', `/audit?type=${type}&limit=1000`)
const hubsOf = async (type: string): Promise<readonly string[]> =>
  (await events(type)).flatMap(({ hub, success }) => (success ? [hub] : []))
/** The processes with a link of the agent. */
async function linked(): Promise<readonly string[]> {
  const open = new Map<string, number>()
  for (const id of await hubsOf('agent.connected')) open.set(id, (open.get(id) ?? 0) + 1)
  for (const id of await hubsOf('agent.disconnected')) open.set(id, (open.get(id) ?? 0) - 1)
  return [...open].flatMap(([id, links]) => (links > 0 ? [id] : []))
}

t.test('J270 every process reaches the app, and three of five have a link of the agent', async (t) => {
  await until(async () => (await visitor.open(`${app}/`)).status === 200, 'a process reaches the agent')
  const serving = new Set<string>()
  await until(async () => {
    const { status } = await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })
    for (const id of await hubsOf('app.request')) serving.add(id)
    return status === 200 && serving.size === PROCESSES
  }, 'all processes serve')
  await until(async () => (await linked()).length === LINKED, 'a link that is not needed is retired')
  for (let n = 0; n < 4 * PROCESSES; n++) {
    const { status } = await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })
    t.equal(status, 200)
  }
  t.match(await api('GET', '/status'), { agents: 1, attention: [] }, 'one status, whichever process answers')
})

t.test('J270 a lock of a person cuts relayed streams with the others', async (t) => {
  // Each is on connections of its own, so that the kernel spreads them over the processes.
  const streams = (await Promise.all([1, 2, 3].map(() => openInBrowser(visitor, app)))).flat()
  await api('POST', '/locks', { target: { user: 'alice@example.com' } })
  const ends = await endings(streams)
  t.strictSame(
    ends.filter(({ how }) => how !== 'cut' && how !== 'closed 4401'),
    [],
    `${ends.length} streams`,
  )
  t.match(await visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } }), { status: 403 })
})
