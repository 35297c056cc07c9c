// together: sign-in
/** What a provider says while a session lasts: asked again with refresh tokens, or pushed as security events. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTestAgent, createTestHub, FakeIssuer, fakeClock, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
const MINUTE_MS = 60_000

const issuer = await FakeIssuer.start()
const clock = fakeClock()
issuer.now = clock.now
// A clock that leaps makes the view of locks old at once; here only the provider may end streams.
const hub = await createTestHub({ clock, config: { sessions: { stream_staleness: '1h' } } })
const agent = await createTestAgent(hub, { transports: ['http2'] })
/** `/stream` never ends. */
const server = createServer(({ url }, response) => {
  if (url === '/stream') response.write('first\n')
  else response.end()
})
await once(server.listen(0, '127.0.0.1'), 'listening')
t.teardown(async () => {
  server.close()
  server.closeAllConnections()
  await agent.stop()
  await Promise.all([hub.stop(), issuer.close()])
})
await hub.api('PUT', '/apps/live', {
  kind: 'app',
  version: 'v1',
  metadata: { name: 'live' },
  spec: { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, agents: ['node-1'] },
})

const connector = (spec: object) => ({
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: {
    ...issuer.spec,
    scopes: ['openid', 'email', 'groups', 'offline_access'],
    claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: ['access'] }],
    ...spec,
  },
})
await hub.api('PUT', '/connectors/sso', connector({ recheck: '10m', recheck_grace: '1h' }))

async function signIn(name: string): Promise<Visitor> {
  issuer.person = { ...person(name), groups: ['platform-team'] }
  const visitor = hub.visitor()
  t.equal((await visitor.open(`${hub.url}/`)).status, 200, `${name} signs in`)
  return visitor
}
const person = (name: string) => ({ sub: `${name}-1`, email: `${name}@example.com`, email_verified: true })
const isSignedIn = async (visitor: Visitor) =>
  (await visitor.fetch(`${hub.url}/v1/webapi/me/apps`, { headers: { accept: 'application/json' } }))
    .status === 200
/** A response of the app that is open; resolves once it has begun. */
async function openStream(visitor: Visitor): Promise<{ readonly ended: boolean }> {
  await visitor.open(`${hub.appUrl('live')}/`)
  const stream = await visitor.stream(`${hub.appUrl('live')}/stream`)
  t.equal(stream.statusCode, 200)
  const state = { ended: false }
  stream.on('error', () => {})
  stream.on('close', () => {
    state.ended = true
  })
  await once(stream, 'data')
  return state
}
const pass = async (ms: number) => {
  clock.advance(ms)
  await hub.ready()
}
const rolesOf = async (name: string) =>
  (await hub.api<{ mapped_roles: string[] }>('GET', `/users/${encodeURIComponent(`${name}@example.com`)}`))
    .mapped_roles
const asked = () => issuer.asked.get('/token') ?? 0

t.test('the connector’s durations are checked', async (t) => {
  for (const [spec, message] of [
    [{ recheck: 'often' }, /"often" is not a duration/],
    [{ recheck: '5s' }, /must be at least 1m/],
    [{ recheck_grace: '1h' }, /has no effect without recheck/],
  ] as const)
    await t.rejects(hub.api('PUT', '/connectors/sso', connector(spec)), message)
})

t.test('changed claims change roles while the session lasts', async (t) => {
  const alice = await signIn('alice')
  t.strictSame(await rolesOf('alice'), ['access'])
  issuer.person = { ...person('alice'), groups: [] }
  await pass(12 * MINUTE_MS)
  await until(async () => (await rolesOf('alice')).length === 0, 'the role is gone')
  t.ok(await isSignedIn(alice), 'the session goes on')
  issuer.person = { ...person('alice'), groups: ['platform-team'] }
  await pass(12 * MINUTE_MS)
  await until(
    async () => (await rolesOf('alice')).length === 1,
    'the role is back, with the next refresh token',
  )
})

t.test('T222 a person who is disabled at the provider loses the session at the next check', async (t) => {
  const bob = await signIn('bob')
  issuer.misbehave.token = (_authorization, form) =>
    form.get('grant_type') === 'refresh_token' ? { status: 400, body: { error: 'invalid_grant' } } : undefined
  t.teardown(() => {
    issuer.misbehave = {}
  })
  const stream = await openStream(bob)
  await pass(5 * MINUTE_MS)
  t.ok(await isSignedIn(bob), 'not before the interval has passed')
  t.notOk(stream.ended)
  await pass(7 * MINUTE_MS)
  const began = performance.now()
  await until(async () => !(await isSignedIn(bob)), 'the session has ended')
  await until(() => stream.ended, 'a stream that was open is cut')
  t.comment(`cut ${Math.round(performance.now() - began)} ms after the check was due (limit: 60 s)`)
  const find = () => hub.api<{ end_reason: string }[]>('GET', '/audit?type=session.revoked')
  await until(
    async () => (await find()).some((event) => event.end_reason === 'provider_refused'),
    'the audit says why',
  )
})

t.test('T222 a provider that is down ends no session before the grace', async (t) => {
  const carol = await signIn('carol')
  issuer.misbehave.token = (_authorization, form) =>
    form.get('grant_type') === 'refresh_token'
      ? { status: 503, body: { error: 'temporarily_unavailable' } }
      : undefined
  t.teardown(() => {
    issuer.misbehave = {}
  })
  let before = asked()
  await pass(12 * MINUTE_MS)
  await until(() => asked() > before, 'the provider was asked')
  t.ok(await isSignedIn(carol))
  before = asked()
  await pass(40 * MINUTE_MS)
  await until(() => asked() > before, 'the provider was asked again')
  t.ok(await isSignedIn(carol), 'within the grace')
  await pass(30 * MINUTE_MS)
  await until(async () => !(await isSignedIn(carol)), 'the grace has passed')
})

t.test('a pushed security event of the provider ends the sessions of its subject', async (t) => {
  const [dora, erin] = [await signIn('dora'), await signIn('erin')]
  const now = () => Math.floor(clock.now() / 1_000)
  const claims = (jti: string, more: object = {}) => ({
    iss: issuer.url,
    aud: issuer.clientId,
    iat: now(),
    jti,
    sub_id: { format: 'iss_sub', iss: issuer.url, sub: 'dora-1' },
    events: { [CAEP]: { event_timestamp: now() } },
    ...more,
  })
  const push = async (token: string, type = 'application/secevent+jwt') =>
    hub.visitor().fetch(`${hub.url}/v1/webapi/oidc/security-events/sso`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: token,
    })
  const set = (jti: string, more: object = {}, header: object = {}) =>
    issuer.sign(claims(jti, more), { typ: 'secevent+jwt', ...header })
  for (const [what, token] of [
    ['of another type', issuer.sign(claims('1'))],
    ['for another audience', set('2', { aud: 'other' })],
    ['of another issuer', set('3', { iss: 'https://evil.example' })],
    [
      'without a subject of this issuer',
      set('4', { sub_id: { format: 'iss_sub', iss: 'https://x.example', sub: 'dora-1' } }),
    ],
    ['of more than a week ago', set('9', { iat: now() - 7 * 86_400 - 90 })],
    ['of the future', set('10', { iat: now() + 600 })],
    ['unsigned', set('5').replace(/\.[^.]*$/, '.')],
    ['no token', 'hello'],
  ] as const)
    t.equal((await push(token)).status, 400, what)
  t.equal((await push(set('6'), 'application/json')).status >= 400, true, 'of another content type')
  t.equal(
    (await push(set('7', { events: { 'https://example.com/other': {} } }))).status,
    202,
    'another event',
  )
  t.ok(await isSignedIn(dora))
  const [hers, others] = [await openStream(dora), await openStream(erin)]
  const began = performance.now()
  t.equal((await push(set('8'))).status, 202)
  t.notOk(await isSignedIn(dora))
  await until(() => hers.ended, 'a stream that was open is cut')
  t.comment(`cut ${Math.round(performance.now() - began)} ms after the push`)
  t.notOk(others.ended)
  t.ok(await isSignedIn(erin), 'others stay')
  t.equal((await push(set('11', { iat: now() - 7 * 86_400 + 90, events: {} }))).status, 202, 'within a week')
  const again = await signIn('dora')
  t.equal((await push(set('8'))).status, 202, 'a repeated event is acknowledged')
  t.ok(await isSignedIn(again), 'and does nothing')
})

t.test('a connector that is removed while its provider is asked gives no role back', async (t) => {
  await signIn('fred')
  const held: ServerResponse[] = []
  issuer.misbehave.takeOver = (path, response) => path === '/userinfo' && held.push(response) > 0
  t.teardown(() => {
    issuer.misbehave = {}
  })
  await pass(12 * MINUTE_MS)
  await until(() => held.length > 0, 'the provider is asked about everybody who is signed in')
  await hub.api('DELETE', '/connectors/sso')
  t.strictSame(await rolesOf('fred'), [], 'the removal drops the role')
  const answer = () => {
    for (const response of held)
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ ...person('fred'), groups: ['platform-team'] }))
  }
  issuer.misbehave = {}
  answer()

  // The next run of the job begins when this one has ended.
  await hub.api('PUT', '/connectors/sso', connector({ recheck: '10m' }))
  await signIn('gina')
  const before = asked()
  await pass(12 * MINUTE_MS)
  await until(() => asked() > before, 'the provider is asked about somebody else')
  t.strictSame(await rolesOf('fred'), [], 'the late answer does not restore it')
})
