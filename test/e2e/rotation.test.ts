// long
/** Authorities get new keys while two built hubs on one PostgreSQL server, an agent at each and msh are at work. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import pg from 'pg'
import t from 'tap'
import { holderOf } from '../../core/api/user-name.ts'
import { FakeIssuer } from '../../core/testing/index.ts'
import { type ProgramLogin, programLogin } from '../../core/testing/program-login.ts'
import { MSH, runMezctl, startMezctl } from '../oclif-cli/run-program.ts'
import { until } from '../until.ts'
import { connect, register } from './resources.ts'
import { isConnected, joinToken, startAgent } from './start-agent.ts'
import { startHttpApp } from './start-http-app.ts'
import { startTwoHubs } from './start-two-hubs.ts'

type Name = 'hub-ca' | 'agent-ca' | 'user-ca'
type Login = ProgramLogin
interface Rotation {
  readonly phase: string
  readonly keys: readonly { state: string; pin: string }[]
  readonly waiting: readonly { kind: string; name: string }[]
}

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
issuer.person = { sub: 'a', email: 'alice@example.com', email_verified: true, groups: ['platform-team'] }
const port = await startHttpApp(t, (_request, response) => void response.end('hello'))
const echo = createServer((socket) => void socket.on('error', () => {}).pipe(socket))
await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
t.teardown(() => echo.close())

const pair = await startTwoHubs(t, {
  config: { plugins: { 'authorization-server': { enabled: true } } },
})
const { a, b, dir } = pair
const hubs = [a, b]
const names = ['node-a', 'node-b'] as const
for (const [at, hostname] of names.entries()) {
  const hub = hubs[at]!
  const agent = await startAgent({ hostname, proxy: `hub.mezite.localhost:${hub.port}`, api: hub.api, dir })
  t.teardown(() => agent.stop())
}
await connect(a.api, issuer)
await register(a.api, 'web', port, { agents: names })
await register(a.api, 'echo', 0, {
  uri: `tcp://127.0.0.1:${(echo.address() as AddressInfo).port}`,
  protocol: 'tcp',
  agents: names,
})
pair.balanceTo(a)
const visitor = pair.visitor()
await visitor.open(`${pair.appUrl('web')}/`)
const ca = visitor.ca ?? ''

/** Without an end: each on a connection of its own, at one hub and the other in turn. */
const failures: string[] = []
let answered = 0
let asking = true
async function ask(): Promise<void> {
  while (asking) {
    const answer = await visitor
      .fetch(`${pair.appUrl('web')}/`, { headers: { accept: 'application/json' } })
      .then(
        ({ status, text }) => (text === 'hello' ? '' : `${status} ${text}`),
        (error: Error) => error.message,
      )
    if (answer === '') answered += 1
    else failures.push(answer)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const rotation = (name: Name, api = a.api) => api<Rotation>('GET', `/auth/rotate/${name}`)
const step = (name: Name, word: string, force = false) =>
  a.api<Rotation>('POST', `/auth/rotate/${name}`, { step: word, force })
const nobodyWaits = (name: Name, kind: string) =>
  until(async () => {
    const seen = await Promise.all(hubs.map(({ api }) => rotation(name, api)))
    return !seen.some(({ waiting }) => waiting.some((each) => each.kind === kind))
  }, `no ${kind} waits for the ${name}`)
const identityOf = (hostname: string) =>
  JSON.parse(readFileSync(join(dir, hostname, 'data', 'identity.json'), 'utf8')) as {
    readonly key: string
    readonly certificate: string
    readonly hubCa: readonly string[]
  }

/** TLS to one of the hubs by a protocol of ours; `session` resumes another connection. */
function tls(alpn: string, who: { key: string; certificate: string } | null, session?: Buffer): TLSSocket {
  const socket = connectTls({
    host: '127.0.0.1',
    port: b.port,
    servername: 'hub.mezite.localhost',
    rejectUnauthorized: false,
    ALPNProtocols: [alpn],
    ...(who ? { key: who.key, cert: who.certificate } : {}),
    ...(session ? { session } : {}),
  })
  socket.on('error', () => {})
  return socket
}

/** Everything that the hub says until it closes; a client's preface and settings are sent. */
function heard(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0')
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.once('close', () => resolve(text))
    socket.setTimeout(60_000, () => socket.destroy())
  })
}

/** An identity file as `msh login --out` writes it. */
function identityFile(name: string, { key, certificate, hub_ca }: Login): string {
  const file = join(dir, name)
  const hub = `Hub: ${new URL(pair.hubUrl).host}\n`
  writeFileSync(file, [hub, key, certificate, hub_ca].join('\n'), { mode: 0o600 })
  return file
}

/** `msh app login echo`; its first line, and what it says until it ends. */
async function mshLogin(file: string) {
  const child = startMezctl(['app', 'login', 'echo', '-i', file], {}, MSH)
  t.teardown(() => child.kill())
  let said = ''
  child.stdout?.on('data', (chunk) => {
    said += chunk
  })
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  let code: number | null | undefined
  child.on('close', (ended) => {
    code = ended
  })
  const ended = until(() => code !== undefined, 'msh ends')
  ended.catch(() => {})
  await until(() => said.includes('Tunnel open') || code !== undefined, 'msh opens or ends')
  return { said: () => said, ended, code: () => code }
}

pair.balanceTo(a, b)
const asked = Promise.all([ask(), ask(), ask()])
const before = identityOf('node-a')

t.test('fault 31 agents renew by themselves in a rotation, and the old key ends', async (t) => {
  t.match(await step('agent-ca', 'start'), { phase: 'started', waiting: { length: 0 } })
  await t.rejects(step('agent-ca', 'start'), { status: 409, code: 'rotation_phase' })
  await t.rejects(step('agent-ca', 'finish'), { status: 409, code: 'rotation_phase' })
  t.match(await step('agent-ca', 'switch'), { phase: 'switched' })
  await nobodyWaits('agent-ca', 'agent')
  const old = tls('mezite-tunnel/1', before)
  const sessions: Buffer[] = []
  old.on('session', (session) => sessions.push(session))
  await new Promise((resolve) => old.once('secureConnect', resolve))
  const ticket = old.getSession()
  await heard(old)
  t.match(await step('agent-ca', 'finish'), { phase: 'standby', keys: [{ state: 'active' }] })

  await until(async () => (await rotation('agent-ca', b.api)).phase === 'standby', 'the other hub knows')
  t.notMatch(await heard(tls('mezite-tunnel/1', before)), 'PRI')
  for (const session of [...sessions, ...(ticket ? [ticket] : [])]) {
    t.notMatch(await heard(tls('mezite-tunnel/1', before, session)), 'PRI', 'a resumed session')
    t.notMatch(await heard(tls('mezite-tunnel/1', null, session)), 'PRI', 'and without a certificate')
  }
  await until(async () => {
    const refused = await a.api<{ reason: string }[]>('GET', '/audit?type=agent.rejected')
    return refused.some(({ reason }) => reason === 'certificate_refused')
  }, 'the refusal is recorded')
  for (const [at, hub] of hubs.entries())
    t.ok(await isConnected(hub.api, names[at]!), `${names[at]} is still there`)
  t.not(identityOf('node-a').certificate, before.certificate)
  t.equal(statSync(join(dir, 'node-a', 'data', 'identity.json')).mode & 0o777, 0o600, 'O178')
})

t.test('fault 31 agents learn a new key of the hub authority before it is used', async (t) => {
  const early = await joinToken(a.api, 'node-c')
  const started = await step('hub-ca', 'start')
  t.equal(started.keys.length, 2)
  const { ca_pin: pins } = await joinToken(a.api, 'node-d')
  t.same(
    pins.split(','),
    started.keys.map(({ pin }) => pin),
    'new tokens carry both pins',
  )
  t.notOk(early.ca_pin.includes(','))
  await nobodyWaits('hub-ca', 'agent')
  await t.rejects(
    step('hub-ca', 'switch'),
    { code: 'rotation_waiting' },
    'an unused token has the old pin only',
  )
  const switched = await step('hub-ca', 'switch', true)
  t.equal(
    switched.keys.find(({ state }) => state === 'active')?.pin,
    started.keys.find(({ state }) => state === 'coming')?.pin,
  )
  await until(async () => (await rotation('hub-ca', b.api)).phase === 'switched', 'the other hub knows')

  const late = await startAgent({
    hostname: 'node-d',
    proxy: `hub.mezite.localhost:${b.port}`,
    api: b.api,
    dir,
  })
  t.teardown(() => late.stop())
  t.match((await rotation('hub-ca')).waiting, { length: 0 }, 'whoever joins now knows the new key')
  await step('hub-ca', 'finish')
  await until(() => names.every((name) => identityOf(name).hubCa.length === 1), 'agents forget the old key')
  t.not(identityOf('node-b').hubCa[0], before.hubCa[0])
  t.equal((await joinToken(b.api, 'node-e')).ca_pin.split(',').length, 1)

  // One that sleeps through a rotation is named, and shut out only by force.
  late.signal('SIGSTOP')
  await step('agent-ca', 'start')
  await step('agent-ca', 'switch')
  await until(async () => (await rotation('agent-ca')).waiting.length === 1, 'the others have renewed')
  t.match((await rotation('agent-ca')).waiting, [{ kind: 'agent', name: 'node-d' }])
  await t.rejects(step('agent-ca', 'finish'), { code: 'rotation_waiting' })
  await step('agent-ca', 'finish', true)
  const lost = async () => {
    const events = await a.api<{ agent: string; reason: string }[]>('GET', '/audit?type=agent.disconnected')
    return events.some((each) => each.agent === 'node-d' && each.reason === 'certificate_authority_retired')
  }
  await until(lost, 'its link is cut')
  late.signal('SIGCONT')
  await late.stop()
  await a.api('DELETE', '/agents/node-d')
})

t.test('logins of msh last until the rotation finishes, and are then refused with the reason', async (t) => {
  pair.balanceTo(a)
  const who = { url: pair.hubUrl, visitor: () => pair.visitor() }
  const alice = await programLogin(who)
  const old = identityFile('old.pem', alice)
  pair.balanceTo(a, b)
  await step('user-ca', 'start')
  await step('user-ca', 'switch')
  await until(async () => (await rotation('user-ca', b.api)).phase === 'switched', 'the other hub knows')
  const open = await mshLogin(old)
  t.match(open.said(), 'Tunnel open', 'the old certificate counts')
  const fresh = await mshLogin(identityFile('new.pem', await programLogin(who)))
  t.match(fresh.said(), 'Tunnel open', 'the new one too')

  await t.rejects(step('user-ca', 'finish'), { code: 'rotation_waiting' })
  t.match((await rotation('user-ca')).waiting, [{ kind: 'login', name: 'alice@example.com' }])
  await step('user-ca', 'finish', true)
  await open.ended
  t.equal(open.code(), 1)
  t.match(
    open.said(),
    /has ended: the hub does not accept your certificate.*\(MEZ_LOGIN_ENDED\)[\s\S]*msh login/,
  )
  t.equal(fresh.code(), undefined, 'the new login goes on')
  await until(async () => (await rotation('user-ca', b.api)).phase === 'standby', 'the other hub knows')
  t.match(await heard(tls('mezite-tcp/1', alice)), 'certificate_refused')
  const again = await mshLogin(old)
  t.match(again.said(), /the hub does not accept your certificate/)
  t.equal(again.code(), 1)
})

t.test('a rotation can be rolled back from either phase', async (t) => {
  const [first] = (await rotation('agent-ca')).keys
  await step('agent-ca', 'start')
  t.same(
    (await step('agent-ca', 'rollback')).keys.map(({ pin }) => pin),
    [first?.pin],
  )
  await step('agent-ca', 'start')
  await step('agent-ca', 'switch')
  await nobodyWaits('agent-ca', 'agent')
  const back = await step('agent-ca', 'rollback')
  t.equal(back.keys.find(({ state }) => state === 'active')?.pin, first?.pin)
  await nobodyWaits('agent-ca', 'agent')
  t.same(
    (await step('agent-ca', 'finish')).keys.map(({ pin }) => pin),
    [first?.pin],
  )
})

t.test('hubs share the keys of ID tokens, and a sign-in outlasts their rotation', async (t) => {
  const redirect = 'https://web.example.com/callback'
  const made = await a.api<{ client_id: string; client_secret: string; issuer: string }>(
    ...(['PUT', '/app-clients/web', { redirect_uris: [redirect] }] as const),
  )
  const published = async (hub: (typeof hubs)[number]) => {
    pair.balanceTo(hub)
    return JSON.parse((await pair.visitor().fetch(`${pair.hubUrl}/v1/oauth/keys`)).text) as JSONWebKeySet
  }
  const kidsOf = ({ keys }: JSONWebKeySet) => keys.map(({ kid }) => kid).sort()
  const [old] = kidsOf(await published(b))

  const person = pair.visitor()
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    ...{
      response_type: 'code',
      client_id: made.client_id,
      redirect_uri: redirect,
      scope: 'openid',
      state: 's',
    },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  pair.balanceTo(a)
  let next = new URL(`${made.issuer}/v1/oauth/authorize?${query}`)
  for (let hops = 0; hops < 20 && next.origin !== new URL(redirect).origin; hops++) {
    const { headers, status } = await person.fetch(next.href, { headers: { accept: 'text/html' } })
    if (headers.location === undefined) throw new Error(`${next.href} ${status}`)
    next = new URL(headers.location, next)
  }
  const code = next.searchParams.get('code') ?? ''

  await a.api('POST', '/auth/rotate/oidc')
  await until(async () => (await published(b)).keys.length === 2, 'the other hub publishes the new key')
  t.strictSame(kidsOf(await published(b)), kidsOf(await published(a)))
  pair.balanceTo(b)
  const redeemed = await pair.visitor().fetch(`${pair.hubUrl}/v1/oauth/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${made.client_id}:${made.client_secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirect,
      code_verifier: verifier,
    }).toString(),
  })
  t.equal(redeemed.status, 200, redeemed.text)
  const { id_token: token } = JSON.parse(redeemed.text)
  t.equal(decodeProtectedHeader(token).kid, old, 'the new key is published before it signs')
  const { payload } = await jwtVerify(token, createLocalJWKSet(await published(a)), {
    issuer: made.issuer,
    audience: made.client_id,
  })
  t.equal(payload.sub, holderOf({ issuer: issuer.url, sub: 'a' }), 'the account is the holder of the name')
  pair.balanceTo(a, b)
})

t.test('an API token that is revoked at one hub opens nothing at the other', async (t) => {
  const { id, token } = await a.api<{ id: string; token: string }>('POST', '/api-tokens', {
    name: 'ci',
    roles: ['admin'],
  })
  const caFile = join(dir, 'web-ca.pem')
  writeFileSync(caFile, ca)
  const env = {
    MEZITE_AUTH_TOKEN: token,
    MEZITE_PROXY: new URL(pair.hubUrl).host,
    MEZITE_CA_FILE: caFile,
    MEZCTL_HOME: dir,
  }
  pair.balanceTo(b)
  await until(
    async () => (await runMezctl(['agents', 'ls'], env)).code === 0,
    'the other hub knows the token',
  )
  await a.api('DELETE', `/api-tokens/${id}`)
  const revoked = performance.now()
  await until(async () => (await runMezctl(['agents', 'ls'], env)).code === 1, 'the other hub refuses it')
  t.comment(`refused after ${Math.round(performance.now() - revoked)} ms, the start of mezctl among them`)
  t.match((await runMezctl(['agents', 'ls'], env)).err, /\(login_required\)/)
})

t.test('rotations fail no request, are recorded, and reveal no key', async (t) => {
  asking = false
  await asked
  t.same(failures, [], `${answered} were answered`)
  t.ok(answered > 50)
  for (const [at, hub] of hubs.entries())
    t.ok(await isConnected(hub.api, names[at]!), `${names[at]} is still there`)
  const events = await a.api<{ name: string; step: string; user: string }[]>(
    'GET',
    '/audit?type=key.rotated&limit=100',
  )
  t.equal(events.length, 18)
  t.match(events[0], { name: 'agent-ca', step: 'start', user: 'operator@socket' })
  const database = new pg.Client({ connectionString: pair.databaseUrl })
  await database.connect()
  const { rows } = await database.query('SELECT name, sealed_key FROM authorities')
  await database.end()
  t.same(rows.map(({ name }) => name).sort(), ['agent-ca', 'hub-ca', 'user-ca'])
  // The object identifier that every EC key in PKCS #8 holds.
  for (const { sealed_key } of rows)
    t.notOk(sealed_key.includes(Buffer.from('2a8648ce3d0201', 'hex')), 'O178')
})
