import type { AdminClient, FakeIssuer, TestHub, Visitor } from '@mezite/core/testing'
import { HOSTILE, type Shot } from './hub-pages.ts'

export const RITA = 'rita@northwind.example'

/** Requests for access in every state, as somebody sees them who asks and who decides. */
export async function openRequestPages(hub: TestHub, api: AdminClient, issuer: FakeIssuer): Promise<Shot[]> {
  const put = (kind: string, name: string, spec: object, labels: object = {}) =>
    api('PUT', `/${kind}s/${name}`, { kind, version: 'v1', metadata: { name, labels }, spec })
  const upstream = { uri: 'http://127.0.0.1:9', agents: ['node-1'] }
  for (const name of ['orders', 'ledger', 'billing', 'returns', 'stock'])
    await put('app', name, upstream, { desk: 'sales', owner: 'Sales operations' })
  await put('app', 'payments', upstream, { desk: 'guarded' })
  const asks = { app_labels: { desk: ['sales', 'guarded'] }, max_duration: '8h', break_glass: true }
  await put('role', 'seller', { allow: { request: asks } })
  await put('role', 'chief', { allow: { review: { app_labels: { desk: 'sales' } } } })
  await put('role', 'guard', { allow: { review: { app_labels: { desk: 'guarded' }, passkey: true } } })
  const people = { rita: ['seller', 'chief', 'guard'], olaf: ['seller'], lea: ['chief'] }
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
  /** Asks by the form, and returns the address of the request. */
  async function ask(name: string, app: string, reason: string): Promise<string> {
    const visitor = visitors.get(name)!
    const page = await visitor.open(`${requests}/new?app=${app}`)
    return (await visitor.submit(page, /access-requests$/, { for: '2h', reason })).url
  }
  async function decide(name: string, url: string, how: 'approve' | 'deny', fields = {}) {
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
    goto('request-nothing', `${requests}/new?app=nothing`),
    goto('request-list', requests),
    goto('request-account', `${hub.signInUrl}/web/account`),
    goto('request-applications', `${hub.signInUrl}/`),
    goto('confirm-action', `${hub.signInUrl}/web/confirm-action?return=/web/access-requests`),
  ]
}
