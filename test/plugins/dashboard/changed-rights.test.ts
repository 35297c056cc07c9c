// together: dashboard
/** Rights that change while a page is open, and pages that are opened by their address without the right. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, hub, openTab, violations } from './browser.ts'

const REFUSED = 'You may not open this page'
/** A change of rights has to show within this time, in milliseconds. */
const SECONDS = { timeout: 10_000 }
const named = (name: string) => `${name}@northwind.example`
const setRoles = (name: string, roles: readonly string[]) =>
  api('PATCH', `/users/${encodeURIComponent(named(name))}`, { roles })

/** Signs a new person with these roles in. */
async function signIn(
  t: { teardown(fn: () => unknown): void },
  name: string,
  roles: string[],
  locale = 'en',
) {
  await api('POST', '/users', { name: named(name), roles })
  t.teardown(() => api('DELETE', `/users/${encodeURIComponent(named(name))}`))
  const context = await dashboard.person(dashboard.claimsOf(named(name), []), { locale })
  return openTab(t, context)
}
const at = (page: Page, slug: string) => openPage(page, `${hub.url}/web/admin/${slug}`)
const link = (page: Page, slug: string) => page.locator(`.sidebar a[href="/web/admin/${slug}"]`)

t.test('a right that is lost or won shows on the open page within seconds', async (t) => {
  const { page, faults } = await signIn(t, 'vera', ['helpdesk'])
  await at(page, 'locks')
  const add = page.getByRole('button', { name: 'Add a lock' })
  await add.waitFor()
  t.equal(await link(page, 'apps').count(), 0)

  await setRoles('vera', ['auditor'])
  await add.waitFor({ state: 'detached', ...SECONDS })
  await link(page, 'apps').waitFor(SECONDS)
  t.ok(await link(page, 'locks').isVisible(), 'an auditor still sees locks')

  await setRoles('vera', ['app-owner'])
  await page.getByRole('heading', { name: REFUSED, level: 1 }).waitFor(SECONDS)
  await link(page, 'locks').waitFor({ state: 'detached', ...SECONDS })

  await setRoles('vera', ['security'])
  await add.waitFor(SECONDS)
  t.equal(await page.getByRole('heading', { name: REFUSED }).count(), 0)
  t.strictSame(faults, [])
})

t.test('a right that a changed role gives or takes shows on the open page within seconds', async (t) => {
  const shift = (verbs: readonly string[]) =>
    dashboard.role('shift', { allow: { admin: [{ kinds: ['lock'], verbs }] } })
  await shift(['list'])
  t.teardown(() => api('DELETE', '/roles/shift'))
  const { page, faults } = await signIn(t, 'olaf', ['shift'])
  await at(page, 'locks')
  await page.getByRole('table').waitFor()
  const add = page.getByRole('button', { name: 'Add a lock' })
  t.equal(await add.count(), 0)
  await shift(['list', 'create'])
  await add.waitFor(SECONDS)
  await shift(['list'])
  await add.waitFor({ state: 'detached', ...SECONDS })
  t.strictSame(faults, [])
})

t.test(
  'a page without its right names the right, and the people who have it if one may know that',
  async (t) => {
    const { page: helpdesk } = await signIn(t, 'hedda', ['helpdesk'])
    await at(helpdesk, 'tokens')
    const main = helpdesk.locator('#admin-main')
    await main.getByRole('heading', { name: REFUSED, level: 1 }).waitFor()
    await main.getByText('api-token.list', { exact: true }).waitFor()
    await main.getByText(named('dana')).waitFor()
    t.strictSame(await violations(helpdesk), [])

    const { page: owner } = await signIn(t, 'olga', ['app-owner'])
    await at(owner, 'people')
    const text = await owner.locator('#admin-main').textContent()
    t.match(text, /You may not open this page.*user\.list/)
    t.notMatch(text, 'dana', 'nobody is named without access.read')
  },
)

t.test('the page says so in German too', async (t) => {
  const { page } = await signIn(t, 'gerd', ['helpdesk'], 'de-DE')
  await at(page, 'tokens')
  const main = page.locator('#admin-main')
  await main.getByRole('heading', { name: 'Diese Seite dürfen Sie nicht öffnen', level: 1 }).waitFor()
  await main.getByText(named('dana')).waitFor()
  t.match(await main.textContent(), /Recht.*api-token\.list/)
})
