// long
/** Agents and applications that fail under traffic, and what people see of it. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { createTestHub, FakeIssuer } from '../../core/testing/index.ts'
import { lookupLocalhost } from '../../core/wire/localhost-lookup.ts'
import type { Program } from '../../examples/cluster/program.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { connect, register } from './resources.ts'
import { isConnected, startAgent } from './start-agent.ts'

/** How long an agent that stops waits for what is under way, and a little. */
const STOP_MS = 5_000
/** More than windows and buffers on the way to the app hold. */
const MOST_HELD = 64 << 20
const dir = mkdtempSync(join(tmpdir(), 'mezite-failover-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** How often each id came, and the first arrivals that are held back. */
const arrivals = new Map<string, number>()
const held: ServerResponse[] = []

/** Uploads that the app has not begun to read. */
const unread: { request: IncomingMessage; response: ServerResponse }[] = []

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  if (request.url === '/deaf') return void unread.push({ request, response })
  request.resume()
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app.invalid')
  const id = searchParams.get('id') ?? ''
  const count = (arrivals.get(id) ?? 0) + 1
  arrivals.set(id, count)
  if (pathname === '/held' && count === 1) held.push(response)
  else response.end(`${id} ${count}`)
})
const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
await listen(0)
const { port } = server.address() as AddressInfo
const close = () =>
  new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
t.teardown(close)

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub()
t.teardown(() => hub.stop())
const agents = await Promise.all(
  [
    { hostname: 'node-1' },
    { hostname: 'node-2' },
    // Dials nothing that exists here.
    { hostname: 'picky', allow: ['192.0.2.1:1'] },
  ].map((agent) => startAgent({ ...agent, proxy: new URL(hub.url).host, api: hub.api, dir })),
)
for (const agent of agents) t.teardown(() => agent.stop())
const [first, second] = agents as [Program, Program]

await connect(hub.api, issuer)
const both = { agents: ['node-1', 'node-2'] }
await register(hub.api, 'pair', port, both)
await register(hub.api, 'mixed', port, { agents: ['picky', 'node-2'] })
await register(hub.api, 'refused', port, { agents: ['picky'] })
await register(hub.api, 'lonely', port, { agents: ['node-9'] })
await register(hub.api, 'unbound', port, { agents: [] })
await register(hub.api, 'slow', port, { ...both, timeouts: { response: '1s' } })

const visitor = hub.visitor()

async function ask(app: string, path: string, method = 'GET') {
  const { status, text } = await visitor.fetch(hub.appUrl(app) + path, {
    method,
    headers: { accept: 'application/json', origin: hub.appUrl(app) },
  })
  const code = status < 400 ? null : (JSON.parse(text) as { code: string }).code
  return { status, text, code }
}

/** Signs in at the app; whatever it answers, there is a session then. */
const enter = (app: string) => visitor.open(`${hub.appUrl(app)}/`)

t.test('a dial that one agent refuses is repeated at the other', async (t) => {
  await enter('mixed')
  for (let n = 0; n < 6; n++) t.equal((await ask('mixed', `/?id=mixed-${n}`)).status, 200)
  await enter('refused')
  t.match(await ask('refused', '/?id=refused'), { status: 502, code: 'app_unreachable' })
  t.equal(arrivals.has('refused'), false)
})

t.test('an app without a bound or connected agent gets 502 with the reason', async (t) => {
  t.equal((await enter('lonely')).status, 502)
  t.match(await ask('lonely', '/'), { status: 502, code: 'agent_none' })
  t.equal((await enter('unbound')).status, 502)
  t.match(await ask('unbound', '/'), { status: 502, code: 'agent_unbound' })
})

t.test('fault 23: an app that misses its deadline gets 504, and its next response passes', async (t) => {
  await enter('slow')
  const sinceAsked = startStopwatch()
  t.match(await ask('slow', '/held?id=slow'), { status: 504, code: 'app_timeout' })
  t.ok(sinceAsked.took() < 20_000, 'by the app’s own deadline')
  t.equal(arrivals.get('slow'), 1, 'and it was asked once')
  held.length = 0
  t.match(await ask('slow', '/?id=slow'), { status: 200, text: 'slow 2' })
})

t.test(
  'fault 24: an app that stops reading holds the upload back, and it arrives when it reads on',
  async (t) => {
    await enter('pair')
    const { hostname, host, origin } = new URL(hub.appUrl('pair'))
    const upload = request(`${origin}/deaf`, {
      method: 'POST',
      ca: hub.ca,
      lookup: lookupLocalhost,
      headers: { host, origin, cookie: visitor.cookies(host) ?? '', 'transfer-encoding': 'chunked' },
      servername: hostname,
    })
    const answer = once(upload, 'response') as Promise<[IncomingMessage]>
    answer.catch(() => {})
    const block = Buffer.alloc(64 * 1024)
    const before = process.memoryUsage().arrayBuffers
    let sent = 0
    let taken = -1
    // Full everywhere: for half a second nothing more has been taken.
    while (taken !== sent - upload.writableLength && sent < MOST_HELD) {
      taken = sent - upload.writableLength
      while (sent < MOST_HELD && upload.write(block)) sent += block.length
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    t.ok(sent < MOST_HELD, `${Math.round(sent / 1e6)} MB are under way, then the client has to wait`)
    const grown = Math.round((process.memoryUsage().arrayBuffers - before) / 1e6)
    t.ok(grown < 48, `the hub, and this client, hold ${grown} MB more`)
    t.equal((await ask('pair', '/?id=beside')).status, 200, 'others are served')
    const [one] = unread.splice(0)
    let bytes = 0
    one?.request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    one?.request.on('end', () => one.response.end())
    upload.end()
    const [response] = await answer
    response.resume()
    t.equal(response.statusCode, 200)
    t.ok(bytes >= sent, `${bytes} bytes arrived`)
  },
)

t.test('fault 38: an app that is down gets 502 at once, and is back within 5 s of its return', async (t) => {
  await enter('pair')
  t.equal((await ask('pair', '/?id=up')).status, 200)
  await close()
  const sinceDown = startStopwatch()
  t.match(await ask('pair', '/?id=down'), { status: 502, code: 'app_unreachable' })
  t.ok(sinceDown.took() < 8_000, 'both agents are asked, and nobody waits for a deadline')
  t.equal((await ask('pair', '/?id=down', 'POST')).status, 502)
  await listen(port)
  const sinceBack = startStopwatch()
  await until(async () => (await ask('pair', '/?id=back')).status === 200, 'the app answers')
  const backMs = sinceBack.took()
  t.ok(backMs < 10_000, `after ${backMs} ms`)
})

t.test('requests go on after an agent is killed, and no POST runs twice', async (t) => {
  await enter('pair')
  const ids = (method: string) => Array.from({ length: 6 }, (_, n) => `${method}-${n}`)
  const gets = ids('get').map((id) => ask('pair', `/held?id=${id}`))
  const posts = ids('post').map((id) => ask('pair', `/held?id=${id}`, 'POST'))
  await until(() => held.length === 12, 'all requests are with the app')
  // Traffic that never pauses, across the whole failure.
  let going = true
  const statuses: number[] = []
  const steady = Array.from({ length: 2 }, async () => {
    while (going) statuses.push((await ask('pair', '/?id=steady')).status)
  })

  first.signal('SIGKILL')
  await until(async () => !(await isConnected(hub.api, 'node-1')), 'the hub has noticed')
  // What went through the dead agent has nobody to answer to; the rest may finish.
  for (const response of held) response.end('late')

  for (const answer of await Promise.all(gets)) t.equal(answer.status, 200)
  const repeated = ids('get').filter((id) => arrivals.get(id) === 2)
  t.ok(repeated.length > 0, `${repeated.length} of 6 GETs were sent again, through the other agent`)
  const answers = await Promise.all(posts)
  const lost = answers.filter(({ status }) => status === 502)
  t.ok(lost.length > 0, `${lost.length} of 6 POSTs were lost`)
  t.ok(lost.every(({ code }) => code === 'link_lost'))
  t.equal(answers.filter(({ status }) => status === 200).length, 6 - lost.length)
  for (const id of ids('post')) t.equal(arrivals.get(id), 1, `${id} ran once`)

  const soFar = statuses.length
  await until(() => statuses.length > soFar + 5, 'traffic goes on')
  going = false
  await Promise.all(steady)
  t.ok(
    statuses.every((status) => status === 200),
    `${statuses.length} GETs without an error`,
  )
})

t.test('an agent that stops on a signal ends in order, with or without idle connections', async (t) => {
  t.equal((await ask('pair', '/?id=idle')).status, 200)
  const sinceTold = startStopwatch()
  second.signal('SIGTERM')
  t.equal(await second.exited, 0)
  const took = sinceTold.took()
  t.comment(`after ${took} ms`)
  t.ok(took < STOP_MS, `no stream holds it: ${took} ms`)
  t.match(await ask('pair', '/?id=nobody'), { status: 502, code: 'agent_none' })
})

t.test('K148 only /metrics of the diagnostics listener counts the events', async (t) => {
  const stranger = connectTls({
    port: hub.ports.public,
    host: '127.0.0.1',
    ALPNProtocols: ['mezite-forged/1'],
  })
  await once(stranger, 'error')
  const answer = await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/metrics`)
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await answer.text()
  const value = (sample: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
    return line === undefined ? null : Number(line.slice(sample.length + 1))
  }
  const counted = (sample: string) => t.ok((value(sample) ?? 0) > 0, `${sample} ${value(sample)}`)
  for (const sample of [
    'mezite_requests_total{protocol="http",code="2xx"}',
    'mezite_request_duration_seconds_bucket{le="+Inf"}',
    'mezite_sent_bytes_total{protocol="http"}',
    ...['agent_none', 'agent_unbound', 'app_unreachable', 'app_timeout', 'link_lost'].map(
      (reason) => `mezite_failed_requests_total{reason="${reason}"}`,
    ),
    'mezite_access_decisions_total{effect="allow",reason="allowed"}',
    'mezite_audit_events_total{type="app.request"}',
    'mezite_audit_accepting',
    'mezite_tls_handshakes_total{alpn="none"}',
    'mezite_refused_connections_total{reason="unknown ALPN"}',
    'mezite_sessions{kind="app"}',
    'mezite_apps',
    'mezite_apps_by_state{state="no_agent"}',
    'mezite_change_sequence',
    'mezite_database_query_seconds_count',
    'nodejs_eventloop_lag_p99_seconds',
    'process_cpu_seconds_total',
  ])
    counted(sample)
  t.equal(value('mezite_agents_connected'), 1, 'picky is left')
  t.equal(value('mezite_audit_queue_events{sink="audit-database"}') !== null, true)
  t.ok((value('mezite_view_age_seconds') ?? 99) < 5)
  // Prometheus: a counter ends in _total, and each family says what it is.
  for (const [, name, type] of text.matchAll(/^# TYPE (mezite_\S+) (\S+)$/gm)) {
    t.equal(name?.endsWith('_total'), type === 'counter', `${name} ${type}`)
    t.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
  }
  const families = new Set([...text.matchAll(/^# TYPE (mezite_\S+)/gm)].map(([, name]) => name))
  const documented = (file: string) =>
    new Set(
      [
        ...readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').matchAll(/\bmezite_[a-z_]+[a-z]/g),
      ].map(([name]) => name.replace(/_bucket$/, '')),
    )
  const table = documented('plugins/docs/pages/how-to/monitoring.md')
  t.strictSame([...table].toSorted(), [...families].toSorted(), 'the table of the page about monitoring')
  const alerts = [...documented('examples/operations/alerts.yaml')]
  // The reference has those of plugins that are not configured here, too; a test compares it with the sources.
  const known = documented('plugins/docs/pages/look-up/metrics.md')
  t.strictSame(
    alerts.filter((name) => !families.has(name) && !known.has(name)),
    [],
    'alerts ask for what there is',
  )
  for (const [label] of text.matchAll(/^mezite_.*$/gm))
    t.notMatch(label, /alice|node-1|127\.0\.0\.1|"\//, 'no names, addresses and paths')
  for (const path of ['/metrics', '/debug', '/healthz', '/readyz', '/debug/pprof/', '/json/list']) {
    t.equal((await visitor.fetch(hub.url + path, { headers: { accept: 'text/plain' } })).status, 404, path)
    const { text: body } = await visitor.fetch(hub.appUrl('nosuch') + path)
    t.notMatch(body, /mezite_|^ok$|^ready$/m)
  }
  for (const path of ['/debug', '/debug/pprof/', '/json/list', '/heapdump'])
    t.equal((await fetch(`http://127.0.0.1:${hub.ports.diagnostics}${path}`)).status, 404, path)
})
