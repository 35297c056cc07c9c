// together: dashboard
/** The launcher in a German browser, on a screen and on a phone, in all its states. */
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { de } from '../../../plugins/dashboard/web/texts/de.ts'
import { en } from '../../../plugins/dashboard/web/texts/en.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { administrator, api, browser, dashboard, hub, openTab, violations } from './browser.ts'

const VIEWPORTS = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
]
const german = async (
  t: { teardown(fn: () => unknown): void },
  from: BrowserContext,
): Promise<BrowserContext> => {
  const storageState = await from.storageState()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, locale: 'de-DE' })
  t.teardown(() => context.close())
  return context
}
/** What has no room for its text. */
const CUT = `[...document.querySelectorAll('header a, main button, main h2, .tag, .page-head *')]
  .filter((one) => getComputedStyle(one).display !== 'inline' && !one.matches('.visually-hidden'))
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.textContent)`
/** English texts of the dashboard that are part of what the page says, in names of buttons too. */
async function englishOn(page: Page): Promise<readonly string[]> {
  const said = await page.locator('body').ariaSnapshot()
  return Object.keys(en).flatMap((key) => {
    const [english, other] = [en[key as keyof typeof en], de[key as keyof typeof en]]
    const parts = english.split(/\{[^}]*\}/).map((part) => part.trim())
    return english !== other && parts.some((part) => part.length > 4 && said.includes(part)) ? [english] : []
  })
}
/** The page as it is, at each size: nothing English, nothing beside the screen, nothing that axe finds. */
async function looksGerman(t: Test, page: Page, state: string): Promise<void> {
  t.equal(await page.getAttribute('html', 'lang'), 'de')
  for (const size of VIEWPORTS) {
    await page.setViewportSize(size)
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
    t.ok(wide <= size.width, `${state}: ${wide} of ${size.width} px`)
    const cut = await page.evaluate<string[]>(CUT)
    t.strictSame(cut, [], `${state}: nothing is cut at ${size.width}`)
  }
  t.strictSame(await englishOn(page), [], state)
  t.strictSame(await violations(page), [], state)
}

t.test('applications, their states, a favourite, the compact view and a search are German', async (t) => {
  const { page: english } = await openTab(t)
  await openPage(english, `${hub.url}/`)
  t.ok((await englishOn(english)).length > 3, 'English would be found')
  const { page, faults } = await openTab(t, await german(t, administrator))
  await openPage(page, `${hub.url}/`)
  await page.getByRole('heading', { name: 'Anwendungen', level: 1 }).waitFor()
  await page.getByText('Antwortet nicht').first().waitFor()
  await looksGerman(t, page, 'apps')
  await page.getByRole('button', { name: 'Wiki ist ein Favorit' }).click()
  await page.getByRole('region', { name: 'Favoriten' }).waitFor()
  await page.getByRole('button', { name: 'Kompakt' }).click()
  const compact = page.locator('.cards.compact')
  t.ok(await compact.getByText('Antwortet nicht').first().isVisible(), 'the state is in the compact view too')
  t.ok(await compact.getByRole('button', { name: 'Befehl für Orders database kopieren' }).isVisible())
  await looksGerman(t, page, 'compact with a favourite')
  await page.getByRole('searchbox', { name: 'Anwendungen suchen' }).fill('nirgendwo')
  await page.getByText('Keine Anwendung passt zu „nirgendwo“.').waitFor()
  await page.getByRole('status').getByText('0 gefunden').waitFor()
  await looksGerman(t, page, 'nothing found')
  await page.getByRole('button', { name: 'Suche leeren' }).click()
  await page.getByRole('link', { name: 'Grafana' }).first().waitFor()
  t.strictSame(faults, [])
})

t.test(
  'an empty launcher, a lock, a request, a hub that fails and an ended session are German',
  async (t) => {
    const name = 'olga@northwind.example'
    const { page } = await openTab(t, await german(t, await dashboard.person(dashboard.claimsOf(name))))
    const show = async (apps: readonly object[]) => {
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      await page.route('**/v1/webapi/me/apps**', (route) => route.fulfill({ json: apps }))
      await page.goto(`${hub.url}/`)
    }
    await show([])
    await page.getByRole('heading', { name: 'Sie haben noch keine Anwendungen' }).waitFor()
    t.match(await page.textContent('main'), name)
    await looksGerman(t, page, 'no apps')

    const { id } = await api<{ id: string }>('POST', '/locks', { target: { user: name } })
    await page.getByRole('heading', { name: 'Ihr Zugriff ist gesperrt' }).waitFor()
    await looksGerman(t, page, 'locked')
    await api('DELETE', `/locks/${id}`)

    const app = {
      description: null,
      labels: {},
      group: null,
      icon: null,
      url: null,
      state: 'ready',
      requirements: [],
    }
    const asked = {
      ...app,
      name: 'ledger',
      display_name: 'Hauptbuch',
      request_path: '/web/access-requests/new?app=ledger',
    }
    await show([
      asked,
      { ...asked, name: 'own', display_name: 'Eigenes', request_path: null, url: hub.appUrl('own') },
    ])
    await page.getByRole('link', { name: 'Zugriff auf Hauptbuch anfragen' }).waitFor()
    await looksGerman(t, page, 'to ask for')

    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await page.route('**/v1/webapi/me/apps**', (route) =>
      route.fulfill({ status: 503, json: { code: 'database' } }),
    )
    await page.goto(`${hub.url}/`)
    await page.getByRole('button', { name: 'Noch einmal versuchen' }).waitFor()
    await looksGerman(t, page, 'a hub that fails')
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await page.goto(`${hub.url}/`)
    await page.getByRole('link', { name: 'Grafana' }).waitFor()
    for (const { id } of await api<{ id: string }[]>('GET', `/sessions?user=${name}`))
      await api('DELETE', `/sessions/${id}`).catch(() => {})
    await page.getByRole('dialog', { name: 'Sie sind abgemeldet' }).waitFor()
    await looksGerman(t, page, 'signed out')
  },
)
