import { createHash, randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Session } from '@mezite/core'
import { FakeIssuer, fakeClock, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { safePath } from '../../../core/api/local-path.ts'
import { handoverBusy } from '../../../core/gate/sessions/session-ticket.ts'
import { createSignInRate } from '../../../core/web/desk/sign-in-rate.ts'
import { fakeApp, startSignInHost } from './sign-in-host.ts'

const nasty = '<img src=x onerror=alert(1)>'
// Its clock stands still: what a test has used up does not come back while it looks.
const host = await startSignInHost({
  rate: createSignInRate(fakeClock()),
  apps: [
    fakeApp('grafana', { description: nasty, labels: { team: nasty } }),
    fakeApp('off', { enabled: false }),
    fakeApp('redis', { protocol: 'tcp', uri: 'tcp://10.0.0.1:6379' }),
  ],
})
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await host.close()
  await issuer.close()
})
const launch = host.launch('grafana.apps.example.com', '/x')

t.test('a hub without a sign-in method returns 503 with the reason', async (t) => {
  const answer = await new Visitor().open(launch)
  t.equal(answer.status, 503)
  t.match(answer.text, 'sign_in_unavailable')
})

t.test('a person signs in', async (t) => {
  const connected = await host.connect('sso', issuer.spec)
  t.equal(connected.status, 201)

  async function signIn(visitor = new Visitor()) {
    const page = await visitor.open(`${host.url}/`)
    t.equal(page.status, 200)
    return { visitor, page }
  }

  t.test('B19 the session id changes at each sign-in, and the old session ends', async (t) => {
    const { visitor } = await signIn()
    const cookieHost = new URL(host.url).host
    const before = visitor.cookies(cookieHost)
    const again = await visitor.open(`${host.url}/web/login?connector=sso`)
    t.equal(again.status, 200)
    t.not(visitor.cookies(cookieHost), before)
    t.match(host.ended.at(-1), { reason: 'logout' })
  })

  t.test('150, 151 the home page is escaped, private and under a strict policy', async (t) => {
    const { page } = await signIn()
    t.notMatch(page.text, '<img')
    t.notMatch(page.text, /<script(?! defer src="\/web\/assets\/)/)
    t.match(page.text, '&lt;img')
    t.match(page.text, 'href="https://grafana.apps.example.com:3080/"')
    t.equal(page.headers['cache-control'], 'no-store')
  })

  t.test('the first of unknown 404, denied 403, requirement and disabled 503 is the response', async (t) => {
    const { visitor } = await signIn()
    const open = (name: string) => visitor.open(host.launch(`${name}.apps.example.com`))
    t.equal((await open('nothing')).status, 404)
    host.answers.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
    t.equal((await open('off')).status, 403)
    t.match(host.events.at(-1), { type: 'access.denied', reason: 'role_missing', fields: { app: 'off' } })
    t.match((await open('off')).text, 'ask an administrator for access')
    host.answers.decision = { ...host.answers.decision, reason: 'outside_office_hours' }
    const { text } = await open('off')
    t.match(text, 'outside_office_hours')
    t.notMatch(text, 'for access', 'asking does not help where a policy denies')
    host.answers.decision = { ...host.answers.decision, reason: 'locked', message: 'Call <b>4711' }
    t.match((await open('off')).text, /Your access is locked[\s\S]*locked out of off\. Call &lt;b>4711/)
    const german = { headers: { 'accept-language': 'de', accept: 'text/html' } }
    const denied = await visitor.open(host.launch('off.apps.example.com'), german)
    t.match(denied.text, /Ihr Zugang ist gesperrt[\s\S]*ist für off gesperrt\. Call &lt;b>4711/)
    const unknown = await visitor.open(host.launch('nothing.apps.example.com'), german)
    t.match(unknown.text, 'Unter dieser Adresse gibt es keine Anwendung')
    const requirement = { name: 'session-mfa', level: 'webauthn', freshnessMs: 0 }
    host.answers.decision = {
      effect: 'require',
      reason: 'session_mfa_required',
      roles: ['r'],
      requirements: [requirement],
    }
    const terminal = await open('redis')
    t.equal(terminal.status, 404, 'no session is made for what no browser speaks to')
    t.match(terminal.text, 'msh app login redis')
    const refused = await open('grafana')
    t.equal(refused.status, 403)
    t.match(refused.text, 'session_mfa_required')
    host.answers.decision = { effect: 'allow', reason: '', roles: [], requirements: [] }
    t.equal((await open('off')).status, 503)
    host.state.fresh = false
    const stale = await open('grafana')
    host.state.fresh = true
    t.equal(stale.status, 503)
    t.equal(stale.headers['retry-after'], '2')
  })

  t.test(
    'known and unknown hosts get the same response before sign-in, and others are refused',
    async (t) => {
      const first = await new Visitor().fetch(launch)
      const second = await new Visitor().fetch(host.launch('nothing.apps.example.com', '/x'))
      t.equal(first.status, second.status)
      t.equal(
        first.headers.location?.length,
        (second.headers.location?.length ?? 0) + 'grafana'.length - 'nothing'.length,
      )
      for (const name of [
        'evil.com',
        'apps.example.com',
        'x.apps.example.com.evil.com',
        'a@b.apps.example.com',
        '',
      ]) {
        t.equal((await new Visitor().fetch(host.launch(name))).status, 400, name)
      }
      t.equal((await new Visitor().fetch(host.launch('grafana.apps.example.com', '/', 'short'))).status, 400)
    },
  )

  t.test('B32 a GET or a foreign POST signs nobody out, and a click on the own page does', async (t) => {
    const { visitor } = await signIn()
    const page = await visitor.fetch(`${host.url}/web/logout`)
    for (const origin of [undefined, 'null', 'https://evil.apps.example.com']) {
      const headers: Record<string, string> = origin === undefined ? {} : { origin }
      t.equal((await visitor.fetch(`${host.url}/web/logout`, { method: 'POST', headers })).status, 403)
    }
    t.equal((await visitor.fetch(`${host.url}/`)).status, 200)
    await visitor.submit(page, /logout/)
    t.equal((await visitor.fetch(`${host.url}/`)).status, 302)
  })

  t.test('B34 a browser keeps at most eight attempts, and the hub none', async (t) => {
    const visitor = new Visitor()
    const count = async () =>
      JSON.stringify(await host.database.selectFrom('oidc_spent').selectAll().execute()).length +
      host.byToken.size
    const before = await count()
    for (let i = 0; i < 12; i++) {
      const first = await visitor.fetch(launch)
      await visitor.fetch(first.headers.location!)
    }
    t.equal(visitor.cookies(new URL(host.url).host)?.split('; ').length, 8)
    t.equal(await count(), before)
  })

  t.test('B34 5,000 visits of strangers leave no row and no memory', async (t) => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const rows = async () => {
      const tables = ['oidc_spent', 'oidc_logins', 'sign_in_cli_codes'] as const
      const found = await Promise.all(
        tables.map((table) => host.database.selectFrom(table).selectAll().execute()),
      )
      return found.flat().length + host.byToken.size + host.events.length
    }
    const logged = host.logs.length
    const visit = async () => {
      const first = await host.server.inject({ url: launch.slice(host.url.length) })
      const target = String(first.headers.location).slice(host.url.length)
      return (await host.server.inject({ url: target })).statusCode
    }
    const many = async (count: number) => {
      for (let done = 0; done < count; done += 50) await Promise.all(Array.from({ length: 50 }, visit))
      collect()
      return process.memoryUsage().heapUsed
    }
    t.equal(await visit(), 302)
    const before = await rows()
    const warm = await many(1_000)
    const grown = (await many(4_000)) - warm
    t.equal(await rows(), before)
    t.equal(host.logs.length, logged)
    t.ok(grown < 4 << 20, `${grown} bytes more after 4,000 visits`)
  })

  t.test('B37 a changed, foreign or expired state is refused', async (t) => {
    const { visitor } = await signIn()
    for (const state of ['', 'x', 'A'.repeat(200)]) {
      t.equal((await visitor.fetch(`${host.url}/web/continue?state=${state}`)).status, 400)
    }
  })

  t.test('a click admits a command line once, with its verifier', async (t) => {
    const verifier = randomBytes(32).toString('base64url')
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const visitor = new Visitor()
    const url = `${host.url}/web/cli?challenge=${challenge}&redirect_port=45678&host=laptop%3Cb%3E`
    const page = await visitor.open(url)
    t.match(page.text, 'Allow msh on laptop&lt;b>?')
    t.match(page.headers['content-security-policy'], "form-action 'self' http://127.0.0.1:45678")
    const body = new URLSearchParams({ challenge, redirect_port: '45678', host: 'laptop' }).toString()
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const click = (origin: string) =>
      visitor.fetch(`${host.url}/web/cli`, { method: 'POST', headers: { ...form, origin }, body })
    t.equal((await click('https://evil.apps.example.com')).status, 403)
    const { location } = (await click(host.url)).headers
    t.match(location, /^http:\/\/127\.0\.0\.1:45678\/callback\?code=/)
    const code = new URL(location!).searchParams.get('code')
    const redeem = (value: string) =>
      fetch(`${host.url}/v1/webapi/cli/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code, verifier: value }),
      })
    const tries = await Promise.all(Array.from({ length: 5 }, () => redeem(verifier)))
    t.equal(tries.filter(({ status }) => status === 200).length, 1)
    const { token, user } = (await tries.find(({ status }) => status === 200)!.json()) as Record<
      string,
      string
    >
    t.equal(user, 'alice@example.com')
    const me = async () => {
      const headers = { authorization: `Bearer ${token}` }
      return (await fetch(`${host.url}/v1/webapi/me`, { headers })).json()
    }
    t.match(await me(), { user: 'alice@example.com', locked: null })
    host.answers.lock = { id: 'l1', message: 'Call 4711' }
    t.same((await me()).locked, { message: 'Call 4711' })
    host.answers.lock = null
    const shown = await visitor.open(
      `${host.url}/web/cli?challenge=${challenge}&no_browser=1&host=x&program=mezctl`,
    )
    t.match((await visitor.submit(shown, /cli/)).text, 'Paste this code into mezctl')
  })

  t.test('a page offers the choice between several ways', async (t) => {
    const spec = { issuer_url: issuer.url, client_id: 'x', client_secret: { value: 'y' } }
    await host.connect('second', spec)
    const page = await new Visitor().open(launch)
    t.equal(page.status, 200)
    t.match(page.text, 'Continue with second')
  })

  t.test('a command line that names a connector gets that one, whoever is signed in already', async (t) => {
    const cli = `${host.url}/web/cli?challenge=${'c'.repeat(43)}&redirect_port=45678&host=laptop`
    const toProvider = async (visitor: Visitor, connector: string) => {
      const login = (await visitor.fetch(`${cli}&connector=${connector}`)).headers.location
      return (await visitor.fetch(login!)).headers.location
    }
    const visitor = new Visitor()
    t.match(await toProvider(visitor, 'sso'), /\/oidc\/login\/sso\?/)
    t.match((await visitor.open(`${cli}&connector=sso`)).text, 'Allow msh on laptop?')
    t.match(await toProvider(visitor, 'second'), /\/oidc\/login\/second\?/)
    t.equal((await visitor.open(`${cli}&connector=missing`)).status, 404)
  })
})

t.test('N238 a sign-in that has to wait for others shows that, and continues by itself', async (t) => {
  const busy = async () => {
    throw handoverBusy()
  }
  const { open, tickets } = host.sessions
  host.sessions.open = busy
  const visitor = new Visitor()
  const waiting = await visitor.open(`${host.url}/web/login?connector=sso`)
  t.match(waiting, {
    status: 202,
    text: /Many people are signing in right now. This page continues by itself./,
  })
  t.match(String(waiting.headers.refresh), /^2; url=/)
  host.sessions.open = open
  const next = String(waiting.headers.refresh).replace('2; url=', '')
  t.equal((await visitor.open(new URL(next, waiting.url).href)).status, 200, 'it signs in')

  host.sessions.tickets = { ...tickets, issue: busy }
  const launched = await visitor.open(launch)
  t.match(launched, { status: 202, text: /This page continues by itself/, headers: { refresh: '2' } })
  const program = await visitor.fetch(launch, { headers: { accept: 'application/json' } })
  t.match(program, { status: 503, text: /"code":"handover_busy"/ }, 'programs are told to come back')
  host.sessions.tickets = tickets
  t.equal((await visitor.fetch(launch)).status, 303)
})

t.test('N171 sign-ins and launches of one person in a minute are limited, and others go on', async (t) => {
  const clock = fakeClock()
  const rate = createSignInRate(clock)
  const until429 = (count: () => void) => {
    for (let counted = 0; counted < 10_000; counted++) {
      try {
        count()
      } catch (error) {
        t.match(error, { status: 429, code: 'too_many_sign_ins' })
        return counted
      }
    }
    return null
  }
  t.equal(
    until429(() => rate.signIn('ann')),
    120,
  )
  t.equal(
    until429(() => rate.launch('ann')),
    1_200,
  )
  rate.signIn('ben')
  rate.launch('ben')
  clock.advance(60_000)
  rate.signIn('ann')
  rate.launch('ann')

  const visitor = new Visitor()
  t.equal((await visitor.open(`${host.url}/web/login?connector=sso`)).status, 200)
  const { user } = [...host.byToken.values()].at(-1) as Session
  until429(() => host.rate.launch(user))
  const launched = await visitor.open(launch)
  t.equal(launched.status, 429)
  t.match(launched.text, 'too_many_sign_ins')
  t.equal(launched.headers['retry-after'], '10')
  until429(() => host.rate.signIn(user))
  const before = host.byToken.size
  const again = await new Visitor().open(`${host.url}/web/login?connector=sso`)
  t.equal(again.status, 429)
  t.match(again.text, 'You have signed in too often')
  t.equal(host.byToken.size, before, 'no session was opened')
})

t.test('B35 return paths lead only to the same host', async (t) => {
  const bad = [
    '//evil.com',
    '///evil.com',
    '/\\evil.com',
    '\\/evil.com',
    '\\\\evil.com',
    '/\t/evil.com',
    '/\n/evil.com',
    '/\r\nSet-Cookie: a=b',
    'https://evil.com',
    'javascript:alert(1)',
    'evil.com',
    '@evil.com',
    ' /x',
    '',
    '/\0',
    '/x\\..\\evil',
    '/é',
    `/${'a'.repeat(5_000)}`,
    '/ //evil',
    undefined,
    7,
    ['/'],
  ]
  for (const path of bad) t.equal(safePath(path), '/', JSON.stringify(path))
  const prefixes = [
    '',
    '/',
    '//',
    '/\\',
    '\\',
    '/\t',
    '/./',
    '/../',
    '/;',
    '/%09/',
    '/%2f',
    '/%5c',
    'http:',
    'http:/',
    '.',
    '/.',
    '/@',
    '/\r\n',
    '/%0d%0a',
    '/%00',
    '/\u2044', // fraction slash
    '/\u2215', // division slash
    '/\uff0f', // full-width solidus
    '/\uff3c', // full-width reverse solidus
    '/%ef%bc%8f',
    '/%e2%81%84',
    '\u3002',
    'javascript:',
    'data:text/html,',
    'https:/\\',
    '/%2f%2f',
    '/%252f',
    '/?',
    '/#',
  ]
  let count = 0
  for (const first of prefixes) {
    for (const second of prefixes) {
      for (const end of ['evil.com', '@evil.com', '/evil.com', '\\evil.com']) {
        const path = safePath(first + second + end)
        const url = new URL(path, 'https://app.example.com')
        if (url.origin === 'https://app.example.com' && /^[\x21-\x7e]+$/.test(path)) count++
        else t.fail(JSON.stringify(first + second + end))
      }
    }
  }
  t.equal(count, prefixes.length ** 2 * 4)
  t.ok(count > 4_000, `${count} spellings`)
  t.equal(safePath('/a/b?c=//d#e'), '/a/b?c=//d#e')
})
