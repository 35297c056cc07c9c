/**
 * From a denial to the open app and to the cut at the end, by keyboard alone in a real browser, with two built hubs: the
 * person waits at one, and the approver decides at the other.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import t from 'tap'
import { FakeIssuer } from '../../core/testing/index.ts'
import { until } from '../until.ts'
import { newPerson, openBrowser } from './open-browser.ts'
import { connect } from './resources.ts'
import { isConnected, startAgent } from './start-agent.ts'
import { startTwoHubs } from './start-two-hubs.ts'

/** Within which a tab at one hub goes on after an approval at another. */
const GOES_ON_MS = 2_000
/** Within which the end of access cuts what is open. */
const CUT_MS = 2_000

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const roles: string[] = []
const open = new Set<ServerResponse>()
const server = createServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: .\n\n')
    open.add(response)
    response.on('close', () => open.delete(response))
    return
  }
  roles.push(String(request.headers['x-mezite-roles']))
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(
    `<!doctype html><title>Orders</title><h1>Orders</h1><script>new EventSource('/events')</script>`,
  )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})

const pair = await startTwoHubs(t)
const { a, b, dir } = pair
const browser = await openBrowser(t)
for (const [at, hub] of [a, b].entries()) {
  const hostname = `node-${at + 1}`
  const options = { hostname, proxy: `hub.mezite.localhost:${hub.port}`, api: hub.api, dir }
  const agent = await startAgent(options)
  t.teardown(() => agent.stop())
}
await until(() => isConnected(a.api, 'node-1'), 'an agent at hub-a')
await connect(a.api, issuer, 'staff')
const put = (path: string, document: object) => a.api('PUT', path, { version: 'v1', ...document })
await put('/roles/staff', {
  ...{ kind: 'role', metadata: { name: 'staff' } },
  spec: { allow: { request: { app_labels: { env: 'prod' }, max_duration: '1h' } } },
})
await put('/roles/lead', {
  ...{ kind: 'role', metadata: { name: 'lead' } },
  spec: { allow: { review: { app_labels: { env: 'prod' } } } },
})
await put('/apps/orders', {
  ...{ kind: 'app', metadata: { name: 'orders', labels: { env: 'prod' } } },
  spec: {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agents: ['node-1', 'node-2'],
  },
})
await a.api('POST', '/users', { name: 'ann@example.com', roles: ['staff'] })
await a.api('POST', '/users', { name: 'lea@example.com', roles: ['lead'] })

async function arrive(email: string, url: string): Promise<Page> {
  issuer.person = { sub: email, email, email_verified: true, groups: [] }
  const { context, page } = await newPerson(browser)
  t.teardown(() => context.close())
  await page.goto(url)
  return page
}
/** Presses Tab until the element that fits has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
  }
  throw new Error(`no Tab leads to ${selector} on ${page.url()}`)
}

t.test('a person asks at the door, is let in by another hub, and is cut off at the end', async (t) => {
  const wanted = `${pair.appUrl('orders')}/deep?q=1`
  pair.balanceTo(a)
  const ann = await arrive('ann@example.com', wanted)
  t.match(await ann.textContent('h1'), 'You cannot open orders')
  await tabTo(ann, '#request-for')
  await ann.keyboard.press('Home')
  await tabTo(ann, '#request-reason')
  await ann.keyboard.type('TICKET-7 <b>')
  await tabTo(ann, 'form[action="/web/access-requests"] button')
  await ann.keyboard.press('Enter')
  await ann.waitForURL('**/web/access-requests/*-*')
  t.match(await ann.textContent('h1'), 'Waiting for approval')
  t.match(await ann.textContent('.facts'), 'TICKET-7 <b>')

  pair.balanceTo(b)
  const lea = await arrive('lea@example.com', `${pair.hubUrl}/web/access-requests`)
  t.equal(await lea.textContent('nav .count'), '1', 'the navigation shows that a request waits')
  await tabTo(lea, 'main .list a')
  await lea.keyboard.press('Enter')
  await lea.waitForURL('**/web/access-requests/*-*')
  t.match(await lea.textContent('h1'), 'ann@example.com asks for orders')
  await tabTo(lea, 'form[action$="/approve"] button')
  const approved = Date.now()
  await lea.keyboard.press('Enter')
  await ann.waitForURL(wanted)
  const took = Date.now() - approved
  t.comment(`the tab went on after ${took} ms`)
  t.ok(took < GOES_ON_MS, `${took} ms`)
  t.equal(await ann.textContent('h1'), 'Orders')
  t.ok(roles.at(-1)?.includes('staff'))
  await until(() => open.size === 1, 'the app is live in the tab')

  await lea.waitForURL('**/web/access-requests/*-*')
  await tabTo(lea, 'form[action$="/revoke"] button')
  const revoked = Date.now()
  await lea.keyboard.press('Enter')
  await until(() => open.size === 0, 'the live connection is cut')
  const cut = Date.now() - revoked
  t.comment(`cut after ${cut} ms`)
  t.ok(cut < CUT_MS, `${cut} ms`)
  await ann.goto(wanted)
  t.match(await ann.textContent('h1'), 'You cannot open this', 'the page on the host of the app')
  t.match(await ann.textContent('main'), 'Request access', 'which leads to the form')
  const events = await b.api<{ grant_id?: string }[]>('GET', '/audit?type=app.request&user=ann@example.com')
  t.ok(events.length > 0)
  t.ok(
    events.every(({ grant_id: id }) => typeof id === 'string'),
    'each record names the grant',
  )
})
