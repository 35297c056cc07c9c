import {
  type AdminClient,
  createTestHub,
  type FakeIssuer,
  fakeClock,
  type TestHub,
  type Visitor,
} from '@mezite/core/testing'
import type { Page } from 'playwright-core'
import { HOSTILE, type Shot } from './hub-pages.ts'

export const RITA = 'rita@northwind.example'

/** Requests for access in every state, as somebody sees them who asks and who decides. */
export async function openRequestPages(
  t: { teardown(fn: () => unknown): void },
  hub: TestHub,
  api: AdminClient,
  issuer: FakeIssuer,
): Promise<Shot[]> {
  const put = (kind: string, name: string, spec: object, labels: object = {}) =>
    api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name, labels }, spec })
  const upstream = { uri: 'http://127.0.0.1:9', agents: ['node-1'] }
  const sold = ['orders', 'ledger', 'billing', 'returns', 'stock', 'quotes', 'refunds', 'prices', 'invoices']
  for (const name of sold) await put('app', name, upstream, { desk: 'sales', owner: 'Sales operations' })
  await put('app', 'payments', upstream, { desk: 'guarded' })
  const asks = { app_labels: { desk: ['sales', 'guarded'] }, max_duration: '8h', break_glass: true }
  await put('role', 'seller', { allow: { request: asks } })
  await put('app', 'safe', upstream, { desk: 'careful' })
  await put('role', 'month-end', { allow: { app_labels: { desk: ['careful', 'guarded'] } } })
  await put('role', 'closer', {
    allow: { request: { roles: ['month-end'], approvals: 2, reason: 'optional', max_duration: '3d' } },
  })
  await put('role', 'second', { allow: { review: { roles: ['month-end'] } } })
  await put('role', 'chief', { allow: { review: { app_labels: { desk: 'sales' } } } })
  await put('role', 'guard', { allow: { review: { app_labels: { desk: 'guarded' }, passkey: true } } })
  const people = {
    rita: ['seller', 'chief', 'guard', 'closer'],
    olaf: ['seller', 'closer'],
    lea: ['chief', 'second'],
    ida: ['second'],
  }
  const visitors = new Map<string, Visitor>()
  for (const [name, roles] of Object.entries(people)) {
    const email = `${name}@northwind.example`
    await api('POST', '/users', { name: email, roles })
    issuer.person = { sub: email, email, email_verified: true, groups: [] }
    const visitor = hub.visitor()
    await visitor.open(`${hub.signInUrl}/web/login?connector=sso`)
    visitors.set(name, visitor)
  }
  const requests = `${hub.signInUrl}/web/access-requests`
  /** Asks by the form for an app, or without a name for the role, and returns the address of the request. */
  async function ask(name: string, app: string, reason: string): Promise<string> {
    const visitor = visitors.get(name)!
    const page = await visitor.open(`${requests}/new?${app === '' ? 'role=month-end' : `app=${app}`}`)
    return (await visitor.submit(page, /access-requests$/, { for: '2h', reason })).url
  }
  async function decide(
    name: string,
    url: string,
    how: 'approve' | 'deny' | 'revoke' | 'cancel',
    fields = {},
  ) {
    const visitor = visitors.get(name)!
    const page = await visitor.open(url)
    const done = await visitor.submit(page, new RegExp(`/${how}$`), fields)
    if (done.status !== 200) throw new Error(`${how}: ${done.status}`)
  }
  const waiting = await ask('rita', 'ledger', 'Month-end closing, TICKET-7')
  const open = await ask('rita', 'billing', 'Invoice 4711 is wrong')
  await decide('lea', open, 'approve', { for: '2h' })
  const denied = await ask('rita', 'returns', 'To look around')
  await decide('lea', denied, 'deny', { reason: 'No ticket' })
  const asked = await ask('olaf', 'orders', `${HOSTILE} TICKET-9, the nightly import has stopped`)
  const live = await ask('olaf', 'stock', 'Count the shelf again')
  await decide('lea', live, 'approve', { for: '1h' })
  const guarded = await ask('olaf', 'payments', 'A payment is stuck')
  const cancelled = await ask('rita', 'quotes', 'Not needed any more')
  await decide('rita', cancelled, 'cancel')
  const revoked = await ask('rita', 'refunds', 'Refund 4712')
  await decide('lea', revoked, 'approve', { for: '1h' })
  await decide('lea', revoked, 'revoke')
  const ended = await ask('rita', 'prices', 'Update the price list')
  await decide('lea', ended, 'approve', { for: '1h' })
  await decide('rita', ended, 'cancel')
  const half = await ask('rita', '', 'Close November')
  await decide('ida', half, 'approve', { for: '1h' })
  const wide = await ask('olaf', '', '')
  await decide('ida', wide, 'approve', { for: '1h' })
  await put('role', 'chief', {
    allow: { review: { roles: ['month-end'], app_labels: { desk: 'sales' } } },
  })
  const declined = await ask('olaf', 'quotes', 'Just curious')
  await decide('lea', declined, 'deny', { reason: 'Ask your team lead first' })
  const openExpired = await expire(t, issuer)
  /** The page of a session at the app whose access is over. */
  async function openDoor(page: Page): Promise<void> {
    const url = await ask('rita', 'invoices', 'Invoice 4713')
    await decide('lea', url, 'approve', { for: '1h' })
    await page.goto(`${hub.appUrl('invoices')}/`)
    await decide('lea', url, 'revoke')
    await page.goto(`${hub.appUrl('invoices')}/`)
  }

  const goto = (name: string, url: string): Shot => ({ name, open: (page) => page.goto(url) })
  return [
    goto('request-form', `${hub.appUrl('orders')}/`),
    {
      name: 'request-form-emergency',
      async open(page) {
        await page.goto(`${requests}/new?app=orders`)
        await page.locator('.emergency summary').click()
      },
    },
    goto('request-pending', `${hub.appUrl('ledger')}/`),
    goto('request-waiting', waiting),
    goto('request-open', open),
    goto('request-denied', denied),
    goto('request-review', asked),
    goto('request-review-open', live),
    goto('request-review-passkey', guarded),
    goto('request-form-confirmed', `${requests}/new?app=orders&glass=1h&reason=The+import+is+down`),
    goto('request-form-role', `${requests}/new?role=month-end`),
    { name: 'request-door', open: openDoor },
    goto('request-cancelled', cancelled),
    goto('request-revoked', revoked),
    goto('request-ended', ended),
    goto('request-half-approved', half),
    goto('request-review-role', wide),
    goto('request-review-denied', declined),
    goto('request-nothing', `${requests}/new?app=nothing`),
    goto('request-list', requests),
    goto('request-account', `${hub.signInUrl}/web/account`),
    goto('request-applications', `${hub.signInUrl}/`),
    goto('confirm-action', `${hub.signInUrl}/web/confirm-action?return=/web/access-requests`),
    // Last: its hub has the cookies of the other one, because cookies do not know ports.
    { name: 'request-expired', open: openExpired },
  ]
}

/** A request that nobody approved in time, at a hub whose clock goes ahead. */
async function expire(t: { teardown(fn: () => unknown): void }, issuer: FakeIssuer) {
  const clock = fakeClock()
  const hub = await createTestHub({ clock })
  t.teardown(() => hub.stop())
  /** Signs in at this hub, by its time. */
  async function signIn(open: (url: string) => Promise<unknown>): Promise<void> {
    const { now } = issuer
    issuer.now = clock.now
    issuer.person = { sub: RITA, email: RITA, email_verified: true, groups: [] }
    await open(`${hub.signInUrl}/web/login?connector=sso`)
    issuer.now = now
  }
  const put = (kind: string, name: string, document: object) =>
    hub.api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name }, ...document })
  await hub.api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: issuer.spec,
  })
  await put('role', 'seller', { spec: { allow: { app_labels: { desk: 'sales' } } } })
  await put('role', 'asker', { spec: { allow: { request: { roles: ['seller'] } } } })
  await hub.api('POST', '/users', { name: RITA, roles: ['asker'] })
  const visitor = hub.visitor()
  await signIn((url) => visitor.open(url))
  const form = await visitor.open(`${hub.signInUrl}/web/access-requests/new?role=seller`)
  const { url } = await visitor.submit(form, /access-requests$/, { for: '1h', reason: 'Stocktaking' })
  clock.advance(25 * 3_600_000)
  await hub.ready()
  return async (page: Page) => {
    await signIn((at) => page.goto(at))
    await page.goto(url)
  }
}
