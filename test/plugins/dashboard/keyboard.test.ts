// together: dashboard
/** The dashboard with the keyboard alone. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, hub, openTab } from './browser.ts'

const focused = (page: Page) =>
  page.evaluate<string>(
    'document.activeElement.textContent || document.activeElement.id || document.activeElement.name',
  )

t.test('156 the tab key moves through header, navigation and page in their order', async (t) => {
  const { page } = await openTab(t)
  await page.goto(`${hub.url}/web/admin/locks`)
  await page.getByRole('heading', { name: 'Locks' }).waitFor()
  await page.locator('tbody tr').first().waitFor()
  const order: string[] = []
  // More than the page has places to stop.
  for (let count = 0; count < 60 && order.at(-1) !== 'Unlock'; count++) {
    await page.keyboard.press('Tab')
    order.push((await focused(page)).trim())
  }
  const wanted = [
    'Skip to content',
    'Applications',
    'Administration',
    'Overview',
    'Locks',
    'Cluster',
    'Add a lock',
    'Unlock',
  ]
  const found = wanted.map((text) => order.indexOf(text))
  t.notMatch(found, [-1], order.join(', '))
  t.strictSame(
    found,
    found.toSorted((one, other) => one - other),
    order.join(', '),
  )
  t.ok(
    await page.evaluate("getComputedStyle(document.activeElement).outlineStyle === 'solid'"),
    'the focus is seen',
  )
})

t.test('156 a link of the navigation moves the focus to the page', async (t) => {
  const { page } = await openTab(t)
  await page.goto(`${hub.url}/web/admin`)
  await page.locator('.sidebar').getByText('Tokens').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'API tokens' }).waitFor()
  t.equal(await page.evaluate('document.activeElement.id'), 'admin-main')
})

t.test('156 a dialog holds the focus, Escape closes it, and the focus returns', async (t) => {
  const { page } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin/locks`)
  await page.getByRole('button', { name: 'Add a lock' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('dialog[open]').waitFor()
  for (let count = 0; count < 12; count++) {
    await page.keyboard.press('Tab')
    t.ok(
      await page.evaluate(
        'document.activeElement === document.body || document.activeElement.closest("dialog") !== null',
      ),
      'the page below is not reached',
    )
  }
  await page.keyboard.press('Escape')
  await page.locator('dialog').waitFor({ state: 'detached' })
  t.equal(await focused(page), 'Add a lock')

  await page.keyboard.press('Enter')
  await page.locator('dialog[open]').waitFor()
  await page.getByLabel('Name *').focus()
  await page.keyboard.type('carol@northwind.example')
  await page.keyboard.press('Enter')
  await page.locator('.notices', { hasText: 'Locked' }).waitFor()
  t.equal(await focused(page), 'Add a lock')
  const [lock] = (await api<{ id: string; target: object }[]>('GET', '/locks')).filter(({ target }) =>
    JSON.stringify(target).includes('carol'),
  )
  await api('DELETE', `/locks/${lock?.id}`)
})
