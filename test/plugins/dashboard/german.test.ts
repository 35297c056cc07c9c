// together: dashboard
/** What the dashboard itself says is German in German: the head, navigation, titles, heads of columns, buttons and labels. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { administrator, browser, hub, openTab } from './browser.ts'

/** Words that German has from English. */
const BOTH =
  /^(?:Agent|Passkeys?|Hubs?|Status|Bytes|Tokens?|Plugins?|Cluster|Client|Name|Version|Transport|IP|ID|CSV|TLS|HTTP|JSON|API|Labels?|Claims?|Bots?|Filter|Person)$/

const SAID =
  'header nav a, .sidebar a, .sidebar h2, main h1, main h2, main th, main label, main .page-head button'

async function saidOn(page: Page, path: string): Promise<string[]> {
  await openPage(page, hub.url + path)
  const texts = await page.locator(SAID).allTextContents()
  return texts.map((text) => text.replaceAll(/\s+\d*/g, ' ').trim())
}

t.test('head, navigation, titles, columns and labels are German in a German browser', async (t) => {
  const { page: english } = await openTab(t)
  const storageState = await administrator.storageState()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, locale: 'de-DE' })
  t.teardown(() => context.close())
  const german = await context.newPage()
  for (const path of [
    '',
    '/apps',
    '/agents',
    '/people',
    '/roles',
    '/locks',
    '/sessions',
    '/requests',
    '/tokens',
  ]) {
    const known = new Set(await saidOn(english, `/web/admin${path}`))
    const said = await saidOn(german, `/web/admin${path}`)
    t.equal(await german.getAttribute('html', 'lang'), 'de')
    const left = said.filter((text) => /\p{L}{2}/u.test(text) && known.has(text) && !BOTH.test(text))
    t.strictSame([...new Set(left)], [], path)
  }
  const head = (await german.locator('header nav a').allTextContents()).map((text) =>
    text.replace(/\s*\d+$/, ''),
  )
  for (const title of ['Anwendungen', 'Verwaltung', 'Dokumentation'])
    t.ok(head.includes(title), head.join(', '))
})
