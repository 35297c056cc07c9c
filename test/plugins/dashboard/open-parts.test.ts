// together: dashboard
/** Accessibility of what a click opens: menus, dialogs, the search over everything, suggestions, chosen rows and folded groups. */
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { administrator, browser, hub, openTab, violations } from './browser.ts'

const CAROL = 'carol@northwind.example'
const PAGES = [
  ...['', '/apps', '/apps/grafana', '/apps/grafana?edit', '/agents', '/agents/berlin-1', '/people'],
  ...[`/people/${CAROL}`, '/roles', '/roles/engineers', '/sign-in', '/sign-in/sso', '/locks', '/sessions'],
  ...['/requests', '/tokens', '/cluster', '/plugins/bots', '/plugins/passkeys'],
]
/** Dialogs by the address that opens them. */
const DIALOGS = ['/people?add', '/agents?add', '/locks?add', '/tokens?add']

/** English at the width of a screen, and German, whose words are longer, at that of a phone. */
const READERS = [
  ['en-US', 1280],
  ['de-DE', 390],
] as const

async function pageOf(t: Test, locale: string, width: number): Promise<Page> {
  const storageState = await administrator.storageState()
  const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState, locale })
  t.teardown(() => context.close())
  const { page } = await openTab(t, context)
  await page.setViewportSize({ width, height: 800 })
  return page
}

async function check(t: Test, page: Page, state: string): Promise<void> {
  t.strictSame(await violations(page), [], state)
  // Colours are the same in both languages.
  if ((await page.getAttribute('html', 'lang')) !== 'en') return
  await page.emulateMedia({ colorScheme: 'dark' })
  t.strictSame(await violations(page, { runOnly: ['color-contrast'] }), [], `${state}, in the dark`)
  await page.emulateMedia({ colorScheme: 'light' })
}

for (const [locale, width] of READERS) {
  t.test(`each menu of each page of the administration is accessible when open: ${locale}`, async (t) => {
    const page = await pageOf(t, locale, width)
    let opened = 0
    for (const path of PAGES) {
      await openPage(page, `${hub.url}/web/admin${path}`)
      const menus = page.locator('details:not([open]) > summary').filter({ visible: true })
      const count = await menus.count()
      for (let at = 0; at < count; at++) {
        await menus.nth(at).click()
        await check(t, page, `${path}, menu ${at + 1}`)
        // The first summary of an open one is not among them.
        await page.locator('details[open] > summary').first().click()
        opened += 1
      }
    }
    t.ok(opened > 25, `${opened} menus`)
  })

  t.test(`dialogs, suggestions and chosen rows are accessible: ${locale}`, async (t) => {
    const page = await pageOf(t, locale, width)
    for (const path of DIALOGS) {
      await openPage(page, `${hub.url}/web/admin${path}`)
      await page.locator('dialog[open]').waitFor()
      await check(t, page, path)
    }
    await openPage(page, `${hub.url}/web/admin/people?add`)
    await page.locator('dialog[open]').getByRole('combobox').fill('e')
    await page.getByRole('option').first().waitFor()
    await check(t, page, 'the suggestions of roles')

    await openPage(page, `${hub.url}/web/admin/people/${CAROL}`)
    await page.locator('.page-head button.danger').filter({ visible: true }).first().click()
    await page.locator('dialog[open]').waitFor()
    await check(t, page, 'the question before all access ends')

    for (const path of ['/apps', '/people', '/sessions']) {
      await openPage(page, `${hub.url}/web/admin${path}`)
      await page.locator('td.choice input').first().check()
      await page.locator('.selection').waitFor()
      await check(t, page, `${path} with a chosen row`)
      await page.locator('.selection button').first().click()
      await page.locator('dialog[open]').waitFor()
      await check(t, page, `${path}: the question about chosen rows`)
      await page.keyboard.press('Escape')
    }
  })

  t.test(`the search over everything is accessible: ${locale}`, async (t) => {
    const page = await pageOf(t, locale, width)
    await openPage(page, `${hub.url}/web/admin`)
    await page.keyboard.press('Control+k')
    await page.locator('.palette [role=option]').first().waitFor()
    await check(t, page, 'its pages')
    for (const query of ['grafana', 'lock carol', 'nothing-of-this-name']) {
      await page.locator('.palette input').fill(query)
      await page.locator('.palette [role=status]', { hasText: /\d/ }).waitFor()
      await check(t, page, query)
    }
  })

  t.test(`folded groups of the launcher are accessible: ${locale}`, async (t) => {
    const page = await pageOf(t, locale, width)
    await openPage(page, `${hub.url}/`)
    await page.locator('.fold').first().click()
    await check(t, page, 'one group')
    const open = page.locator('.fold[aria-expanded=true]')
    while ((await open.count()) > 0) await open.first().click()
    await page.locator('.page-head button[aria-pressed]').click()
    await check(t, page, 'all groups, and the compact view')
    await page.locator('header .menu > summary').click()
    await check(t, page, "the person's menu")
    await page.evaluate('localStorage.clear()')
  })
}
