// together: hubs
/** What mezd says about its configuration, its way to a hub, and itself. */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createAgent } from '../../agent/agent.ts'
import { likelyCause } from '../../agent/transport-choice.ts'
import { MezError } from '../../core/kernel/error.ts'
import { createTestHub, freePort, memoryLog } from '../../core/testing/index.ts'
import webSocket from '../../plugins/transport-websocket/agent.ts'
import webTransport from '../../plugins/transport-webtransport/agent.ts'
import { joinToken } from '../e2e/start-agent.ts'
import { until } from '../until.ts'

const MEZD = fileURLToPath(new URL('../../agent/mezd.js', import.meta.url))

function mezd(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MEZD, ...args], { env: { ...process.env, ...env } })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk))
  const ended = new Promise<{ code: number | null; out: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out })),
  )
  return { child, ended }
}

const hub = await createTestHub()
t.teardown(() => hub.stop())
const proxy = `hub.mezite.localhost:${hub.ports.public}`

t.test('doctor tests every step to a hub, and each transport', async (t) => {
  const { token } = await joinToken(hub.api, 'examined')
  const { code, out } = await mezd(['doctor', '--proxy', proxy], { MEZITE_JOIN_TOKEN: token }).ended
  t.equal(code, 0, out)
  for (const step of ['DNS', 'TCP', 'TLS', 'Clock', 'http2', 'websocket', 'webtransport'])
    t.match(out, new RegExp(`^ok .*${step}`, 'm'), step)
  const unknown = await mezd(['doctor', '--proxy', proxy]).ended
  t.equal(unknown.code, 0, unknown.out)
  t.match(unknown.out, /^skip .*websocket: not tested: the hub responds only to agents/m)
  t.match(unknown.out, /^skip .*webtransport: not tested/m)
  const used = await mezd(['doctor', '--proxy', proxy], { MEZITE_JOIN_TOKEN: 'used' }).ended
  t.match(used.out, /^FAIL .*websocket: the hub knows neither/m)
  const wrongPin = await mezd(['doctor', '--proxy', proxy, '--ca-pin', `sha256:${'0'.repeat(64)}`]).ended
  t.equal(wrongPin.code, 1)
  t.match(wrongPin.out, /^FAIL .*http2.*pinned/m)
  const nobody = await mezd(['doctor', '--proxy', '127.0.0.1:1']).ended
  t.equal(nobody.code, 1)
  t.match(nobody.out, /^FAIL .*TCP: .*port 1\b/m)
})

t.test('config check reports every problem, and nothing is started', async (t) => {
  const dir = t.testdir({
    'good.yaml': `proxy_addr: ${proxy}\n`,
    'keys.yaml': `proxy_addr: ${proxy}\nhostnam: x\napps: { alow: [] }\n`,
    'values.yaml': 'proxy_addr: a b\ndiagnostics: { listen_addr: nowhere }\n',
  })
  t.match(await mezd(['config', 'check', '--config', join(dir, 'good.yaml')]).ended, { code: 0 })
  const found = {
    'keys.yaml': [/:2: hostnam/, /:3: apps\.alow/],
    'values.yaml': [/:1: proxy_addr/, /:2: diagnostics\.listen_addr/],
  }
  for (const [file, problems] of Object.entries(found)) {
    const { code, out } = await mezd(['config', 'check', '--config', join(dir, file)]).ended
    t.equal(code, 1)
    for (const problem of problems) t.match(out, problem)
  }
  t.match(await mezd(['config', 'chek']).ended, { code: 2 })
})

t.test('R189 an agent whose proof the hub rejects reports that, with possible causes', async (t) => {
  const { log, lines } = memoryLog()
  const agent = createAgent({
    proxyAddr: proxy,
    token: 'unknown',
    caPin: `sha256:${'0'.repeat(64)}`,
    hostname: 'unknown',
    log,
    dataDir: t.testdir(),
    plugins: [webSocket, webTransport],
    env: {},
  })
  const started = agent.start()
  t.teardown(() => agent.stop(0))
  await until(
    () => lines.some((line) => /neither the certificate nor the join token/.test(line)),
    'it says so',
  )
  await agent.stop(0)
  await started
  const refused = new MezError('MEZ_CARRIER_REFUSED', 'refused')
  t.match(likelyCause(refused, 443), /used or expired, the agent was removed, or the clocks differ/)
})

t.test('an agent serves its health, readiness and metrics', async (t) => {
  const port = await freePort()
  const dir = join(t.testdir(), 'agent')
  mkdirSync(dir)
  const file = join(dir, 'mezd.yaml')
  writeFileSync(
    file,
    `proxy_addr: ${proxy}\nhostname: watched\ndiagnostics: { listen_addr: "127.0.0.1:${port}" }\n`,
  )
  const { token, ca_pin: pin } = await joinToken(hub.api, 'watched')
  const args = ['start', '--config', file, '--data-dir', join(dir, 'data'), '--ca-pin', pin]
  const { child, ended } = mezd(args, { MEZITE_JOIN_TOKEN: token })
  t.teardown(() => child.kill('SIGKILL'))
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, text: await response.text() }
  }
  await until(
    () =>
      get('/readyz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    'it is ready',
  )
  t.equal((await get('/healthz')).status, 200)
  const { text } = await get('/metrics')
  t.match(text, /^mezd_links 1$/m)
  t.match(text, /^mezd_build_info\{version="/m)
  const expires = Number(/^mezd_certificate_expires_timestamp_seconds (\S+)$/m.exec(text)?.[1])
  t.ok(expires > Date.now() / 1_000)
  t.equal((await get('/other')).status, 404)
  child.kill('SIGTERM')
  t.equal((await ended).code, 0)
})
