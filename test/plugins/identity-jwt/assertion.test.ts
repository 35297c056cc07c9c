// together: plugin-hubs
import { spawnSync } from 'node:child_process'
import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { verifyAssertion } from '../../../examples/verify-assertion/node/verify-assertion.ts'
import { createAssertion } from '../../../plugins/identity-jwt/assertion.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { fakeApp, startSignInHost } from '../sign-in/sign-in-host.ts'

const host = await startSignInHost()
t.teardown(() => host.close())
/** As a session gives it: the same object while nothing changes, and frozen. */
const subject = Object.freeze({
  user: 'alice@example.com',
  roles: Object.freeze(['a']),
  kind: 'session',
  sessionId: 's',
  satisfied: [],
} as const)
const app = fakeApp('one', { uri: 'http://LOCALHOST:3000/x' })
const twin = fakeApp('two', { uri: app.uri })
const keysUrl = `${host.url}/workload-identity/app-jwt-jwks.json`
const answer = await fetch(keysUrl)
const { keys } = (await answer.json()) as { keys: JsonWebKey[] }
const expected = { keys, issuer: host.url, audience: app.uri, app: app.name }
const decode = (token: string, part = 1) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString())
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

t.test('nothing is signed before there is a key', async (t) => {
  const keyless = createAssertion({
    keys: { current: () => undefined },
    clock: fakeClock(),
    publicNames: { hubOrigin: host.url },
  })
  t.throws(() => keyless.sign(subject, app), { code: 'MEZ_ASSERTION_KEYLESS' })
})

t.test('the claims match the contract exactly, and the keys are public', async (t) => {
  const token = host.assertion.sign(subject, app)
  const claims = decode(token)
  t.strictSame(Object.keys(claims).sort(), [
    'app',
    'app_host',
    'app_id',
    'aud',
    'exp',
    'iat',
    'iss',
    'jti',
    'nbf',
    'roles',
    'sub',
  ])
  t.match(claims, {
    iss: host.url,
    aud: 'http://LOCALHOST:3000/x',
    sub: 'alice@example.com',
    roles: ['a'],
    app: 'one',
  })
  t.equal(claims.exp - claims.iat, 120)
  t.match(decode(token, 0), { alg: 'ES256', typ: 'JWT', kid: keys[0]?.kid })
  t.match(answer.headers.get('cache-control'), 'max-age=300')
  t.notOk(keys.some((key) => 'd' in key))
  t.equal(verifyAssertion(token, expected).sub, 'alice@example.com')
})

t.test('one assertion serves a session and app while its claims stay true', async (t) => {
  const first = host.assertion.sign(subject, app)
  host.state.revision++
  t.equal(host.assertion.sign(subject, app), first, 'a change of something else')
  t.equal(host.assertion.sign(subject, { ...app, rewriteHost: 'app' } as typeof app), first)
  t.not(host.assertion.sign({ ...subject, sessionId: 'other' }, app), first)
  t.not(host.assertion.sign(subject, twin), first)
  for (const change of [{ uri: 'http://10.0.0.9/' }, { name: 'new' }, { publicAddr: 'new.apps.example.com' }])
    t.not(host.assertion.sign(subject, { ...app, ...change }), first, JSON.stringify(change))
})

t.test('each app gets its own name, however many apps a session uses in turn', async (t) => {
  const apps = Array.from({ length: 250 }, (_, n) => fakeApp(`app-${n}`))
  for (let round = 0; round < 2; round++)
    for (const each of apps) {
      const { app: name, app_id: id } = decode(host.assertion.sign(subject, each))
      if (name !== each.name || id !== each.id) t.fail(`${each.name} was told ${name}`)
    }
  const changed = fakeApp('app-249', { id: apps[249]?.id ?? '', uri: 'http://elsewhere.example' })
  t.equal(decode(host.assertion.sign(subject, changed)).aud, 'http://elsewhere.example', 'a changed app')
})

t.test('an assertion is reused for half a minute, and for a hundred apps of a session', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let kid = 'k'
  const time = { wall: 1_800_000_000_000, monotonic: 0 }
  const { sign } = createAssertion({
    keys: { current: () => ({ kid, privateKey, publicJwk: {}, activeFrom: 0 }) },
    clock: { now: () => time.wall, monotonic: () => time.monotonic },
    publicNames: { hubOrigin: 'https://hub.test' },
  })
  let last = sign(subject, app)
  for (const [what, ahead, wall, again] of [
    ['a moment later', 29_000, 29_000, true],
    ['half a minute later, and the wall clock was set back meanwhile', 31_000, 0, false],
    ['the wall clock was set forward', 0, 60_000, false],
    ['the wall clock was set back', 0, -60_000, false],
  ] as const) {
    time.monotonic += ahead
    time.wall += wall
    const text = sign(subject, app)
    t.equal(text === last, again, what)
    last = text
  }
  kid = 'next'
  t.equal(decode(sign(subject, app), 0).kid, kid, 'and no longer than its key signs')
  last = sign(subject, app)
  for (let n = 0; n < 100; n++) sign(subject, fakeApp(`app-${n}`))
  t.not(sign(subject, app), last, 'the first of more than a hundred is forgotten')
})

t.test('assertions whose data may still change are signed each time', async (t) => {
  const loose = { ...subject, roles: ['a'] }
  t.strictSame(decode(host.assertion.sign(loose, app)).roles, ['a'])
  loose.roles = ['b']
  t.strictSame(decode(host.assertion.sign(loose, app)).roles, ['b'])
  const roles = ['a']
  const half = Object.freeze({ ...subject, roles })
  t.strictSame(decode(host.assertion.sign(half, app)).roles, ['a'])
  roles.push('b')
  t.strictSame(decode(host.assertion.sign(half, app)).roles, ['a', 'b'])
})

const token = host.assertion.sign(subject, app)
const [, claims] = token.split('.')
const hs = `${encode({ alg: 'HS256', typ: 'JWT', kid: keys[0]?.kid })}.${claims}`
const pem = createPublicKey({ key: keys[0]!, format: 'jwk' }).export({ format: 'pem', type: 'spki' })
const forged = {
  none: `${encode({ alg: 'none', typ: 'JWT' })}.${claims}.`,
  HS256: `${hs}.${createHmac('sha256', pem).update(hs).digest('base64url')}`,
  'unknown kid': `${encode({ alg: 'ES256', typ: 'JWT', kid: 'x' })}.${claims}.${token.split('.')[2]}`,
  jku: `${encode({ alg: 'ES256', typ: 'JWT', kid: keys[0]?.kid, jku: 'https://evil' })}.${claims}.${token.split('.')[2]}`,
  changed: `${token.split('.')[0]}.${encode({ ...decode(token), sub: 'bob' })}.${token.split('.')[2]}`,
  'other app': host.assertion.sign(subject, twin),
}

t.test('A10, A11 the Node sample refuses forged and foreign assertions', async (t) => {
  for (const [title, text] of Object.entries(forged)) t.throws(() => verifyAssertion(text, expected), title)
  t.throws(() => verifyAssertion(token, { ...expected, now: Date.now() + 200_000 }), 'expired')
})

/** An hour old, and otherwise good. */
const expired = (() => {
  const realNow = Date.now
  Date.now = () => realNow() - 3_600_000
  try {
    return host.assertion.sign({ ...subject, sessionId: 'an hour ago' }, app)
  } finally {
    Date.now = realNow
  }
})()
type Check = Pick<typeof t, 'equal' | 'match'>

/** Runs a sample with keys and assertion as its input: 0 and the claims, or 1. */
function run(command: string, args: readonly string[], text: string, from = keys) {
  return spawnSync(command, [...args, host.url, app.uri, app.name], {
    input: JSON.stringify({ keys: from, assertion: text }),
    encoding: 'utf8',
    timeout: 120_000,
  })
}

/** The same verdicts as the sample in Node. */
function agrees(t: Check, command: string, args: readonly string[]) {
  const good = run(command, args, token)
  t.equal(good.status, 0, good.stderr)
  t.equal(JSON.parse(good.stdout).sub, 'alice@example.com')
  for (const [title, text] of Object.entries({ ...forged, expired, garbage: 'x', empty: '' })) {
    const { status, stderr } = run(command, args, text)
    t.equal(status, 1, title)
    t.match(stderr, 'refused', title)
  }
  t.equal(run(command, args, token, []).status, 1, 'no key')
}

const missing = (command: string, ...args: string[]) =>
  spawnSync(command, args).status === 0 ? false : `${command} is not installed`

t.test(
  'A10, A11 the Python sample refuses them too (needs python3 and openssl)',
  { skip: missing('python3', '--version') || missing('openssl', 'version') },
  async (t) => agrees(t, 'python3', ['examples/verify-assertion/python/verify_assertion.py']),
)

t.test(
  'A10, A11 the Go sample refuses them too (needs go)',
  { skip: missing('go', 'version') },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'mezite-go-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    const program = join(dir, 'verify')
    const built = spawnSync('go', ['build', '-o', program, './cmd/verify'], {
      cwd: 'examples/verify-assertion/go',
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOPROXY: 'off' },
    })
    t.equal(built.status, 0, built.stderr)
    agrees(t, program, [])
  },
)

t.test('a request takes microseconds', async (t) => {
  const cost = (count: number, call: () => unknown) => {
    for (let i = 0; i < count; i++) call()
    const watch = startStopwatch()
    for (let i = 0; i < count; i++) call()
    return (watch.took() * 1_000) / count
  }
  const cached = cost(20_000, () => host.assertion.sign(subject, app))
  let session = 0
  const anew = cost(500, () => host.assertion.sign({ ...subject, sessionId: String(session++) }, app))
  t.comment(`cached ${cached.toFixed(2)} µs, signed anew ${anew.toFixed(0)} µs`)
  t.ok(cached < 100, `cached ${cached} µs`)
  t.ok(anew < 10_000, `anew ${anew} µs`)
})
