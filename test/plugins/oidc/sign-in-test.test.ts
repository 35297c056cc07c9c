// together: sign-in
/** An administrator tests a sign-in: claims and roles are shown, and nobody is signed in. */

import { createTestHub, FakeIssuer, fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { until } from '../../until.ts'

const issuer = await FakeIssuer.start()
const clock = fakeClock()
const hub = await createTestHub({ clock })
t.teardown(async () => {
  await hub.stop()
  await issuer.close()
})
const admin = { sub: 'root-1', email: 'root@example.com', email_verified: true }
const carol = { sub: 'carol-1', email: 'carol@example.com', email_verified: true, groups: ['platform-team'] }
await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso' },
  spec: {
    ...issuer.spec,
    claims_to_roles: [
      { claim: 'groups', value: 'platform-team', roles: ['platform'] },
      { claim: 'groups', value: 'other-team', roles: ['other'] },
    ],
  },
})
await hub.api('POST', '/users', { name: admin.email, roles: ['admin'] })
const url = `${hub.url}/web/oidc/test/sso`

async function signedIn(person: Record<string, unknown>) {
  issuer.person = { ...person }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  return visitor
}
const sessions = async () => (await hub.api<unknown[]>('GET', '/sessions')).length
const visitor = await signedIn(admin)
const tested = async (at: number) => {
  type Event = { success: boolean; reason: string | null; user: string; name: string }
  let events: Event[] = []
  await until(async () => {
    events = await hub.api('GET', '/audit?type=connector.tested')
    return events.length > at
  }, 'the test is in the audit')
  return events[at]
}

t.test('the test shows claims, rules and roles, and changes nothing', async (t) => {
  const before = await sessions()
  issuer.person = { ...carol, nickname: '<b>Caro</b>' }
  const { status, text } = await visitor.open(url)
  t.equal(status, 200)
  for (const part of [
    /carol@example\.com/,
    /platform-team/,
    /Roles from claims<\/dt><dd>platform</,
    /&lt;b>Caro/,
  ])
    t.match(text, part)
  t.equal(await sessions(), before)
  const users = await hub.api<{ name: string }[]>('GET', '/users')
  t.strictSame(
    users.map(({ name }) => name),
    [admin.email],
  )
  t.match(await visitor.fetch(`${hub.url}/v1/webapi/me`), { status: 200, text: /root@example\.com/ })
  t.match(await tested(0), { success: true, reason: null, user: admin.email, name: 'sso' })
})

t.test('another account can be chosen, in German if the browser prefers it', async (t) => {
  const { text } = await visitor.open(`${url}?another=1`, { headers: { 'accept-language': 'de' } })
  t.match(text, 'Test einer Anmeldung')
  t.ok(issuer.authorizations.at(-1)?.get('prompt'))
})

t.test('the reason of a refusal is shown and recorded', async (t) => {
  issuer.person = { ...carol, email_verified: false }
  t.match((await visitor.open(url)).text, /verified/)
  issuer.person = { ...carol, sub: 'somebody-else', email: admin.email }
  t.match((await visitor.open(url)).text, /belongs to another person/)
  issuer.misbehave = {
    authorize: (parameters) => {
      parameters.delete('code')
      parameters.set('error', 'access_denied')
    },
  }
  const { text } = await visitor.open(url)
  issuer.misbehave = {}
  t.match(text, 'provider_refused')
  t.match(await tested(4), { success: false, reason: 'provider_refused' })
})

t.test('only an administrator can test, in the browser and session that began', async (t) => {
  const other = await signedIn(carol)
  t.equal((await other.open(url)).status, 403)
  t.equal((await hub.visitor().open(url)).status, 403, 'a stranger has to sign in first, here as carol')

  issuer.person = { ...carol }
  const toProvider = await visitor.fetch(url, {
    headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
  })
  const back = await visitor.fetch(toProvider.headers.location!)
  const callback = back.headers.location!
  const redeemed = issuer.asked.get('/token')
  t.equal((await hub.visitor().open(callback)).status, 400, 'another browser')

  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: admin.email } })
  t.equal((await visitor.open(callback)).status, 403, 'locked meanwhile')
  await hub.api('DELETE', `/locks/${lock.id}`)
  t.equal(issuer.asked.get('/token'), redeemed, 'the code was not redeemed')
})

t.test('a test that a newer session of the same administrator finishes is refused', async (t) => {
  issuer.person = { ...carol }
  const toProvider = await visitor.fetch(url, {
    headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
  })
  const callback = (await visitor.fetch(toProvider.headers.location!)).headers.location!
  issuer.person = { ...admin }
  t.equal((await visitor.open(`${hub.url}/web/login?connector=sso`)).status, 200)
  const redeemed = issuer.asked.get('/token')
  const refused = await visitor.open(callback)
  t.equal(refused.status, 403)
  t.match(refused.text, 'Your sign-in has changed since the test began')
  t.equal(issuer.asked.get('/token'), redeemed, 'the code was not redeemed')
})

t.test('an old sign-in must be renewed first', async (t) => {
  clock.jump(clock.now() + 11 * 60_000)
  await hub.ready()
  const { status, headers } = await visitor.fetch(url)
  t.equal(status, 303)
  t.match(headers.location, /^\/web\/login\?state=/)
})
