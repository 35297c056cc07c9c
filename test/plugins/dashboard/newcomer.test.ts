// together: dashboard
/** The walk of somebody who has never seen the dashboard, from an application to the end of a session, in the browser alone. */
import t from 'tap'
import { choose } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, hub, openTab } from './browser.ts'

const CAROL = 'carol@northwind.example'

t.test(
  'a newcomer publishes an application, opens it, sees the request, and gives and revokes access',
  async (t) => {
    const { page } = await openTab(t)
    await page.goto(`${hub.url}/`)
    await page.getByRole('link', { name: 'Administration' }).click()
    await page.locator('.sidebar').getByRole('link', { name: 'Applications' }).click()
    await page.getByRole('link', { name: 'Add an application' }).click()
    await page.getByLabel('Name *').first().fill('second')
    await page.getByLabel('Target *').fill(dashboard.target)
    await choose(page, 'Agents', 'berlin-1')
    await page.getByLabel('Labels').fill('team=platform')
    await page.getByRole('button', { name: 'Test', exact: true }).click()
    await page.getByText('Reached', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Add an application' }).click()
    await page.getByRole('heading', { name: 'second' }).waitFor()

    await page.locator('header').getByRole('link', { name: 'Applications' }).click()
    await page.keyboard.press('/')
    await page.keyboard.type('second')
    await page.getByRole('link', { name: 'second' }).click()
    await page.getByRole('heading', { name: 'Hello' }).first().waitFor()
    await page.goBack()

    await page.getByRole('link', { name: 'Administration' }).click()
    await page.locator('.sidebar').getByRole('link', { name: 'Requests and audit' }).click()
    const row = page.locator('tbody tr', { hasText: 'second GET /' }).first()
    await row.waitFor()
    await row.getByRole('link', { name: 'app.request' }).click()
    await page.locator('.panel', { hasText: 'dana@northwind.example' }).waitFor()

    const { page: carol } = await openTab(t, await dashboard.carol())
    await carol.goto(`${hub.appUrl('second')}/`)
    const refused = (await carol.textContent('main')) ?? ''
    t.match(refused, 'You cannot open second')
    const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(refused)?.[0] ?? ''
    await page.goto(`${hub.url}/web/admin/requests/${id}`)
    await page.getByRole('link', { name: 'Why can this person open it, or not?' }).click()
    await page.getByRole('heading', { name: CAROL }).waitFor()
    await page.getByLabel('Application').selectOption('second')
    await page.getByText('role_missing').waitFor()
    await page.getByRole('button', { name: 'Edit roles' }).click()
    await choose(page, 'Roles', 'engineers')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('.answer', { hasText: 'Allowed' }).waitFor()
    await carol.goto(`${hub.appUrl('second')}/`)
    await carol.getByRole('heading', { name: 'Hello' }).first().waitFor()

    const end = page.getByRole('button', { name: /^End: Sign-in/ })
    await end.first().waitFor()
    await carol.goto(`${hub.url}/`)
    await carol.getByRole('link', { name: 'second' }).waitFor()
    while ((await end.count()) > 0) {
      const left = await end.count()
      await end.first().click()
      await page.locator('dialog[open]').getByRole('button', { name: 'End' }).click()
      await page.locator('dialog').waitFor({ state: 'detached' })
      await end.nth(left - 1).waitFor({ state: 'detached' })
    }
    await carol.getByRole('dialog', { name: 'You are signed out' }).waitFor()
    await api('PATCH', `/users/${CAROL}`, { roles: [] })
    await api('DELETE', '/apps/second')
  },
)
