// needs: faketime
// long
/** The clock of a hub jumps while it runs: what lasts too long, what ends too soon, and what comes back by itself. */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FakeIssuer, type Visitor } from '../../core/testing/index.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { register } from './resources.ts'
import { startAgent } from './start-agent.ts'
import { startHttpApp } from './start-http-app.ts'
import { startSite } from './start-two-hubs.ts'

const LIBRARY = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file))
if (LIBRARY === undefined) throw new Error('libfaketime is not installed: apt-get install faketime')

const dir = mkdtempSync(join(tmpdir(), 'mezite-clock-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const clockFile = join(dir, 'clock')
/**
 * Sets the wall clock of the hub, from now on this far from the true time. The monotonic clock goes on. The file is replaced,
 * because libfaketime may read it at any moment, and one that is empty then leaves its lock taken.
 */
function setClock(offset: string): void {
  writeFileSync(`${clockFile}.new`, offset)
  renameSync(`${clockFile}.new`, clockFile)
}
setClock('+0')

const port = await startHttpApp(t, (request, response) => {
  if (request.url !== '/drip') return void response.end(String(request.headers['mezite-jwt-assertion']))
  const timer = setInterval(() => response.write('.'), 50)
  response.on('close', () => clearInterval(timer))
})
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const site = await startSite(t, {
  env: () => ({
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }),
})
const hub = await site.startHub('hub')
site.balanceTo(hub)
let alive = true
hub.program.exited.then(() => {
  alive = false
})

/** Each is a group of the provider, too. */
const roles = {
  steady: { max_session_ttl: '2h' },
  idle: { max_session_ttl: '2h', idle_timeout: '10m' },
  short: { max_session_ttl: '6s' },
}
for (const [name, options] of Object.entries(roles)) {
  const spec = { options, allow: { app_labels: { env: 'test' } } }
  await hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec })
}
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: {
    ...issuer.spec,
    claims_to_roles: Object.keys(roles).map((role) => ({ claim: 'groups', value: role, roles: [role] })),
  },
})
await register(hub.api, 'app', port, { agents: ['node-1'] })
const proxy = `hub.mezite.localhost:${hub.port}`
const agent = await startAgent({ hostname: 'node-1', proxy, api: hub.api, dir })
t.teardown(() => agent.stop())
const app = site.appUrl('app')

async function signIn(role: keyof typeof roles): Promise<{ visitor: Visitor; status: number }> {
  issuer.person = { sub: role, email: `${role}@example.com`, email_verified: true, groups: [role] }
  const visitor = site.visitor()
  const { status } = await visitor.open(`${app}/`)
  return { visitor, status }
}
async function person(role: keyof typeof roles): Promise<Visitor> {
  const { visitor, status } = await signIn(role)
  if (status !== 200) throw new Error(`${role} is not let in: ${status}`)
  return visitor
}

const ask = (visitor: Visitor) => visitor.fetch(`${app}/`, { headers: { accept: 'application/json' } })

/** What it is, once the view of locks, which a jump ahead makes look old, is fresh by the new clock. */
async function settled(visitor: Visitor): Promise<number> {
  let status = 503
  await until(async () => {
    status = (await ask(visitor)).status
    return status !== 503
  }, 'the hub decides')
  return status
}

/** How far the time of the assertion is from the true one, in seconds. */
async function skew(visitor: Visitor): Promise<number> {
  const [, claims = ''] = (await ask(visitor)).text.split('.')
  const { iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iat: number }
  return iat - Date.now() / 1_000
}
const near = (seconds: number, expected: number) => Math.abs(seconds - expected) < 60

t.test(
  'B31 idle and absolute limits hold on the server although the cookie is kept; fault 29 three hours ahead',
  async (t) => {
    const [steady, idle] = [await person('steady'), await person('idle')]
    const cookie = idle.cookies(new URL(app).host)
    t.equal(await settled(idle), 200)
    const drip = await steady.stream(`${app}/drip`, { timeoutMs: 60_000 })
    drip.on('error', () => {}).resume()
    const cut = new Promise<void>((resolve) => drip.on('close', () => resolve()))

    setClock('+11m')
    t.equal(await settled(steady), 200, 'a session without an idle limit goes on')
    t.equal(await settled(idle), 401, 'the other one has been idle for too long')
    t.equal(idle.cookies(new URL(app).host), cookie, 'its cookie is the same')
    t.ok(near(await skew(steady), 660), 'assertions are of the clock that is set')

    setClock('+3h')
    t.equal(await settled(steady), 401, 'no session outlives its limit')
    await cut
    t.not((await signIn('steady')).status, 200, 'what the provider says is too old')

    setClock('+0')
    const again = await person('steady')
    t.ok(near(await skew(again), 0), 'all is back by itself')
    t.ok(alive)
  },
)

t.test('fault 29: a clock that is set back by three hours extends no session', async (t) => {
  const steady = await person('steady')
  const short = await person('short')
  const watch = startStopwatch()
  setClock('-3h')
  t.equal(await settled(steady), 200)
  t.ok(near(await skew(steady), -10_800))
  // A request that is under way when the session ends is cut.
  const ended = () => ask(short).then(({ status }) => status === 401)
  await until(() => ended().catch(() => false), 'it ends by the monotonic clock')
  const livedMs = watch.took()
  t.ok(livedMs < 30_000, `after ${livedMs} ms`)
  setClock('+0')
  t.equal(await settled(steady), 200)
  await person('steady')
  t.ok(near(await skew(steady), 0))
  t.ok(alive)
})
