// together: rooms
import { FakeIssuer, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { fakeApp, startSignInHost } from './sign-in-host.ts'

const host = await startSignInHost({ apps: [fakeApp('grafana')] })
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await host.close()
  await issuer.close()
})
await host.connect('sso', issuer.spec)
const page = `${host.url}/web/sessions`

const post = (visitor: Visitor, path: string, body: string, origin: string | null = host.url) =>
  visitor.fetch(page + path, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(origin === null ? {} : { origin }),
    },
  })
const isLive = (id: string) => host.sessions.byId(id) !== undefined
/** Signed in, with the hub session and one at an app that hangs on it. */
async function signedIn() {
  const visitor = new Visitor()
  await visitor.open(`${host.url}/`)
  const [, hub] = [...host.byToken].at(-1)!
  const more = { user: hub.user, clientIp: '192.0.2.1', lastUsed: Date.now() }
  const { session: app } = await host.sessions.open({
    ...more,
    kind: 'app',
    appId: 'id-grafana',
    parentId: hub.id,
  })
  const { session: other } = await host.sessions.open({ ...more, kind: 'cert', clientIp: '198.51.100.7' })
  for (const one of [hub, app, other]) Object.assign(one, { created: Date.now(), lastUsed: Date.now() })
  return { visitor, hub, app, other }
}

t.test('a person sees their own sessions, and only those', async (t) => {
  const { visitor, hub, app, other } = await signedIn()
  const { session: stranger } = await host.sessions.open({
    kind: 'hub',
    user: 'mallory',
    clientIp: '203.0.113.9',
    lastUsed: 0,
  })
  const shown = await visitor.open(page)
  t.equal(shown.status, 200)
  t.equal(shown.headers['cache-control'], 'no-store')
  for (const { id } of [hub, app, other]) t.match(shown.text, id)
  t.match(shown.text, 'grafana')
  t.match(shown.text, '198.51.100.7')
  t.match(shown.text, '2 open connections')
  t.notMatch(shown.text, stranger.id)
  t.match((await visitor.open(`${host.url}/`)).text, 'href="/web/account"')
  const { headers } = await new Visitor().fetch(page)
  t.match(headers.location, '/web/login?state=', 'who is not signed in, signs in')
})

t.test('E77 nobody can end the session of another person, or end one through a foreign page', async (t) => {
  const { visitor, app } = await signedIn()
  const { session: stranger } = await host.sessions.open({
    kind: 'hub',
    user: 'mallory',
    clientIp: '203.0.113.9',
    lastUsed: 0,
  })
  t.equal((await post(visitor, '/end', `id=${stranger.id}`)).status, 404)
  t.equal((await post(visitor, '/end', 'id=none')).status, 404)
  for (const origin of [null, 'null', 'https://grafana.apps.example.com']) {
    t.equal((await post(visitor, '/end', `id=${app.id}`, origin)).status, 403, String(origin))
    t.equal((await post(visitor, '/end-others', '', origin)).status, 403, String(origin))
  }
  t.ok(isLive(stranger.id))
  t.ok(isLive(app.id))
  await post(visitor, '/end-others', '')
  t.ok(isLive(stranger.id), 'all others are all others of this person')
})

t.test(
  'signing out everywhere ends every sign-in and every login of msh, and lists them first',
  async (t) => {
    const { visitor, hub, app, other } = await signedIn()
    const { session: stranger } = await host.sessions.open({
      kind: 'hub',
      user: 'mallory',
      clientIp: '203.0.113.9',
      lastUsed: 0,
    })
    const elsewhere = await signedIn()
    const shown = await visitor.open(`${host.url}/web/logout`)
    t.match(shown.text, 'logins of msh')
    t.match(shown.text, 'other sign-in')
    const left = await visitor.submit(shown, /\/web\/logout/)
    t.match(left.text, /signed out/i)
    for (const { id } of [hub, app, other, elsewhere.hub, elsewhere.other]) t.notOk(isLive(id))
    t.ok(isLive(stranger.id))
  },
)

t.test(
  '"End" ends one session, "End all others" unused ones, and ending the own one signs out',
  async (t) => {
    const { visitor, hub, app, other } = await signedIn()
    t.equal((await post(visitor, '/end', `id=${app.id}`)).status, 303)
    t.notOk(isLive(app.id))
    t.ok(isLive(other.id))
    t.equal((await post(visitor, '/end-others', '')).status, 303)
    t.notOk(isLive(other.id))
    t.ok(isLive(hub.id))
    const left = await post(visitor, '/end', `id=${hub.id}`)
    t.match(left.headers.location, '/web/signed-out')
    t.match(String(left.headers['set-cookie']), 'Max-Age=0')
    t.match(host.ended.at(-1), { id: hub.id, reason: 'logout' })
  },
)
