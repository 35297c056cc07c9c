// together: rooms
/** The way into an app for somebody who is signed in: what stops it, and what goes along. */
import { Problem } from '@mezite/core'
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
const launch = host.launch('grafana.apps.example.com', '/x')
const visitor = new Visitor()
await visitor.open(`${host.url}/`)
const allow = host.answers.decision
const mark = { name: 'session-mfa', level: 'webauthn', at: 1, by: 'k' }

t.test('B26 the cookie of the hub is bound to its host and session, hidden from scripts', async (t) => {
  const arriving = new Visitor()
  let url = `${host.url}/`
  let line: string | undefined
  for (let hop = 0; hop < 8 && line === undefined; hop++) {
    const { headers } = await arriving.fetch(url)
    line = [headers['set-cookie'] ?? []].flat().find((one) => one.startsWith('__Host-mezite_session='))
    url = new URL(headers.location ?? '', url).href
  }
  const [, seconds] = /; Max-Age=(\d+); Path=\/; Secure; HttpOnly; SameSite=Lax$/.exec(line ?? '') ?? []
  t.ok(Number(seconds) > 43_100 && Number(seconds) <= 43_200, String(line))
  let touched = 0
  const { touch } = host.sessions
  host.sessions.touch = () => touched++
  await arriving.fetch(`${host.url}/`)
  t.equal(touched, 1, 'a visit counts as use of the session')
  host.sessions.touch = touch
  await host.sessions.end([...host.byToken.values()].map(({ id }) => id).slice(-1), 'revoked')
  const { headers } = await arriving.fetch(`${host.url}/`)
  t.match(
    String(headers['set-cookie']),
    '__Host-mezite_session=; Max-Age=0',
    'and goes when the session is over',
  )
})

t.test('B29 the hand-over is never cached, and not sent as a referrer', async (t) => {
  const { status, headers } = await visitor.fetch(launch)
  t.equal(status, 303)
  t.match(headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  const stranger = await new Visitor().fetch(launch)
  t.match(stranger, { status: 302, headers: { 'cache-control': 'no-store' } })
})

t.test('D64 only requirements of this app are passed on', async (t) => {
  const { subjectOf } = host.sessions
  host.sessions.subjectOf = (session: object) => ({
    ...subjectOf(session),
    satisfied: [{ ...mark, appId: 'other' }],
  })
  await visitor.fetch(launch)
  t.strictSame(host.issued.at(-1).satisfied, [])
  host.answers.decision = { ...allow, met: [mark] }
  await visitor.fetch(launch)
  t.strictSame(host.issued.at(-1).satisfied, [{ ...mark, appId: 'id-grafana' }])
  host.answers.decision = allow
  host.sessions.subjectOf = subjectOf
})

t.test('a launch fails if the user is gone or the event cannot be recorded', async (t) => {
  const issued = host.issued.length
  const { subjectOf } = host.sessions
  host.sessions.subjectOf = () => undefined
  for (const url of [launch, `${host.url}/`])
    t.match(await visitor.open(url), { status: 403, text: /user_unknown/ }, url)
  t.match(
    host.events.filter(({ reason, user }) => reason === 'user_unknown' && user === 'alice@example.com'),
    [{ type: 'request.failed', success: false, fields: { app: 'grafana' } }],
  )
  host.sessions.subjectOf = subjectOf
  host.audit.accepting = false
  t.match(await visitor.open(launch), { status: 503, text: /audit_unavailable/ })
  const sessions = host.byToken.size
  t.match(await new Visitor().open(`${host.url}/`), { status: 503, text: /audit_unavailable/ })
  t.equal(host.byToken.size, sessions, 'nor is anybody signed in')
  host.audit.accepting = true
  t.equal(host.issued.length, issued)
})

t.test('a requirement without a page to meet it refuses, whatever its name is', async (t) => {
  const issued = host.issued.length
  for (const requirements of [[{ name: 'constructor' }], [{ name: 'office' }], []]) {
    host.answers.decision = { ...allow, effect: 'require', reason: 'no_way', requirements }
    const before = host.events.length
    t.match(await visitor.open(launch), { status: 403, text: /no_way/ })
    t.match(host.events.at(-1), { type: 'access.denied', reason: 'no_way', user: 'alice@example.com' })
    t.equal(host.events.length, before + 1, 'one denial is one record')
  }
  host.answers.decision = allow
  t.equal(host.issued.length, issued)
})

t.test(
  'the page for command lines accepts whole requests, shows plain text, and names the person',
  async (t) => {
    const challenge = 'c'.repeat(43)
    const page = (fields: object) =>
      visitor.open(
        `${host.url}/web/cli?${new URLSearchParams({ challenge, redirect_port: '45678', ...fields })}`,
      )
    for (const wrong of [
      ...[
        { redirect_port: '80' },
        { redirect_port: '65536' },
        { redirect_port: '1e4.5' },
        { redirect_port: '' },
      ],
      ...[{ challenge: 'short' }, { challenge: `${'c'.repeat(42)}!` }],
    ])
      t.match(await page(wrong), { status: 400, text: /bad_cli_login/ }, JSON.stringify(wrong))
    for (const redirect_port of ['1024', '65535']) t.equal((await page({ redirect_port })).status, 200)
    const shown = await page({ host: `lap\u202etop\n${'x'.repeat(100)}`, program: 'rm -rf' })
    t.match(shown.text, `Allow msh on lap?top?${'x'.repeat(56)}?`)
    t.match((await page({ program: 'mezctl' })).text, 'Allow mezctl on an unnamed machine?')
    const body = new URLSearchParams({ challenge, redirect_port: '45678' }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: host.url }
    const post = (more: Record<string, string>) =>
      new Visitor().fetch(`${host.url}/web/cli`, { method: 'POST', headers: more, body })
    t.match(await post(headers), { status: 401, text: /login_required/ })
    const { origin: _, ...nameless } = headers
    t.match(
      await post(nameless),
      { status: 403, text: /csrf/ },
      'a form that does not say where it comes from',
    )
  },
)

t.test(
  'a sign-in at a failing provider shows the error, and a failing provider does not prevent signing out',
  async (t) => {
    const [method] = host.methods
    const { begin } = method!
    const away = () => Promise.reject(new Problem(503, 'sign_in_unavailable', 'The provider is away.'))
    Object.assign(method!, { begin: away })
    const lost = await new Visitor().open(`${host.url}/web/login?connector=sso`)
    t.match(lost, { status: 503, text: /sign_in_unavailable/ })
    Object.assign(method!, { begin })
    host.methods.length = 0
    host.methods.push({
      ...method!,
      signOut: () => Promise.reject(new Error('no provider')),
    })
    const leaving = new Visitor()
    await leaving.open(`${host.url}/`)
    const out = await leaving.submit(await leaving.fetch(`${host.url}/web/logout`), /logout/)
    t.match(out.text, /signed out/i)
    t.match(host.ended.at(-1), { reason: 'logout' })
    t.match(leaving.cookies(new URL(host.url).host) ?? '', /^(?!.*mezite_session=\w)/)
  },
)

t.test(
  'a browser keeps the fragment before a sign-in and restores it afterwards; others are redirected',
  async (t) => {
    const browser = {
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'upgrade-insecure-requests': '1',
    }
    const stranger = new Visitor()
    t.equal((await stranger.fetch(launch)).status, 302, 'no browser')
    const kept = await stranger.fetch(launch, { headers: browser })
    t.equal(kept.status, 200)
    t.match(kept.text, /data-keep="[^"]+&amp;fragment="/)
    t.notMatch(kept.text, /<script>|javascript:/)
    t.equal((await stranger.fetch(`${launch}&fragment=0`, { headers: browser })).status, 302)
    const signedIn = await stranger.open(`${launch}&fragment=1`)
    const restored = /data-restore="([^"]+)"/.exec(signedIn.text)?.[1] ?? ''
    t.equal(new URL(restored).host.split(':')[0], 'grafana.apps.example.com', 'the target is the app alone')
    const direct = await stranger.fetch(launch, { headers: browser })
    t.equal(direct.status, 303, 'with a session the redirect carries it')
  },
)
