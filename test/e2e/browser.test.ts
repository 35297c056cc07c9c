// long
/** What only a real browser can show: sign-in, and what sibling applications can and cannot do to each other. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect } from 'node:tls'
import type { BrowserContext } from 'playwright-core'
import t from 'tap'
import { Visitor } from '../../core/testing/visitor.ts'
import { signIn } from '../../examples/cluster/check/person-steps.ts'
import { people } from '../../examples/cluster/people.ts'
import { until } from '../until.ts'
import { newPerson, openBrowser, signInAs } from './open-browser.ts'
import { startTestCluster } from './start-test-cluster.ts'

/** What the page's own functions below see; the rest of this file runs in Node.js. */
declare const location: { host: string }
declare const performance: { getEntriesByType(type: string): { nextHopProtocol: string }[] }
declare const document: { cookie: string; getElementById(id: string): { textContent: string | null } | null }

const cluster = await startTestCluster(t)
const browser = await openBrowser(t)
const ALICE = 'Alice Platform'
const SESSION = '__Host-mezite_app'
const HUB_SESSION = '__Host-mezite_session'

const html: RequestListener = (_request, response) => {
  response
    .writeHead(200, { 'content-type': 'text/html' })
    .end('<!doctype html><title>app</title><h1>app</h1>')
}
/** Answers with the user that the hub vouched for. */
const whoami: RequestListener = (request, response) => {
  if (request.url === '/private') response.setHeader('cache-control', 'private, max-age=0')
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(
    `<!doctype html><title>victim</title><p id="user">${String(request.headers['x-mezite-user'])}</p>`,
  )
}
const victim = await cluster.publish('victim', whoami)
const evilAnswers = new Map<string, RequestListener>()
const evil = await cluster.publish('evil', (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://evil.invalid')
  ;(evilAnswers.get(pathname) ?? html)(request, response)
})

t.test('a person signs in and lands on the page first asked for', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, `${victim.url}/deep/page?q=1`)
  await page.waitForURL(`${victim.url}/deep/page?q=1`)
  t.equal(await page.textContent('#user'), 'alice@example.test')
  const cookie = (await context.cookies(victim.url)).find(({ name }) => name === SESSION)
  t.match(cookie, {
    httpOnly: true,
    secure: true,
    sameSite: 'Lax',
    path: '/',
    domain: 'victim.apps.mezite.localhost',
  })
  await page.goto(cluster.hubUrl)
  t.match(await page.textContent('body'), /alice@example\.test/)
  t.match(await page.textContent('body'), /victim/)
  await context.close()
})

t.test('a fragment survives the sign-in, and reaches neither hub nor provider', async (t) => {
  const { context, page } = await newPerson(browser)
  const wanted = `${victim.url}/deep/page?q=1#/board/7?tab=a%20b`
  const sent: string[] = []
  page.on('request', (request) => sent.push(request.url() + (request.postData() ?? '')))
  const problems: string[] = []
  page.on('console', (message) => problems.push(message.text()))
  await signInAs(page, ALICE, wanted)
  await page.waitForURL(wanted)
  t.equal(await page.textContent('#user'), 'alice@example.test')
  t.strictSame(
    sent.filter((one) => one.split('#')[0]?.includes('board')),
    [],
  )
  t.strictSame(
    problems.filter((text) => /Content.Security.Policy/i.test(text)),
    [],
  )
  // With a session at the hub the redirects carry it.
  await context.clearCookies({ name: SESSION })
  await page.goto(`${victim.url}/#second`)
  await page.waitForURL(`${victim.url}/#second`)
  await context.close()
})

t.test('B19 a session id does not survive signing in again', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, cluster.hubUrl)
  await page.waitForURL(`${cluster.hubUrl}/**`)
  const before = await hubCookie()
  t.ok(before)
  await page.goto(`${cluster.hubUrl}/web/logout`)
  await page
    .getByRole('button', { name: /sign out/i })
    .first()
    .click()
  // The provider is told too, and asks on a page of its own.
  await page.waitForURL(`${cluster.idpUrl}/session/end**`)
  await signInAs(page, ALICE, cluster.hubUrl)
  await page.waitForURL(`${cluster.hubUrl}/**`)
  const after = await hubCookie()
  t.ok(after)
  t.not(after, before)
  await context.close()

  async function hubCookie() {
    return (await context.cookies(cluster.hubUrl)).find(({ name }) => name === HUB_SESSION)?.value
  }
})

t.test('B20 a sibling cannot toss a session cookie onto another app', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, victim.url)
  await signInAs(page, ALICE, evil.url)
  await page.evaluate(
    ([session, hub]) => {
      for (const name of [session, hub, 'mezite_session', 'mezite_app']) {
        for (const path of ['/', '/deep/page']) {
          document.cookie = `${name}=attacker; Domain=apps.mezite.localhost; Path=${path}; Secure`
        }
      }
    },
    [SESSION, HUB_SESSION],
  )
  await untilKept(context, /^mezite_/, 4)
  await page.goto(`${victim.url}/deep/page`)
  t.equal(await page.textContent('#user'), 'alice@example.test')
  await context.close()
})

/** Chromium keeps what a script has set only after the script has ended. */
async function untilKept(context: BrowserContext, names: RegExp, count: number): Promise<void> {
  const kept = async () =>
    (await context.cookies(`${victim.url}/deep/page`)).filter(({ name }) => names.test(name)).length
  await until(async () => (await kept()) === count, `${count} cookies ${names}`)
}

/** Too much for the gateway; enough for a server of Node.js, which takes 16 KB. */
for (const count of [60, 6])
  t.test(
    `B24 ${count} cookies from a sibling at most sign the person out, without a redirect loop`,
    async (t) => {
      const { context, page } = await newPerson(browser)
      await signInAs(page, ALICE, victim.url)
      await signInAs(page, ALICE, evil.url)
      await page.evaluate((count) => {
        for (let n = 0; n < count; n++) {
          document.cookie = `bomb${n}=${'x'.repeat(3000)}; Domain=apps.mezite.localhost; Path=/; Secure`
        }
      }, count)
      await untilKept(context, /^bomb/, count)
      t.equal((await page.goto(victim.url))?.status(), 431)
      await page.getByRole('button', { name: 'Delete the cookies' }).click()
      await page.getByRole('link', { name: 'Open the application' }).click()
      await signInAs(page, ALICE, victim.url)
      t.equal(await page.textContent('#user'), 'alice@example.test', 'and the way out works')
      await context.close()
    },
  )

t.test('B25 a form that a script of an app posts to the reset deletes nothing', async (t) => {
  evilAnswers.set('/form', (_request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<form method="post" action="/.mezite/reset"></form><script>document.forms[0].submit()</script>')
  })
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, evil.url)
  for (const domain of ['apps.mezite.localhost', 'mezite.localhost'])
    await context.addCookies([{ name: 'other', value: '1', domain: `.${domain}`, path: '/', secure: true }])
  const others = async () => (await context.cookies(evil.url)).filter(({ name }) => name === 'other').length
  t.equal(await others(), 2)
  const sent = page.waitForResponse((response) => response.url().endsWith('/.mezite/reset'))
  await page.goto(`${evil.url}/form`, { waitUntil: 'commit' })
  t.equal((await sent).status(), 431)
  t.equal(await others(), 2)
  await page.getByRole('button', { name: 'Delete the cookies' }).click()
  await page.getByRole('heading', { name: 'The cookies are deleted' }).waitFor()
  t.strictSame(
    (await context.cookies(evil.url)).flatMap(({ name, domain }) => (name === 'other' ? [domain] : [])),
    ['.mezite.localhost'],
    'a click deletes those of the apps’ domain, and none above it',
  )
  await context.close()
})

t.test('B25 Clear-Site-Data from one app ends no other session', async (t) => {
  evilAnswers.set('/clear', (_request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/html', 'clear-site-data': '"cookies", "storage", "*"' })
      .end('<h1>cleared</h1>')
  })
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, victim.url)
  await signInAs(page, ALICE, `${evil.url}/clear`)
  await page.goto(`${evil.url}/clear`)
  t.match(await page.textContent('h1'), 'cleared')
  await page.goto(victim.url)
  t.equal(await page.textContent('#user'), 'alice@example.test')
  t.ok((await context.cookies(cluster.hubUrl)).some(({ name }) => name === HUB_SESSION))
  await context.close()
})

t.test('a sibling page cannot call another app or the hub as the person', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, victim.url)
  await signInAs(page, ALICE, evil.url)
  const before = victim.requests.length
  const outcome = await page.evaluate(
    async ([target, hub]) => {
      const attempt = (url: string, init: RequestInit) =>
        fetch(url, { credentials: 'include', ...init }).then(
          (response) => `${response.type} ${response.status}`,
          () => 'refused',
        )
      return [
        await attempt(`${target}/transfer`, { method: 'POST', mode: 'no-cors', body: 'amount=1' }),
        await attempt(`${target}/transfer`, { method: 'DELETE' }),
        await attempt(`${hub}/v1/webapi/me/session`, { method: 'DELETE' }),
        await attempt(`${hub}/web/logout`, { method: 'POST', mode: 'no-cors' }),
      ]
    },
    [victim.url, cluster.hubUrl],
  )
  t.same(outcome.slice(1, 3), ['refused', 'refused'])
  t.equal(victim.requests.length, before, 'no byte reaches the application')
  await page.goto(victim.url)
  t.equal(await page.textContent('#user'), 'alice@example.test', 'the session lives')
  await context.close()
})

t.test('G97 a sibling page cannot open a WebSocket to another app', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, cluster.apps.live)
  await signInAs(page, ALICE, evil.url)
  const event = await page.evaluate(
    (host) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`wss://${host}/socket`)
        socket.onopen = () => resolve('open')
        socket.onerror = () => resolve('error')
      }),
    new URL(cluster.apps.live).host,
  )
  t.equal(event, 'error')
  await context.close()
})

t.test('browsers load pages over HTTP/2, and WebSockets beside them over HTTP/1.1', async (t) => {
  const { context, page } = await newPerson(browser)
  const protocol = () => page.evaluate(() => performance.getEntriesByType('navigation')[0]?.nextHopProtocol)
  await signInAs(page, ALICE, cluster.hubUrl)
  await page.goto(cluster.hubUrl)
  t.equal(await protocol(), 'h2', 'the hub’s own pages')
  await signInAs(page, ALICE, victim.url)
  await page.goto(`${victim.url}/again`)
  t.equal(await protocol(), 'h2', 'an app')
  t.equal(await page.textContent('#user'), 'alice@example.test')
  await signInAs(page, ALICE, cluster.apps.live)
  await page.goto(cluster.apps.live)
  t.equal(await protocol(), 'h2')
  const event = await page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`wss://${location.host}/socket`)
        socket.onopen = () => resolve('open')
        socket.onerror = () => resolve('error')
      }),
  )
  t.equal(event, 'open')
  await context.close()
})

t.test('E74 a browser that shares a connection between apps retries by itself after 421', async (t) => {
  const sharing = await openBrowser(t, await publicKeyHash(cluster.hubPort, new URL(victim.url).hostname))
  const { context, page } = await newPerson(sharing, { ignoreHTTPSErrors: false })
  await signInAs(page, ALICE, victim.url)
  await signInAs(page, ALICE, evil.url)
  const outcome = await page.evaluate(
    (target) =>
      fetch(`${target}/shared`, { mode: 'no-cors', credentials: 'include' }).then(
        ({ type }) => type,
        (error: unknown) => String(error),
      ),
    victim.url,
  )
  t.equal(outcome, 'opaque')
  t.equal(victim.requests.filter(({ url }) => url === '/shared').length, 1, 'the right app has it, once')
  const refused = await cluster.mezctl('audit', 'ls', '--type', 'access.denied', '--json')
  t.notMatch(refused, /misdirected/, 'and ordinary browsing leaves no denial')
  await context.close()
})

t.test('an app in a frame of another offers to sign in, in a tab, and loads after a reload', async (t) => {
  evilAnswers.set('/frame', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end(`<!doctype html><title>frame</title><iframe src="${victim.url}/inner"></iframe>`)
  })
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, `${evil.url}/frame`)
  const opened = context.waitForEvent('page')
  await page.frameLocator('iframe').getByRole('link', { name: 'Sign in' }).click()
  const tab = await opened
  await tab.waitForURL(`${victim.url}/inner`)
  t.equal(await tab.textContent('#user'), 'alice@example.test')
  await page.reload()
  t.equal(await page.frameLocator('iframe').locator('#user').textContent(), 'alice@example.test')
  await context.close()
})

t.test("B27 an attacker's hand-over link sets no session in another browser", async (t) => {
  const attacker = new Visitor(cluster.ca)
  await signIn(attacker, people[0], cluster.hubUrl)
  let link = victim.url
  while (!link.includes('/.mezite/session')) {
    const hop = await attacker.fetch(link, { headers: { 'sec-fetch-mode': 'navigate', accept: 'text/html' } })
    t.ok(hop.headers.location, `${hop.status} leads on`)
    link = new URL(hop.headers.location ?? '/.mezite/session', link).href
  }
  const person = await newPerson(browser)
  const response = await person.page.goto(link)
  t.equal(response?.status(), 400)
  t.notOk((await person.context.cookies(victim.url)).some(({ name }) => name === SESSION))
  await person.context.close()
})

t.test('B29 a code that a service worker recorded is already useless', async (t) => {
  evilAnswers.set('/worker.js', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(`
      const seen = []
      self.addEventListener('install', () => self.skipWaiting())
      self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
      self.addEventListener('fetch', (event) => {
        if (event.request.url.endsWith('/seen')) event.respondWith(Response.json(seen))
        else seen.push(event.request.url)
      })`)
  })
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, evil.url)
  await page.evaluate(
    "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready).then(() => true)",
  )
  await context.clearCookies({ domain: 'evil.apps.mezite.localhost', name: SESSION })
  await page.goto(`${evil.url}/again`)
  await page.waitForURL(`${evil.url}/again`)
  const seen = await page.evaluate(() => fetch('/seen').then((r) => r.json() as Promise<string[]>))
  const codes = seen.filter((url) => url.includes('/.mezite/session'))
  const stolen = await newPerson(browser)
  for (const url of codes)
    t.equal((await stolen.page.goto(url))?.status(), 400, 'a recorded code opens nothing')
  t.notOk((await stolen.context.cookies(evil.url)).some(({ name }) => name === SESSION))
  await context.close()
  await stolen.context.close()
})

t.test('B32 sign-out ends every app session, and a foreign GET does nothing', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, cluster.apps.live)
  await page.waitForFunction(() => document.getElementById('socket')?.textContent?.includes('hello'))
  const other = await context.newPage()
  await signInAs(other, ALICE, evil.url)
  const status = () => other.evaluate(() => fetch('/data').then((response) => response.status))
  await other.evaluate(
    (hub) => fetch(`${hub}/web/logout`, { credentials: 'include', mode: 'no-cors' }).catch(() => {}),
    cluster.hubUrl,
  )
  t.equal(await status(), 200, 'a foreign GET does nothing')
  const hub = await context.newPage()
  await hub.goto(`${cluster.hubUrl}/web/logout`)
  await hub
    .getByRole('button', { name: /sign out/i })
    .first()
    .click()
  await page.waitForFunction(() =>
    document.getElementById('socket')?.textContent?.includes('closed with code 4401'),
  )
  t.equal(await status(), 401)
  await context.close()
})

t.test(
  'a person ends a session on their page, and its tab reports that and continues after a new sign-in',
  async (t) => {
    const { context, page } = await newPerson(browser)
    const shows = (tab: typeof page, id: string, text: string) =>
      tab.waitForFunction(([id, text]) => document.getElementById(id!)?.textContent?.includes(text!), [
        id,
        text,
      ] as const)
    await signInAs(page, ALICE, cluster.apps.live)
    await shows(page, 'socket', 'hello')
    const elsewhere = await newPerson(browser)
    await signInAs(elsewhere.page, ALICE, cluster.apps.live)
    await shows(elsewhere.page, 'socket', 'hello')

    const own = await context.newPage()
    await own.goto(`${cluster.hubUrl}/web/sessions`)
    const here = own.locator('[data-session]', { hasText: 'this browser' })
    t.equal(await here.locator('[data-session]').count(), 1, 'the sign-in, and what hangs on it')
    await own.locator('summary', { hasText: 'End all others' }).click()
    await own.getByRole('button', { name: /^End \d+ session/ }).click()
    await shows(elsewhere.page, 'socket', 'closed with code 4401')
    t.match(await page.textContent('#socket'), 'hello', 'this browser goes on')
    await here.locator('summary[aria-label="End live"]').click()
    await here.getByRole('button', { name: 'End live' }).click()
    await here.locator('[data-session]').waitFor({ state: 'detached' })

    await page.bringToFront()
    await shows(page, 'socket', 'closed with code 4401')
    const banner = page.locator('mezite-session')
    await banner.getByText('Your session has ended').waitFor()
    await banner.getByRole('link', { name: 'Sign in' }).click()
    await banner.waitFor({ state: 'detached' })
    await shows(page, 'socket', 'hello')
    await shows(page, 'events', 'event')
    await context.close()
    await elsewhere.context.close()
  },
)

t.test('B33 scripts of a page whose session ended get 401, never a redirect', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, victim.url)
  await context.clearCookies({ domain: 'victim.apps.mezite.localhost' })
  const answer = await page.evaluate(() =>
    fetch('/data').then(async (r) => ({
      status: r.status,
      type: r.headers.get('content-type'),
      body: (await r.json()) as { login_url: string },
    })),
  )
  t.equal(answer.status, 401)
  t.match(answer.type, 'application/problem+json')
  t.match(answer.body.login_url, /^https:/)
  await context.close()
})

t.test('B36 the back button shows no hub page after revocation', async (t) => {
  const { context, page } = await newPerson(browser)
  await signInAs(page, ALICE, cluster.hubUrl)
  await page.waitForURL(`${cluster.hubUrl}/**`)
  t.match(await page.textContent('body'), /alice@example\.test/)
  await page.goto(cluster.idpUrl.replace(/$/, '/.well-known/openid-configuration'))
  await context.clearCookies()
  await page.goBack()
  await page.waitForLoadState()
  t.ok(page.url().startsWith(cluster.idpUrl), 'the person has to sign in again')
  await context.close()
})

t.test('hub pages raise no console error and load nothing foreign', async (t) => {
  const { context, page } = await newPerson(browser)
  const problems: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await signInAs(page, ALICE, cluster.hubUrl)
  await page.waitForURL(`${cluster.hubUrl}/**`)
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== cluster.hubUrl) foreign.push(request.url())
  })
  await page.reload()
  t.same(foreign, [])
  t.same(problems, [])
  await context.close()
})

/** As Chromium wants it. */
async function publicKeyHash(port: number, servername: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' }) ?? ''
  socket.destroy()
  return createHash('sha256').update(key).digest('base64')
}
