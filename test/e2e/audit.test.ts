// long
/** What is left of the audit trail when a hub is killed in mid-traffic. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import pg from 'pg'
import t from 'tap'
import { FakeIssuer } from '../../core/testing/index.ts'
import { runMezctl } from '../oclif-cli/run-program.ts'
import { until } from '../until.ts'
import { connect, register } from './resources.ts'
import { isConnected, startAgent } from './start-agent.ts'
import { startHttpApp } from './start-http-app.ts'
import { startSite } from './start-two-hubs.ts'

const REQUESTS = 3_000
const KILL_AFTER = 2_000
const CONNECTIONS = 16
/** One batch: so many records, or those of the last moment, which a busy machine takes longer to write than 100 ms. */
const MOST_LOST = 200
const MOMENT_MS = 500

const port = await startHttpApp(t, (request, response) => response.end(`${request.url}\n`))
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const file = { path: '' }
const site = await startSite(t, { config: { plugins: { 'audit-file': file } } })
file.path = join(site.dir, 'audit.jsonl')
const hub = await site.startHub('hub')
site.balanceTo(hub)
await connect(hub.api, issuer)
await register(hub.api, 'app', port, { agents: ['node-1'] })
const proxy = new URL(site.hubUrl).host
const agent = await startAgent({ hostname: 'node-1', proxy, api: hub.api, dir: site.dir })
t.teardown(() => agent.stop())
const visitor = site.visitor()
const app = new URL(site.appUrl('app'))
await visitor.open(`${app.origin}/`)

const cookie = visitor.cookies(app.host)

/** Paths whose answers came whole, and when. */
const answered = new Map<string, number>()
let asked = 0

/** Asks one request after another on a connection of its own until `until` are asked or the connection ends. */
function ask(until: number): Promise<void> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connectTls({
      host: '127.0.0.1',
      port: Number(app.port),
      servername: app.hostname,
      ca: visitor.ca,
      ALPNProtocols: ['http/1.1'],
    })
    let path = ''
    let got = ''
    const next = () => {
      if (asked >= until) return void socket.end()
      path = `/r${asked++}`
      got = ''
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${app.host}\r\nCookie: ${cookie}\r\n\r\n`)
    }
    socket.setEncoding('latin1')
    socket.on('secureConnect', next)
    socket.on('data', (text: string) => {
      got += text
      if (!got.includes(`\r\n\r\n${path}\n`) && !got.endsWith(`${path}\n`)) return
      if (got.startsWith('HTTP/1.1 200 ')) answered.set(path, performance.now())
      next()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}
const askAll = (until: number) => Promise.all(Array.from({ length: CONNECTIONS }, () => ask(until)))

const database = new pg.Client({ connectionString: site.databaseUrl })
await database.connect()
t.teardown(() => database.end())
const strings = async (query: string): Promise<string[]> =>
  (await database.query<{ text: string }>(query)).rows.map(({ text }) => text)

t.test(
  'M157 fault 2 a hub that is killed loses at most one batch, duplicates none, and loses no administrative change',
  async (t) => {
    let changing = true
    const made: string[] = []
    const revisions = (async () => {
      for (let n = 0; changing; n++) {
        const spec = { allow: { app_labels: { team: 'x' } } }
        await hub.api('PUT', `/roles/r${n}`, {
          kind: 'role',
          version: 'v1',
          metadata: { name: `r${n}` },
          spec,
        })
        made.push(`r${n}`)
      }
    })().catch(() => {})
    const asking = askAll(REQUESTS)
    await until(() => answered.size >= KILL_AFTER, 'most are answered')
    const killed = performance.now()
    hub.program.signal('SIGKILL')
    await Promise.all([hub.program.exited, asking])
    changing = false
    await revisions
    const before = new Map(answered)
    await hub.restart()
    await until(() => isConnected(hub.api, 'node-1'), 'the agent is back')
    await askAll(REQUESTS)
    const verified = await runMezctl(['audit', 'verify', '--json', '--data-dir', join(site.dir, 'hub')], {})
    t.equal(verified.code, 0, 'M161 the trail verifies')
    t.match(JSON.parse(verified.out), { ok: true, findings: { length: 0 } })
    await hub.program.stop()

    const recorded = await strings(
      `SELECT event->>'path' AS text FROM audit_database_events WHERE type = 'app.request' AND event->>'path' LIKE '/r%'`,
    )
    const kept = new Set(recorded)
    const lost = [...before].filter(([path]) => !kept.has(path))
    const oldest = Math.max(0, ...lost.map(([, at]) => killed - at))
    t.comment(
      `${before.size} of ${answered.size} answers before the kill, ${lost.length} records lost, of the last ${Math.round(oldest)} ms`,
    )
    t.ok(before.size >= KILL_AFTER && before.size < REQUESTS, 'killed in mid-traffic')
    t.ok(lost.length <= MOST_LOST || oldest <= MOMENT_MS, `${lost.length} lost, ${oldest} ms old`)
    t.equal(recorded.length, kept.size, 'none twice')
    t.strictSame(
      await strings(`SELECT event::text AS text FROM audit_database_texts WHERE type = 'app.request'`),
      [],
      'every request is stored in its compact form',
    )
    t.strictSame(
      [...answered.keys()].filter((path) => !before.has(path) && !kept.has(path)),
      [],
      'what was answered by the hub that stopped in order is all there',
    )
    const roles = await strings(`SELECT name AS text FROM rbac_roles WHERE name ~ '^r[0-9]+$' ORDER BY name`)
    const events = await strings(
      `SELECT event->>'role' AS text FROM audit_database_events WHERE type = 'role.created' AND event->>'role' ~ '^r[0-9]+$' ORDER BY 1`,
    )
    t.ok(made.length > 0, `${made.length} changes`)
    t.strictSame(events, roles, 'each change with its record, and the other way round')
    t.strictSame(
      made.filter((name) => !roles.includes(name)),
      [],
      'what was acknowledged is there',
    )

    const lines = readFileSync(file.path, 'utf8').trimEnd().split('\n')
    const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id)
    t.equal(new Set(ids).size, ids.length, 'audit-file: whole lines, none twice')
  },
)
