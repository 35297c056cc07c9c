// long
/**
 * From a denial to the open app and to the cut at the end, by keyboard alone in a real browser, with two built hubs: the
 * person waits at one, and the approver decides at the other. In the end the hub that decides is killed.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { FakeIssuer } from '../../core/testing/index.ts'
import { plugIn } from '../plugins/webauthn/virtual-key.ts'
import { type Stopwatch, startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'
import { newPerson, openBrowser } from './open-browser.ts'
import { connect } from './resources.ts'
import { isConnected, startAgent } from './start-agent.ts'
import { type RunningHub, startTwoHubs } from './start-two-hubs.ts'

/** Within which a tab at one hub goes on after an approval at another. */
const GOES_ON_MS = 2_000
/** Within which the end of access cuts what is open. */
const CUT_MS = 2_000
/** Twice the age up to which a view decides. */
const VIEW_MS = 10_000

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const roles: string[] = []
/** Live connections to the app, by person. */
const open = new Map<string, ServerResponse>()
/** When the latest one has ended, by `performance.now()` and by the clock on the wall, which may be set meanwhile. */
const cutAt = new Map<string, { readonly at: number; readonly wall: number }>()
/** Notifications that the webhook has received. */
const received: { severity: string; title: string; text: string; url: string; user?: string }[] = []
const server = createServer((request, response) => {
  if (request.url === '/hook') {
    let body = ''
    request.on('data', (chunk) => {
      body += String(chunk)
    })
    request.on('end', () => {
      received.push(JSON.parse(body))
      response.end()
    })
    return
  }
  if (request.url === '/events') {
    const user = String(request.headers['x-mezite-user'])
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: .\n\n')
    open.set(user, response)
    response.on('close', () => {
      open.delete(user)
      cutAt.set(user, { at: performance.now(), wall: Date.now() })
    })
    return
  }
  roles.push(String(request.headers['x-mezite-roles']))
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(
    `<!doctype html><title>Orders</title><h1>Orders</h1><a href="/deep?q=1">Again</a><script>new EventSource('/events')</script>`,
  )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})

const appPort = (server.address() as AddressInfo).port
const hook = { name: 'hook', url: `http://127.0.0.1:${appPort}/hook`, secret: { env: 'HOOK_SECRET' } }
const pair = await startTwoHubs(t, {
  config: { plugins: { notifiers: { webhooks: [hook] } } },
  env: () => ({ HOOK_SECRET: 'secret' }),
})
const { a, b, dir } = pair
const browser = await openBrowser(t)
for (const [at, hub] of [a, b].entries()) {
  const hostname = `node-${at + 1}`
  const options = { hostname, proxy: `hub.mezite.localhost:${hub.port}`, api: hub.api, dir }
  const agent = await startAgent(options)
  t.teardown(() => agent.stop())
}
await until(() => isConnected(a.api, 'node-1'), 'an agent at hub-a')
await connect(a.api, issuer, 'none')
const put = (kind: string, name: string, spec: object, labels: object = {}) =>
  a.api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name, labels }, spec })
const request = { app_labels: { env: 'prod' } }
await put('role', 'staff', { allow: { request: { ...request, max_duration: '1m' } } })
await put('role', 'dev', { allow: { request: { ...request, max_duration: '1h', break_glass: true } } })
await put('role', 'lead', { allow: { review: request } })
const upstream = { uri: `http://127.0.0.1:${appPort}`, agents: ['node-1', 'node-2'] }
await put('app', 'orders', upstream, { env: 'prod' })
const mailOf = (name: string) => `${name}@example.com`
for (const [name, roles] of Object.entries({ ann: ['staff'], bea: ['dev'], kim: ['dev'], lea: ['lead'] }))
  await a.api('POST', '/users', { name: mailOf(name), roles })

const signsIn = (name: string) => {
  const email = mailOf(name)
  issuer.person = { sub: email, email, email_verified: true, groups: [] }
}
async function arrive(name: string, url: string): Promise<Page> {
  signsIn(name)
  const { context, page } = await newPerson(browser)
  t.teardown(() => context.close())
  await page.goto(url)
  return page
}
/** Presses Tab until the element that fits has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
  }
  throw new Error(`no Tab leads to ${selector} on ${page.url()}`)
}
async function press(page: Page, selector: string): Promise<void> {
  await tabTo(page, selector)
  await page.keyboard.press('Enter')
}
const wanted = `${pair.appUrl('orders')}/deep?q=1`
const requestPage = '**/web/access-requests/*-*'

const lea = await arrive('lea', `${pair.hubUrl}/web/access-requests`)
/** Lea looks at what waits, at the second hub, and approves it. Resolves to the time of her key press. */
async function approveByKeyboard(t: Test, name: string): Promise<{ at: number; watch: Stopwatch }> {
  pair.balanceTo(b)
  await until(async () => {
    await lea.goto(`${pair.hubUrl}/web/access-requests`)
    return (await lea.locator('nav .count').count()) > 0
  }, 'the second hub knows of the request')
  t.equal(await lea.textContent('nav .count'), '1', 'the navigation shows that a request waits')
  await press(lea, 'main .list a')
  await lea.waitForURL(requestPage)
  t.match(await lea.textContent('h1'), `${mailOf(name)} asks for orders`)
  await tabTo(lea, 'form[action$="/approve"] button')
  const pressed = { at: Date.now(), watch: startStopwatch() }
  await lea.keyboard.press('Enter')
  return pressed
}
const ann = await arrive('ann', wanted)
/** When the access of ann ends, in milliseconds since the epoch. */
let annEnds = 0
/** Null until then. */
let sinceAnnEnds: Stopwatch | null = null

t.test('a person requests access on the page of a denial, and another hub grants it', async (t) => {
  t.match(await ann.textContent('h1'), 'You cannot open orders')
  await tabTo(ann, '#request-for')
  await ann.keyboard.press('Home')
  await tabTo(ann, '#request-reason')
  await ann.keyboard.type('TICKET-7 <b>')
  await press(ann, 'form[action="/web/access-requests"] button')
  await ann.waitForURL(requestPage)
  t.match(await ann.textContent('h1'), 'Waiting for approval')
  t.match(await ann.textContent('.facts'), 'TICKET-7 <b>')

  const { at, watch } = await approveByKeyboard(t, 'ann')
  await ann.waitForURL(wanted)
  const took = watch.took()
  t.comment(`the tab went on after ${took} ms`)
  t.ok(took < GOES_ON_MS, `${took} ms`)
  t.equal(await ann.textContent('h1'), 'Orders')
  t.ok(roles.at(-1)?.includes('staff'))
  await until(() => open.has(mailOf('ann')), 'the app is live in the tab')
  const [grant] = (await a.api<{ grants: { until: string }[] }>('GET', `/users/${mailOf('ann')}`)).grants
  annEnds = Date.parse(grant!.until)
  const later = annEnds - at - 60_000
  setTimeout(() => {
    sinceAnnEnds = startStopwatch()
  }, annEnds - Date.now()).unref()
  t.ok(later > -1_000 && later < 5_000 + watch.lost(), 'for the minute that was asked for')
})

t.test('the launcher leads to the form, and revoked access is cut', async (t) => {
  pair.balanceTo(a)
  const bea = await arrive('bea', `${pair.hubUrl}/`)
  await bea.getByRole('heading', { name: 'You can ask for these' }).waitFor()
  await press(bea, 'a[href="/web/access-requests/new?app=orders"]')
  await bea.waitForURL('**/web/access-requests/new?app=orders')
  await tabTo(bea, '#request-reason')
  await bea.keyboard.type('TICKET-8')
  await press(bea, 'form[action="/web/access-requests"] button')
  await bea.waitForURL(requestPage)
  await approveByKeyboard(t, 'bea')
  await bea.waitForURL(`${pair.appUrl('orders')}/`)
  await until(() => open.has(mailOf('bea')), 'the app is live in the tab')

  await lea.waitForURL(requestPage)
  await tabTo(lea, 'form[action$="/revoke"] button')
  const watch = startStopwatch()
  await lea.keyboard.press('Enter')
  await until(() => !open.has(mailOf('bea')), 'the live connection is cut')
  const cut = watch.took(cutAt.get(mailOf('bea'))?.at)
  t.comment(`cut ${cut} ms after the key press of who revokes`)
  t.ok(cut < CUT_MS, `${cut} ms`)
})

t.test('break-glass opens at once with a passkey, and every approver is notified', async (t) => {
  pair.balanceTo(a)
  const kim = await arrive('kim', `${pair.hubUrl}/web/account`)
  await plugIn(kim)
  await kim.reload()
  await tabTo(kim, '[data-passkey] #name')
  await kim.keyboard.type('Laptop')
  await press(kim, '[data-add]')
  await kim.locator('[data-name]').waitFor()

  await kim.goto(wanted)
  t.match(await kim.textContent('h1'), 'You cannot open orders')
  await press(kim, '.emergency summary')
  await tabTo(kim, '#emergency-reason')
  await kim.keyboard.type('The import is down')
  await press(kim, '.emergency button')
  await kim.waitForURL('**/web/confirm-action?**')
  await press(kim, '[data-go]')
  await kim.waitForURL('**/web/access-requests/new?**')
  t.equal(await kim.inputValue('#emergency-reason'), 'The import is down', 'nothing has to be typed again')
  await press(kim, '.emergency button')
  await kim.waitForURL(requestPage)
  t.match(await kim.textContent('h1'), 'You have access')
  await press(kim, 'main .actions a.button')
  await kim.waitForURL(wanted)
  t.equal(await kim.textContent('h1'), 'Orders')
  const about = () => received.filter(({ severity }) => severity === 'critical')
  await until(() => about().length === 2, 'the operators and the approver are notified')
  t.strictSame(
    about().map(({ user, text }) => [user, text]),
    [undefined, mailOf('lea')].map((user) => [user, 'For: orders, 1h\nReason: The import is down']),
  )
  await press(lea, `nav a[href="/web/access-requests"]`)
  await lea.getByText(`${mailOf('kim')} opened orders without approval`).waitFor()
})

t.test('access ends by itself: the live connection is cut, and the page is the form again', async (t) => {
  await until(() => !open.has(mailOf('ann')), 'the live connection is cut')
  const cut = cutAt.get(mailOf('ann'))!
  t.ok(cut.wall >= annEnds - 50, 'until then it is live')
  const late = sinceAnnEnds?.took(cut.at) ?? 0
  t.comment(`cut ${late} ms after the end`)
  t.ok(late < CUT_MS, `${late} ms`)
  await press(ann, 'a')
  await ann.getByRole('heading', { name: 'You cannot open' }).waitFor()
  t.match(await ann.textContent('main'), 'Request access')
  const events = await b.api<{ grant_id?: string }[]>('GET', `/audit?type=app.request&user=${mailOf('ann')}`)
  t.ok(events.length > 0)
  t.ok(
    events.every(({ grant_id: id }) => typeof id === 'string'),
    'each record names the grant',
  )
})

t.test('T252 a hub that is killed between approval and grant leaves a complete request', async (t) => {
  signsIn('lea')
  const reviewer = pair.visitor()
  await reviewer.open(`${pair.hubUrl}/web/login?connector=sso`)
  signsIn('ann')
  const asker = pair.visitor()
  await asker.open(`${pair.hubUrl}/web/login?connector=sso`)
  const db = new pg.Client({ connectionString: pair.databaseUrl })
  await db.connect()
  t.teardown(() => db.end())

  /** Resolves to the status of the page that lea sees then, or to null when the hub is gone. */
  async function approve(id: string): Promise<number | null> {
    const page = await reviewer.open(`${pair.hubUrl}/web/access-requests/${id}`)
    return reviewer.submit(page, /\/approve$/, { for: '1m' }).then(
      ({ status }) => status,
      () => null,
    )
  }
  /** Whether the request was approved, by everything that the hub knows; null for a half. */
  async function approvalOf({ api }: RunningHub, id: string): Promise<boolean | null> {
    const found = await api<{ state: string; grant_id: string | null; reviews: object[] }>(
      'GET',
      `/access-requests/${id}`,
    )
    const { grants } = await api<{ grants: { id: string }[] }>('GET', `/users/${mailOf('ann')}`)
    const { effect } = await api<{ effect: string }>(
      'GET',
      `/access/explain?user=${mailOf('ann')}&app=orders`,
    )
    const started = await api<{ request?: string }[]>('GET', '/audit?type=grant.started')
    const facts = [
      found.state === 'approved',
      found.grant_id !== null,
      found.reviews.length === 1,
      grants.some((grant) => grant.id === found.grant_id),
      effect === 'allow',
      started.some(({ request }) => request === id),
    ]
    return new Set(facts).size > 1 ? null : facts[0]!
  }
  /** A hub that was not told of a change, because the one that made it is dead, reads it at its next poll. */
  const isWholly = async (hub: RunningHub, id: string, approved: boolean, what: string) => {
    const watch = startStopwatch()
    await until(async () => (await approvalOf(hub, id)) === approved, what)
    t.ok(watch.took() < VIEW_MS, `${what} after ${watch.took()} ms`)
  }

  for (const [dies, stays, table] of [
    // The approval is written, and the grant waits.
    [a, b, 'grants'],
    // Both are written, the notification waits, and nothing is committed.
    [b, a, 'notifications'],
    // Everything is committed.
    [a, b, null],
  ] as const) {
    pair.balanceTo(stays)
    const form = await asker.open(`${pair.hubUrl}/web/access-requests/new?app=orders`)
    const { url } = await asker.submit(form, /access-requests$/, { for: '1m', reason: 'TICKET-9' })
    const id = url.split('/').at(-1)!
    if (table !== null) await db.query(`BEGIN; LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`)
    pair.balanceTo(dies)
    const approving = approve(id)
    if (table !== null)
      await until(async () => {
        const { rows } = await db.query<{ count: string }>(
          `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '${table}'::regclass`,
        )
        return Number(rows[0]?.count) > 0
      }, `${dies.name} waits to write into ${table}`)
    else t.equal(await approving, 200)
    const { exited } = dies.program
    dies.program.signal('SIGKILL')
    await exited
    if (table !== null) {
      t.equal(await approving, null, 'lea has no answer')
      await db.query('ROLLBACK')
    }
    pair.balanceTo(stays)
    await isWholly(stays, id, table === null, table === null ? 'the grant counts' : 'it is still open')
    if (table !== null) {
      t.equal(await approve(id), 200)
      await isWholly(stays, id, true, 'it can be approved at the other hub')
    }
    await stays.api('POST', `/access-requests/${id}/revoke`)
    await dies.restart()
    t.notOk(await isLive(dies, id), 'a hub that starts again knows how it went on')
  }
})

async function isLive({ api }: RunningHub, id: string): Promise<boolean> {
  const { grant_id: grant } = await api<{ grant_id: string }>('GET', `/access-requests/${id}`)
  const { grants } = await api<{ grants: { id: string }[] }>('GET', `/users/${mailOf('ann')}`)
  return grants.some((one) => one.id === grant)
}
