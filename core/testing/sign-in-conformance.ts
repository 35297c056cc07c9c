import type { AnyPlugin } from '../kernel/plugin.ts'
import { HUB_COOKIE, readCookie } from '../wire/cookie.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHub, type TestHub } from './test-hub.ts'
import { type Answer, type Ask, Visitor } from './visitor.ts'

/** One attempt to sign in. */
export interface SignInVisit {
  readonly hub: TestHub
  /** A browser of its own. */
  readonly visitor: Visitor
  /** Where the browser begins: the choice of the method, on the way to a page that needs a session. */
  readonly url: string
}

/** Inputs of `conformSignIn`. */
export interface ConformSignInOptions {
  /** The plugin's configuration under `plugins:`. */
  readonly config?: unknown
  /** A running hub with the plugin, for several suites. Default: a hub for this suite, which the last test stops. */
  readonly hub?: TestHub
  /** Prepares the hub, for example with a connector. */
  readonly prepare?: (hub: TestHub) => Promise<unknown>
  /** The id of the choice to test. */
  readonly choice: string
  /** The name of the user whom `signIn` signs in. */
  readonly user: string
  /** Does what a person with the right credentials does, up to the last response. */
  readonly signIn: (visit: SignInVisit) => Promise<Answer>
  /** Does what a person with wrong credentials does, up to the last response. */
  readonly fail: (visit: SignInVisit) => Promise<Answer>
}

/** A page of every hub that needs a session. */
const PAGE = '/web/account'
/** Where the hub sends a provider's browsers back. */
const CALLBACK = /^https:\/\/[^/]+\/v1\/webapi\/[^/]+\/callback\b/
const AUDIT_MS = 60_000
const POLL_MS = 20

/**
 * Checks a sign-in method in a running hub: only the right credentials sign in, as the right user and with a new session;
 * the browser continues where it wanted to go; and the URL to which a provider sends the browser back works once, and in
 * that browser only.
 */
export function conformSignIn(t: ConformTest, plugin: AnyPlugin, options: ConformSignInOptions): void {
  const { config, choice, user } = options
  let opened: Promise<TestHub> | undefined
  const hub = () => {
    opened ??= (async () => {
      const own = options.hub ?? (await createTestHub({ plugins: [{ plugin, config }] }))
      await options.prepare?.(own)
      return own
    })()
    return opened
  }

  async function visit(visitor?: RecordingVisitor) {
    const own = await hub()
    const browser = visitor ?? new RecordingVisitor(own.ca)
    const { headers } = await browser.fetch(own.signInUrl + PAGE, {
      headers: { 'sec-fetch-mode': 'navigate' },
    })
    const url = new URL(headers.location ?? '/web/login', own.signInUrl)
    url.searchParams.set('connector', choice)
    return { hub: own, visitor: browser, url: url.href }
  }
  /** The user who is signed in in this browser; null if nobody is. */
  async function userOf(visitor: Visitor): Promise<string | null> {
    const { status, text } = await visitor.fetch(`${(await hub()).signInUrl}/v1/webapi/me`)
    return status === 200 ? (JSON.parse(text) as { user: string }).user : null
  }
  const sessionOf = ({ hub: own, visitor }: SignInVisit) =>
    readCookie(visitor.cookies(new URL(own.signInUrl).host), HUB_COOKIE)
  async function logins(): Promise<number> {
    const query = new URLSearchParams({ type: 'user.login', user, limit: '100' })
    return (await (await hub()).api<unknown[]>('GET', `/audit?${query}`)).length
  }

  t.test('the right credentials sign in, and the browser continues where it wanted to go', async (t) => {
    const one = await visit()
    const before = await logins()
    const last = await options.signIn(one)
    const who = await userOf(one.visitor)
    t.ok(who === user, `signed in as ${who}, expected ${user} (last response ${last.status} of ${last.url})`)
    t.ok(last.url === one.hub.signInUrl + PAGE, `ends at ${one.hub.signInUrl}${PAGE}: ${last.url}`)
    const deadline = Date.now() + AUDIT_MS
    while ((await logins()) === before && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    t.ok((await logins()) === before + 1, 'user.login is recorded once')
  })

  t.test('wrong credentials do not sign in', async (t) => {
    const one = await visit()
    const { status } = await options.fail(one)
    const who = await userOf(one.visitor)
    t.ok(who === null, who === null ? 'nobody is signed in' : `signed in as ${who}`)
    t.ok(status >= 200 && status < 500, `the response has the status ${status}, not that of a fault`)
  })

  t.test('each sign-in opens a new session and ends that of the browser', async (t) => {
    const one = await visit()
    await options.signIn(one)
    const earlier = sessionOf(one)
    await options.signIn(await visit(one.visitor))
    t.ok(earlier !== sessionOf(one), 'the cookie changes')
    const { status } = await new Visitor(one.hub.ca).fetch(`${one.hub.signInUrl}/v1/webapi/me`, {
      headers: { cookie: `${HUB_COOKIE}=${earlier}` },
    })
    t.ok(status === 401, `the earlier session has ended: ${status}`)
  })

  t.test('a return from the provider works once, and in the browser that was sent there', async (t) => {
    const held = await visit()
    held.visitor.holds = CALLBACK
    await options.signIn(held).catch(() => {})
    const { heldUrl } = held.visitor
    if (heldUrl === null) return void t.ok(true, 'the method has no return')
    const stranger = new Visitor(held.hub.ca)
    const { status } = await stranger.open(heldUrl)
    t.ok((await userOf(stranger)) === null, 'another browser is not signed in')
    t.ok(status >= 400 && status < 500, `it gets an error, not a fault: ${status}`)
    const own = await visit()
    await options.signIn(own)
    const before = sessionOf(own)
    await own.visitor.open(own.visitor.urls.find((url) => CALLBACK.test(url)) ?? '')
    t.ok(sessionOf(own) === before, 'the same browser does not sign in again with the same URL')
    const forged = new URL(heldUrl)
    for (const name of forged.searchParams.keys()) forged.searchParams.set(name, 'forged')
    const response = await stranger.open(forged.href)
    t.ok(response.status >= 400 && response.status < 500, `forged parameters: ${response.status}`)
  })

  t.test('no sign-in is logged as a fault', async (t) => {
    const own = await hub()
    const faults = own.log.filter((line) => / ERROR /.test(line) && /sign-in/.test(line))
    if (!options.hub) await own.stop()
    t.ok(faults.length === 0, faults.join(' | ') || 'no fault')
  })
}

/** Records the URLs of its requests, and can stop before one of them. */
class RecordingVisitor extends Visitor {
  readonly urls: string[] = []
  holds: RegExp | null = null
  heldUrl: string | null = null

  override fetch(url: string, ask: Ask = {}): Promise<Answer> {
    this.urls.push(url)
    if (!this.holds?.test(url)) return super.fetch(url, ask)
    this.heldUrl = url
    return Promise.reject(new Error(`stopped before ${url}`))
  }
}
