// long
/** One hub in two processes on one public port, from outside: traffic goes on whatever happens to one of them. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { FakeIssuer, freePort } from '../../core/testing/index.ts'
import { startServiceManager } from '../base/log/service-manager.ts'
import { until } from '../until.ts'
import { connect, register } from './resources.ts'
import { startAgent } from './start-agent.ts'
import { startSite } from './start-two-hubs.ts'
import { steadyRequests } from './steady-requests.ts'

const RATE = 100
const server = createServer((request, response) => {
  request.resume()
  setTimeout(() => response.end('ok'), 10)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})

/** The first of two ports in a row: each process has an internal port of its own. */
async function freePair(): Promise<number> {
  const first = await freePort()
  return (await freePort(first + 1)) === first + 1 ? first : freePair()
}

// Nobody listens on the internal address as it is announced, so that links come only through the public port, and a
// process can serve only those that another one passes on.
const records = t.testdir()
const manager = startServiceManager(records)
const site = await startSite(t, {
  env: () => manager.env,
  config: { shutdown_grace: '2s', plugins: { 'audit-file': { path: join(records, 'audit.jsonl') } } },
  proxy: { processes: 2, internal_addr: `127.0.0.9:${await freePair()}` },
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
await register(api, 'app', (server.address() as AddressInfo).port, { agents: ['node-1'] })
const app = `${site.appUrl('app')}/`
const visitor = site.visitor()

const pids = (): readonly number[] =>
  readFileSync(`/proc/${hub.program.pid}/task/${hub.program.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
const hubs = async () => (await api<{ hubs: { id: string }[] }>('GET', '/status')).hubs.map(({ id }) => id)
const metric = async (line: string): Promise<number> => {
  let text = ''
  await until(async () => {
    text = await (await fetch(`http://127.0.0.1:${hub.diagnosticsPort}/metrics`)).text()
    return text.includes('\nmezite_processes 2\n')
  }, 'a scrape reads both processes')
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.split(' ')
      .at(-1) ?? 0,
  )
}
/** Both processes run, get connections, and reach the agent. */
async function complete(): Promise<void> {
  const before = new Set((await recorded()).map(({ id }) => id))
  await until(async () => {
    for (let n = 0; n < 8; n++)
      if ((await visitor.fetch(app, { headers: { accept: 'application/json' } })).status !== 200) return false
    // Not the numbers of events: the trail shows the last thousand, whose number stays the same under traffic.
    const served = (await recorded()).filter(({ id, success }) => success && !before.has(id))
    const serving = new Set(served.map((event) => event.hub))
    return (await hubs()).filter((id) => serving.has(id)).length === 2
  }, 'both processes serve')
}
/** The newest requests of the audit trail. */
const recorded = () =>
  api<{ id: string; hub: string; success: boolean }[]>('GET', '/audit?type=app.request&limit=1000')

t.test('two processes serve one port, and each has a link of the agent', async (t) => {
  await until(async () => (await visitor.open(app)).status === 200, 'the agent has a link to the process')
  await complete()
  t.equal(pids().length, 2)
  t.match(await api('GET', '/status'), { agents: 1, attention: [] }, 'one status')
  /** The hubs whose events are in the file. */
  const writers = (name: string): ReadonlySet<string> => {
    const lines = readFileSync(join(records, name), 'utf8').split('\n').slice(0, -1)
    return new Set(lines.map((line) => (JSON.parse(line) as { hub: string }).hub))
  }
  await until(() => writers('audit.jsonl').size > 0 && writers('audit-2.jsonl').size > 0, 'both write')
  const shared = [...writers('audit.jsonl')].filter((id) => writers('audit-2.jsonl').has(id))
  t.strictSame(shared, [], 'each to an audit file of its own')
})

t.test('either process returns the metrics of both, added up', async (t) => {
  const handshakes = () => metric('mezite_tls_handshakes_total{alpn="none"}')
  const before = await handshakes()
  for (let n = 0; n < 10; n++) await visitor.fetch(app, { headers: { accept: 'application/json' } })
  t.equal((await handshakes()) - before, 10)
  t.equal(await metric('mezite_agents_connected'), 1, 'what both see counts once')
})

t.test('a killed process fails only the requests that it carried, and is restarted', async (t) => {
  const steady = steadyRequests(visitor, app, RATE)
  await until(() => steady.asked.length > RATE / 4, 'requests are served')
  const [victim = 0] = pids()
  const killed = performance.now()
  process.kill(victim, 'SIGKILL')
  await complete()
  const asked = await steady.stop()
  t.not(pids().includes(victim), true)
  t.same(
    asked.filter(({ atMs, status }) => status !== 200 && atMs > killed),
    [],
    `${asked.length} requests`,
  )
  t.match(readFileSync(join(site.dir, 'hub.log'), 'utf8'), /ended unexpectedly \(SIGKILL\)/)
})

t.test('SIGUSR2 replaces one process after the other, and no request fails', async (t) => {
  const before = pids()
  const steady = steadyRequests(visitor, app, RATE)
  hub.program.signal('SIGUSR2')
  await until(() => pids().length === 2 && pids().every((pid) => !before.includes(pid)), 'both are new')
  await complete()
  const asked = await steady.stop()
  t.same(
    asked.filter(({ status }) => status !== 200),
    [],
    `${asked.length} requests`,
  )
})

t.test('SIGUSR2 also replaces a process that hangs', async (t) => {
  const before = pids()
  process.kill(before[0]!, 'SIGSTOP')
  hub.program.signal('SIGUSR2')
  await until(() => pids().length === 2 && pids().every((pid) => !before.includes(pid)), 'both are new')
  await complete()
  t.equal(pids().length, 2)
})

t.test('SIGTERM drains all processes, and a killed parent takes its processes along', async (t) => {
  hub.program.signal('SIGTERM')
  t.equal(await hub.program.exited, 0)
  t.strictSame(manager.states(), ['READY=1', 'STOPPING=1'], 'a process that was replaced did not count')
  await hub.restart()
  await until(() => pids().length === 2, 'both run')
  const all = pids()
  hub.program.signal('SIGKILL')
  const runs = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await until(() => !all.some(runs), 'both are gone')
})
