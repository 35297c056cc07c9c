// together: rooms
/** OpenID Connect Back-Channel Logout: what a provider may say, and what ends by it. */
import { FakeIssuer, Visitor } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { startSignInHost } from '../sign-in/sign-in-host.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const host = await startSignInHost()
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await host.close()
  await issuer.close()
})
await host.connect('sso', issuer.spec)

let count = 0
/** A good token; each has an id of its own. */
function claims(more: object = {}) {
  const now = Math.floor(Date.now() / 1_000)
  const times = { iat: now, exp: now + 3_600 }
  return { iss: issuer.url, aud: 'mezite', ...times, jti: `j${++count}`, events: { [EVENT]: {} }, ...more }
}
async function send(claims: object, header: object = { typ: 'logout+jwt' }, connector = 'sso') {
  const body = new URLSearchParams({ logout_token: issuer.sign({ ...claims }, { ...header }) })
  const answer = await post(body, connector)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  return answer.status
}
const post = (body: URLSearchParams, connector = 'sso') =>
  fetch(`${host.url}/v1/webapi/oidc/backchannel-logout/${connector}`, { method: 'POST', body })

/** Signs in, and tells whether that session lives. */
async function signIn(t: Test, sub: string, sid: string) {
  issuer.person = { sub, email: `${sub}@example.com`, email_verified: true }
  issuer.misbehave = { idToken: (claims) => void Object.assign(claims, { sid }) }
  const visitor = new Visitor()
  const page = await visitor.open(`${host.url}/web/login?connector=sso`)
  issuer.misbehave = {}
  t.equal(page.status, 200)
  return async () => (await visitor.fetch(`${host.url}/`)).text.includes(`${sub}@example.com`)
}

t.test('a logout token that violates the specification ends nothing', async (t) => {
  const lives = await signIn(t, 'ann', 'the-sid')
  const now = Math.floor(Date.now() / 1_000)
  for (const wrong of [
    { nonce: 'x' },
    ...[{ events: {} }, { events: null }, { events: EVENT }, { events: { [EVENT]: true } }],
    ...[{ iss: 'https://other' }, { aud: 'other' }],
    ...[{ iat: now - 3_600 }, { iat: now + 600 }, { iat: undefined }, { exp: now - 600 }],
    ...[{ jti: undefined }, { sid: undefined }, { sid: null }, { sid: 7 }, { sub: ['ann'] }],
  ])
    t.equal(await send(claims({ sid: 'the-sid', ...wrong })), 400, JSON.stringify(wrong))
  const good = claims({ sid: 'the-sid' })
  for (const typ of ['at+jwt', undefined, '', 7, ['JWT'], 'logout+jwt ']) {
    t.equal(await send(good, { typ }), 400, `typ ${JSON.stringify(typ)}`)
  }
  t.equal(await send(good, { typ: 'logout+jwt', alg: 'PS256' }), 400, 'a signature that is not announced')
  t.equal(await send(good, undefined, 'unknown'), 400)
  t.equal((await post(new URLSearchParams())).status, 400, 'no token')
  t.ok(await lives())
})

t.test('a logout token ends the sessions of its sid, once', async (t) => {
  const [lives, other] = [await signIn(t, 'bo', 'first'), await signIn(t, 'bo', 'second')]
  const good = claims({ sid: 'first' })
  const { end } = host.sessions
  host.sessions.end = () => Promise.reject(new Error('the database is away'))
  t.equal(await send(good), 400, 'what could not be done')
  host.sessions.end = end
  t.equal(await send(good), 200, 'may be asked again')
  t.notOk(await lives())
  t.ok(await other(), 'another session of the same person goes on')
  t.equal(await send(good), 400, 'jti once')
  for (const typ of ['JWT', 'Logout+JWT']) t.equal(await send(claims({ sid: 'x' }), { typ }), 200, typ)
})

t.test('a logout token without a sid ends all sessions of its sub, and those of nobody else', async (t) => {
  const all = [await signIn(t, 'cleo', 'one'), await signIn(t, 'cleo', 'two')]
  const other = await signIn(t, 'dora', 'one')
  t.equal(await send(claims({ sub: 'dora', sid: 'two' })), 200, 'a sid of somebody else')
  t.ok(await all[1]?.())
  t.equal(await send(claims({ sub: 'cleo', sid: null })), 200)
  for (const lives of all) t.notOk(await lives())
  t.ok(await other())
})

t.test('a connector cannot end sessions of another', async (t) => {
  await host.connect('twin', issuer.spec)
  const lives = await signIn(t, 'eve', 'shared')
  const twice = claims({ sid: 'shared' })
  t.equal(await send(twice, undefined, 'twin'), 200)
  t.ok(await lives(), 'the session is of the other one')
  t.equal(await send(twice), 200, 'which takes the same id')
  t.notOk(await lives())
})

t.test('a logout token is remembered as long as it is valid', async (t) => {
  const realNow = Date.now
  t.teardown(() => {
    Date.now = realNow
  })
  const early = claims({ sid: 'x', iat: Math.floor(realNow() / 1_000) + 50 })
  t.equal(await send(early), 200)
  Date.now = () => realNow() + 680_000
  t.equal(await send(claims({ sid: 'x' })), 200, 'by now the old ones are swept away')
  t.equal(await send(early), 400, 'not those that are young enough')
})
