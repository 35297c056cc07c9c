// long
/** What a page sees when its session ends, in a real browser: 401 for its scripts, a warning, and a renewal beside it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { createTestHub, FakeIssuer } from '../../core/testing/index.ts'
import { plugIn, type VirtualKey } from '../plugins/webauthn/virtual-key.ts'
import { newPerson, openBrowser } from './open-browser.ts'
import { connect, register } from './resources.ts'
import { startAgent } from './start-agent.ts'

/** What the functions that run in the page see. */
declare const window: {
  typed?: string
  renewed?: number
  addEventListener(name: string, listener: () => void): void
  dispatchEvent(event: Event): void
}
declare class XMLHttpRequest {
  status: number
  responseText: string
  withCredentials: boolean
  onloadend: () => void
  open(method: string, url: string): void
  send(): void
}
declare class EventSource {
  readyState: number
  onerror: () => void
  constructor(url: string, options?: { withCredentials: boolean })
}

const dir = mkdtempSync(join(tmpdir(), 'mezite-session-end-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
// The strictest policy under which a page may use the script.
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self' wss: https:; require-trusted-types-for 'script'"
const server = createServer((request, response) => {
  if (request.url === '/data') return void response.end('data')
  const headers = { 'content-type': 'text/html', 'content-security-policy': POLICY }
  const apart = { 'cross-origin-opener-policy': 'same-origin' }
  response.writeHead(200, request.url === '/apart' ? { ...headers, ...apart } : headers)
  response.end(
    '<!doctype html><title>app</title><input id="draft"><script src="/.mezite/session.js" defer></script>',
  )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
t.teardown(() => server.close().closeAllConnections())

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ config: { plugins: { webauthn: {} } } })
t.teardown(() => hub.stop())
const agent = await startAgent({ hostname: 'node', proxy: new URL(hub.url).host, api: hub.api, dir })
t.teardown(() => agent.stop())
await connect(hub.api, issuer, 'brief')
const role = (options: object, labels: object = { env: 'test' }) =>
  hub.api('PUT', '/roles/brief', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'brief' },
    spec: { options, allow: { app_labels: labels } },
  })
await role({})
const near = hub.appUrl('near')
await register(hub.api, 'page', port, { agents: ['node'], origins: [near] })
await register(hub.api, 'near', port, { agents: ['node'] })
await register(hub.api, 'far', port, { agents: ['node'] })
const home = `${hub.appUrl('page')}/`
const browser = await openBrowser(t)

const banner = (page: Page) => page.locator('mezite-session')
const dataOf = (page: Page) => page.evaluate(() => fetch('/data').then((response) => response.status))
/** Ends all sessions of one kind, as an administrator would. */
async function revoke(kind: 'app' | 'hub') {
  const sessions = await hub.api<{ id: string; kind: string }[]>('GET', '/sessions')
  for (const session of sessions)
    if (session.kind === kind) await hub.api('DELETE', `/sessions/${session.id}`)
}
const check = (page: Page) => page.evaluate(() => window.dispatchEvent(new Event('mezite-check')))
async function openPage(context: BrowserContext, page: Page, url = home) {
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (/policy|trusted/i.test(message.text())) problems.push(message.text())
  })
  const answer = await page.goto(url)
  if (answer?.status() !== 200) throw new Error(`${page.url()} ${answer?.status()} ${await answer?.text()}`)
  await page.locator('#draft').fill('half a letter')
  await page.evaluate(() => {
    window.typed = 'kept'
    window.renewed = 0
    window.addEventListener('mezite-renewed', () => {
      window.renewed = (window.renewed ?? 0) + 1
    })
  })
  return { problems, cookie: () => cookieOf(context) }
}
const cookieOf = async (context: BrowserContext) =>
  (await context.cookies(home)).find(({ name }) => name === '__Host-mezite_app')?.value
/** Presses the button and resolves once the small window has closed itself and the page knows. */
async function renew(context: BrowserContext, page: Page, inside?: (popup: Page) => Promise<void>) {
  const opened = context.waitForEvent('page')
  await banner(page).getByRole('link').click()
  const popup = await opened
  const closed = popup.isClosed() ? Promise.resolve() : popup.waitForEvent('close')
  await inside?.(popup)
  await closed
  await banner(page).waitFor({ state: 'detached' })
}
async function isAsItWas(t: Tap, page: Page, url = home) {
  t.equal(await page.locator('#draft').inputValue(), 'half a letter')
  t.equal(await page.evaluate(() => window.typed), 'kept', 'the document was never left')
  t.equal(page.url(), url)
}
type Tap = Pick<typeof t, 'equal'>

t.test('B33 fetch, XHR, EventSource and WebSocket see 401 and are never redirected', async (t) => {
  const { context, page } = await newPerson(browser)
  await openPage(context, page)
  const other = await context.newPage()
  await other.goto(`${hub.appUrl('near')}/`)
  const third = await context.newPage()
  await third.goto(`${hub.appUrl('far')}/`)
  await context.clearCookies({ domain: new URL(home).hostname })
  const answers = new Map<string, number>()
  page.on('response', (response) => answers.set(new URL(response.url()).pathname, response.status()))
  const socket = page.waitForEvent('websocket')
  const seen = await page.evaluate(async (origin) => {
    const problem = (text: string) => {
      const { code, login_url } = JSON.parse(text) as { code: string; login_url: string }
      return [code, login_url.startsWith('https://')]
    }
    const fetched = await fetch('/data')
    const xhr = new XMLHttpRequest()
    xhr.open('GET', '/data')
    await new Promise<void>((resolve) => {
      xhr.onloadend = resolve
      xhr.send()
    })
    const events = new EventSource('/events')
    await new Promise<void>((resolve) => {
      events.onerror = resolve
    })
    const socket = new WebSocket(`${origin.replace('https', 'wss')}socket`)
    const code = await new Promise<number>((resolve) => {
      socket.onclose = (event) => resolve(event.code)
    })
    return {
      fetch: [fetched.status, fetched.redirected, ...problem(await fetched.text())],
      xhr: [xhr.status, ...problem(xhr.responseText)],
      events: events.readyState,
      socket: code,
    }
  }, home)
  t.same(seen, {
    fetch: [401, false, 'login_required', true],
    xhr: [401, 'login_required', true],
    events: 2,
    socket: 1006,
  })
  t.equal(answers.get('/events'), 401)
  await socket
  const crossing = (from: Page) =>
    from.evaluate(async (origin) => {
      const hasUrl = (text: string) => Object.keys(JSON.parse(text) as object).includes('login_url')
      const fetched = await fetch(`${origin}data`, { credentials: 'include' }).then(
        async (response) => [response.status, hasUrl(await response.text())],
        () => 'unreadable',
      )
      const xhr = new XMLHttpRequest()
      xhr.withCredentials = true
      xhr.open('GET', `${origin}data`)
      await new Promise<void>((resolve) => {
        xhr.onloadend = resolve
        xhr.send()
      })
      const events = new EventSource(`${origin}events`, { withCredentials: true })
      await new Promise<void>((resolve) => {
        events.onerror = resolve
      })
      const socket = new WebSocket(`${origin.replace('https', 'wss')}socket`)
      const code = await new Promise<number>((resolve) => {
        socket.onclose = (event) => resolve(event.code)
      })
      const asked = xhr.status === 0 ? 'unreadable' : [xhr.status, hasUrl(xhr.responseText)]
      return [fetched, asked, events.readyState, code]
    }, home)
  t.same(await crossing(other), [[401, true], [401, true], 2, 1006], 'a listed origin reads it')
  t.same(await crossing(third), ['unreadable', 'unreadable', 2, 1006], 'any other does not')
  await context.close()
})

for (const [kind, url, locale, ended] of [
  ['a page', home, 'en-US', 'Your session has ended'],
  ['a page of a German browser, with an opener policy', `${home}apart`, 'de-DE', 'Ihre Sitzung ist beendet'],
] as const) {
  t.test(
    `${kind} whose session is revoked shows the banner, is renewed in the small window, and keeps its content`,
    async (t) => {
      const { context, page } = await newPerson(browser, { locale })
      const { problems, cookie } = await openPage(context, page, url)
      t.equal(await banner(page).count(), 0)
      const before = await cookie()
      await revoke('app')
      t.equal(await dataOf(page), 401)
      await check(page)
      await banner(page).getByText(ended).waitFor()
      await renew(context, page)
      t.equal(await dataOf(page), 200)
      t.not(await cookie(), before)
      t.equal(await page.evaluate(() => window.renewed), 1)
      await isAsItWas(t, page, url)
      t.same(problems, [])
      await context.close()
    },
  )
}

t.test(
  'an open page warns before its session ends, reports the end, and is renewed by a new sign-in',
  async (t) => {
    await role({ max_session_ttl: '12s' })
    t.teardown(() => role({}))
    const { context, page } = await newPerson(browser)
    const { problems, cookie } = await openPage(context, page)
    const status = await page.evaluate(() =>
      fetch('/.mezite/session-status').then(
        (r) => r.json() as Promise<{ user: string; seconds_left: number }>,
      ),
    )
    t.equal(status.user, 'alice@example.com')
    t.ok(status.seconds_left <= 12)
    await banner(page)
      .getByText(/Your session ends at \d/)
      .waitFor()
    t.equal(await dataOf(page), 200, 'the warning comes before the end')
    await banner(page).getByText('Your session has ended').waitFor()
    t.equal(await dataOf(page), 401)
    await role({})
    const before = await cookie()
    const logins = issuer.authorizations.length
    await renew(context, page)
    t.equal(issuer.authorizations.length, logins + 1, 'the person has signed in anew')
    t.not(await cookie(), before)
    t.equal(await dataOf(page), 200)
    await isAsItWas(t, page)
    t.same(problems, [])
    await context.close()
  },
)

t.test('renewing in time asks for a new sign-in as well, and a closed banner stays closed', async (t) => {
  await role({ max_session_ttl: '12s' })
  t.teardown(() => role({}))
  const { context, page } = await newPerson(browser)
  await openPage(context, page)
  await banner(page)
    .getByText(/Your session ends at \d/)
    .waitFor()
  const logins = issuer.authorizations.length
  await role({})
  await renew(context, page)
  t.equal(issuer.authorizations.length, logins + 1)
  const left = await page.evaluate(() =>
    fetch('/.mezite/session-status').then((r) => r.json() as Promise<{ seconds_left: number }>),
  )
  t.ok(left.seconds_left > 3_600)
  await page.waitForFunction(() => window.renewed === 1)
  await isAsItWas(t, page)
  await revoke('hub')
  await check(page)
  await banner(page).getByRole('button', { name: 'Close' }).click()
  await banner(page).waitFor({ state: 'detached' })
  await check(page)
  t.equal(await banner(page).count(), 0)
  await context.close()
})

t.test('two tabs both show the banner, and one renewal is enough for both', async (t) => {
  const { context, page } = await newPerson(browser)
  await openPage(context, page)
  const other = await context.newPage()
  await openPage(context, other)
  await revoke('app')
  for (const tab of [page, other]) {
    await tab.bringToFront()
    await check(tab)
    await banner(tab).getByText('Your session has ended').waitFor()
  }
  await renew(context, page)
  await other.bringToFront()
  await banner(other).waitFor({ state: 'detached' })
  for (const tab of [page, other]) {
    await tab.waitForFunction(() => window.renewed === 1)
    t.equal(await dataOf(tab), 200)
    await isAsItWas(t, tab)
  }
  await context.close()
})

t.test('the small window names another person who signs in there, and the page is not theirs', async (t) => {
  const { context, page } = await newPerson(browser)
  await openPage(context, page)
  const { person } = issuer
  issuer.person = { ...person, sub: 'bob-1', email: 'bob@example.com' }
  t.teardown(() => {
    issuer.person = person
  })
  await revoke('hub')
  await check(page)
  await banner(page).getByText('Your session has ended').waitFor()
  const opened = context.waitForEvent('page')
  await banner(page).getByRole('link', { name: 'Sign in' }).click()
  await opened
  await banner(page).getByText('You are now signed in as bob@example.com.').waitFor()
  t.equal(await page.evaluate(() => window.renewed), 0, 'nothing is opened again as somebody else')
  await isAsItWas(t, page)
  const pages = context.pages().length
  await banner(page).getByRole('link', { name: 'Reload' }).click()
  await page.waitForFunction(() => window.typed === undefined)
  t.ok(context.pages().length <= pages, 'no window is opened for that')
  await context.close()
})

t.test('the small window asks for a passkey where the role demands one', async (t) => {
  const { context, page } = await newPerson(browser)
  await role({ require_session_mfa: true })
  t.teardown(() => role({}))
  const key: VirtualKey = await plugIn(page)
  await page.goto(home)
  await page.getByRole('link', { name: 'Add a passkey' }).click()
  await page.locator('#name').fill('Laptop')
  await page.locator('[data-add]').click()
  await page.locator('[data-name]').waitFor()
  await page.locator('[data-continue]').click()
  await page.locator('[data-go]').click()
  await page.waitForURL(home)
  await openPage(context, page)
  await revoke('app')
  await check(page)
  await renew(context, page, async (popup) => {
    await popup.waitForURL(/\/web\/mfa/)
    await key.copyTo(popup)
    t.equal(await dataOf(page), 401, 'not before the key')
    await popup.locator('[data-go]').click()
  })
  t.equal(await dataOf(page), 200)
  await isAsItWas(t, page)
  await context.close()
})

t.test('an open page reports that access was locked, with the message of the lock', async (t) => {
  const { context, page } = await newPerson(browser)
  await openPage(context, page)
  const lock = (await hub.api('POST', '/locks', {
    target: { user: 'alice@example.com' },
    message: 'Your laptop was reported lost.',
  })) as { id: string }
  t.teardown(() => hub.api('DELETE', `/locks/${lock.id}`).catch(() => {}))
  await check(page)
  await banner(page).getByText('Your laptop was reported lost.').waitFor()
  await isAsItWas(t, page)
  await hub.api('DELETE', `/locks/${lock.id}`)
  await check(page)
  await banner(page).waitFor({ state: 'detached' })
  await context.close()
})

t.test('a page of another app learns nothing of the session', async (t) => {
  const { context, page } = await newPerson(browser)
  await page.goto(home)
  await page.goto(`${near}/`)
  const outcome = await page.evaluate(async (target) => {
    const attempt = (path: string, init: RequestInit) =>
      fetch(target + path, init).then(
        (response) => `${response.type} ${response.status}`,
        () => 'refused',
      )
    return [
      await attempt('.mezite/session-status', { credentials: 'include' }),
      await attempt('.mezite/session-status', { credentials: 'include', mode: 'no-cors' }),
      await attempt('.mezite/session.js', { mode: 'no-cors' }),
    ]
  }, home)
  t.same(outcome, ['refused', 'opaque 0', 'refused'])
  await context.close()
})
