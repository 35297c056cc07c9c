// long
// needs: chromium
/** The requests that wait for somebody, decided with the keyboard and several at once, in a real browser. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import { plugIn } from '../webauthn/virtual-key.ts'
import { startRequestHub } from './start-request-hub.ts'

const bench = await startRequestHub()
const { hub, origin, app, role, person, ask, call } = bench
t.teardown(() => hub.stop())
await app('orders', { env: 'prod', owner: 'Orders team' })
await app('payments', { env: 'guarded' })
await role('oncall', { app_labels: { env: 'prod' } })
await role('dev', { request: { app_labels: { env: ['prod', 'guarded'] }, max_duration: '8h' } })
await role('lead', { review: { app_labels: { env: 'prod' } } })
await role('guard', { review: { app_labels: { env: 'guarded' }, passkey: true } })
const browser = await openBrowser(t)

/** A page in the browser of somebody who has signed in with a passkey, and whose confirmation is used. */
async function reviewer(name: string, roles: readonly string[], options: object = {}): Promise<Page> {
  await hub.api('POST', '/users', { name, roles })
  const { link } = await hub.api<{ link: string }>('POST', `/users/${name}/mfa`, {
    type: 'webauthn',
    sign_in: true,
  })
  const { context, page } = await newPerson(browser, options)
  t.teardown(() => context.close())
  await plugIn(page)
  await page.goto(link)
  await page.locator('[data-go]').click()
  await page.locator('[data-when="done"] a').click()
  await page.waitForURL(`${origin}/`)
  return page
}
let people = 0
/** A request of somebody new, and its id. */
async function waiting(body: object = {}): Promise<string> {
  const who = await person(`asker-${++people}`, ['dev'])
  const { id, status } = await ask(who, { reason: `Ticket ${people}`, ...body })
  t.equal(status, 201)
  return id
}
const stored = (id: string) =>
  hub.api<{ state: string; until: string; approved_for?: string }>('GET', `/access-requests/${id}`)
const states = async (...ids: string[]) => (await Promise.all(ids.map(stored))).map(({ state }) => state)
const list = `${origin}/web/access-requests`
const outcome = (page: Page) => page.locator('#outcome')
const box = (page: Page, id: string) => page.locator(`input[name="request-${id}"]`)
const isFocused = (page: Page, id: string) =>
  page.evaluate<boolean>(`document.activeElement.name === 'request-${id}'`)

t.test('j, k, x, a and d decide, and nothing is decided that has neither mark nor focus', async (t) => {
  const page = await reviewer('keys', ['lead'])
  const ids = []
  for (let count = 0; count < 4; count++) ids.push(await waiting())
  await page.goto(list)
  const shown = await page
    .locator('form.inbox input[type=checkbox]')
    .evaluateAll((all) => all.map((one) => (one as unknown as { name: string }).name.slice(8)))
  t.strictSame([...shown].sort(), [...ids].sort())
  const [first, second, , fourth] = shown as [string, string, string, string]

  t.match(
    await page.locator('form.inbox').ariaSnapshot(),
    /- checkbox "asker-\d+ asks for orders"[\s\S]*combobox "Approve for at most"[\s\S]*button "Approve"[\s\S]*button "Deny"/,
    'the tree of a screen reader',
  )
  for (const key of ['a', 'd', 'x']) await page.keyboard.press(key)
  t.equal(new URL(page.url()).pathname, '/web/access-requests')
  t.strictSame(await states(...shown), Array(4).fill('pending'), 'nothing has the focus')
  t.equal(await page.locator('form.inbox input:checked').count(), 0)

  await page.keyboard.press('j')
  t.ok(await isFocused(page, first), 'the first without a click')
  await page.keyboard.press('j')
  t.ok(await isFocused(page, second))
  await page.keyboard.press('k')
  await page.keyboard.press('k')
  t.ok(await isFocused(page, first), 'k stops at the first')
  await page.keyboard.press('x')
  t.ok(await box(page, first).isChecked())
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.keyboard.press('x')
  t.notOk(await box(page, second).isChecked(), 'x takes the mark away')
  await page.keyboard.press('j')
  await page.keyboard.press('x')

  await page.locator('#decide-for').focus()
  await page.keyboard.press('a')
  await page.keyboard.press('d')
  await page.keyboard.press('Control+a')
  t.strictSame(await states(...shown), Array(4).fill('pending'), 'keys of a field and of the browser')
  await page.locator('h1').click()
  await page.keyboard.press('a')
  await outcome(page).waitFor()
  t.strictSame(await states(...shown), ['approved', 'pending', 'approved', 'pending'], 'the marked ones')
  t.match(await outcome(page).textContent(), /Approved: 2/)
  t.equal(await page.evaluate('document.activeElement.id'), 'outcome', 'a screen reader is told')

  await page.keyboard.press('j')
  t.ok(await isFocused(page, second))
  await page.keyboard.press('d')
  await page.locator('#outcome', { hasText: 'Denied: 1' }).waitFor()
  t.strictSame(await states(second, fourth), ['denied', 'pending'], 'the one with the focus')

  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${list}/${fourth}`)
  t.equal(await stored(fourth).then(({ state }) => state), 'pending', 'Enter opens it')
})

t.test('each marked request is tried, and the page shows which were not decided, and why', async (t) => {
  const page = await reviewer('several', ['lead', 'guard'])
  const [gone, guarded, good] = [await waiting(), await waiting({ app: 'payments' }), await waiting()]
  await page.goto(list)
  for (const id of [gone, guarded, good]) await box(page, id).check()
  const lead = await person('earlier', ['lead'])
  t.match(await call(lead, 'POST', `/access-requests/${gone}/deny`, {}), { status: 200 })
  await page.getByRole('button', { name: 'Approve', exact: true }).click()
  await outcome(page).waitFor()
  t.strictSame(await states(gone, guarded, good), ['denied', 'pending', 'approved'])
  const text = String(await outcome(page).textContent()).replace(/\s+/g, ' ')
  t.match(text, /Approved: 1asker.*asks for orders.*Not decided: 2/)
  t.match(text, 'This request is already denied.')
  t.match(text, 'Your role approves with a passkey only')
  t.equal(await outcome(page).locator(`a[href$="${guarded}"]`).count(), 1, 'where to confirm')
  await page.goto(`${list}/decide`)
  t.equal(page.url(), list, 'the address of a decision leads back')
})

t.test('several are approved for less time, but none for more than it asks for', async (t) => {
  const page = await reviewer('times', ['lead'], { locale: 'de-DE' })
  const [long, short] = [await waiting({ for: '8h' }), await waiting({ for: '15m' })]
  await page.goto(list)
  for (const id of [long, short]) await box(page, id).check()
  await page.getByLabel('Genehmigen für höchstens').selectOption('1h')
  const before = bench.clock.now()
  await page.getByRole('button', { name: 'Genehmigen', exact: true }).click()
  await outcome(page).waitFor()
  t.match(await outcome(page).textContent(), 'Genehmigt: 2')
  const minutes = async (id: string) => Math.round((Date.parse((await stored(id)).until) - before) / 60_000)
  t.strictSame([await minutes(long), await minutes(short)], [60, 15])

  await page.goto(list)
  const open = page.locator('section.card', { has: page.getByRole('heading', { name: 'Jetzt offen' }) })
  const order = await open
    .locator('a')
    .evaluateAll((all) => all.map((one) => (one as unknown as { href: string }).href.split('/').at(-1)))
  t.ok(order.indexOf(short) >= 0 && order.indexOf(short) < order.indexOf(long), 'what ends soon is first')
})
