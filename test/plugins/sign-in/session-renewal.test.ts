// together: rooms
import { FakeIssuer, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { fakeApp, startSignInHost } from './sign-in-host.ts'

const MINUTE = 60_000
const host = await startSignInHost({ apps: [fakeApp('grafana')] })
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await host.close()
  await issuer.close()
})
await host.connect('sso', issuer.spec)
const launch = host.launch('grafana.apps.example.com', '/.mezite/renewed')
const renewal = `${launch}&renew=1`

/** Signed in, with a hub session that began and ends as told. */
async function signedIn(agoMs: number, leftMs: number) {
  const visitor = new Visitor()
  await visitor.open(`${host.url}/`)
  const [token, session] = [...host.byToken].at(-1)!
  host.byToken.set(token, { ...session, created: Date.now() - agoMs, expires: Date.now() + leftMs })
  return { visitor, id: session.id }
}

t.test('a hub session that is nearly over makes the person sign in again', async (t) => {
  for (const [agoMs, leftMs] of [
    [600 * MINUTE, 9 * MINUTE],
    [4 * MINUTE, MINUTE],
  ] as const) {
    const { visitor, id } = await signedIn(agoMs, leftMs)
    const asked = issuer.authorizations.length
    const issued = host.issued.length
    const away = await visitor.fetch(renewal)
    t.equal(away.status, 302)
    t.equal(away.headers['cache-control'], 'no-store')
    t.notMatch(away.headers.location, '.mezite/session')
    t.equal(host.issued.length, issued, 'no hand-over from the old session')
    t.ok(host.sessions.byId(id), 'which lives until the sign-in is done')
    let next = new URL(away.headers.location!, renewal).href
    while (!next.includes('/.mezite/session')) {
      const hop = await visitor.fetch(next, {
        headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' },
      })
      next = new URL(hop.headers.location!, next).href
    }
    t.equal(issuer.authorizations.length, asked + 1, 'the provider was asked')
    t.match(next, 'https://grafana.apps.example.com:3080/.mezite/session?code=')
    t.match(next, 'path=%2F.mezite%2Frenewed')
    t.notOk(host.sessions.byId(id))
    t.match(host.ended.at(-1), { id, reason: 'logout' })
    t.not(host.issued.at(-1).hubSession.id, id)
  }
})

t.test('a session with much time left is used unless a renewal is requested', async (t) => {
  const { visitor, id } = await signedIn(MINUTE, 4 * MINUTE)
  const asked = issuer.authorizations.length
  t.match((await visitor.fetch(renewal)).headers.location, '/.mezite/session?code=')
  t.equal(host.issued.at(-1).hubSession.id, id)
  const late = await signedIn(600 * MINUTE, MINUTE)
  t.match((await late.visitor.fetch(launch)).headers.location, '/.mezite/session?code=')
  t.match((await late.visitor.fetch(`${launch}&renew=1&renew=1`)).headers.location, '/.mezite/session?code=')
  t.equal(issuer.authorizations.length, asked + 1, 'only the second person has signed in')
})

t.test('the gate decides about a renewal like about every way in', async (t) => {
  const { visitor } = await signedIn(MINUTE, 60 * MINUTE)
  const { decision } = host.answers
  const issued = host.issued.length
  host.answers.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
  t.equal((await visitor.open(renewal)).status, 403)
  host.answers.decision = {
    effect: 'require',
    reason: 'session_mfa_required',
    roles: [],
    requirements: [{ name: 'session-mfa', level: 'webauthn' }],
  }
  t.match((await visitor.open(renewal)).text, 'session_mfa_required')
  t.equal(host.issued.length, issued)
  host.answers.decision = decision
  host.state.fresh = false
  t.equal((await visitor.open(renewal)).status, 503)
  host.state.fresh = true
  t.equal((await visitor.open(`${host.url}/web/launch?host=evil.test&path=/&nonce=x&renew=1`)).status, 400)
})
