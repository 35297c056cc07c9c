// together: dashboard
/** The lists of a large company, as a browser shows them. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openBrowser } from '../../e2e/open-browser.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { LISTS, openLargeHub } from '../../screenshots/large-hub.ts'

/** What the functions that run in the page see. */
declare const document: {
  querySelectorAll(selector: string): Iterable<{
    getBoundingClientRect(): { height: number }
    readonly scrollWidth: number
    readonly clientWidth: number
  }>
  documentElement: { scrollWidth: number; clientWidth: number; scrollHeight: number }
}

const browser = await openBrowser(t)
const { hub, page } = await openLargeHub(t, browser, { people: 300, sessions: 150 })
const at = (path: string) => openPage(page, `${hub.url}/web/admin${path}`)

/** The highest row of the page's lists, and whether the page or a list is wider than there is room. */
const measure = (page: Page) =>
  page.evaluate(() => ({
    highest: Math.max(
      0,
      ...[...document.querySelectorAll('.table-card.list tbody tr')].map(
        (row) => row.getBoundingClientRect().height,
      ),
    ),
    isPageWide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    isWide: [...document.querySelectorAll('.table-card.list')].some(
      ({ scrollWidth, clientWidth }) => scrollWidth > clientWidth,
    ),
  }))
const rows = () => page.locator('.table-card.list').first().locator('tbody tr')

t.test(
  'each list has one line a row on a screen and two on a phone, and says how many there are',
  async (t) => {
    for (const [width, height, most] of [
      [1280, 800, 48],
      [390, 844, 64],
    ] as const) {
      await page.setViewportSize({ width, height })
      for (const list of LISTS) {
        await at(`/${list}`)
        await page.locator('.table-card.list, .empty-card').first().waitFor()
        const { highest, isWide, isPageWide } = await measure(page)
        t.ok(highest <= most, `${list} at ${width}: the highest row has ${highest} px`)
        // The list of programs has two buttons a row, and scrolls beside the page on a small screen.
        t.ok(!isWide || list === 'plugins/bots', `${list} at ${width} fits its window`)
        t.notOk(isPageWide, `the page of ${list} at ${width} fits its window`)
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    await at('/people')
    await page.getByText('100 of 301').waitFor()
  },
)

t.test('an overview without traffic says so in a sentence, without charts', async (t) => {
  await at('')
  await page.getByText('Nobody opened an application in this period.').waitFor()
  t.equal(await page.locator('.plot').count(), 0)
})

t.test('a list is searched, sorted, filtered by state and kept in the address', async (t) => {
  await at('/apps')
  await page.getByRole('button', { name: /^Switched off 10$/ }).click()
  await page.getByText('10 of 400').waitFor()
  t.match(page.url(), 'q=state%3Adisabled')
  await page.getByRole('button', { name: /^Switched off 10$/ }).click()
  await page.getByRole('searchbox').fill('berlin grafna')
  await page.getByText(/These are nearly/).waitFor()
  t.equal(await rows().count(), 1)
  t.match(await rows().first().textContent(), 'Grafana Berlin')

  await openPage(page, `${hub.url}/web/admin/people?q=anna&sort=-name`)
  const names = async () => (await rows().allTextContents()).map((text) => text.split('@')[0])
  const down = await names()
  t.strictSame(down, down.toSorted().reverse())
  await page.getByRole('button', { name: 'Name' }).click()
  await page.waitForURL(/sort=name/)
  await page.locator('th[aria-sort=ascending]').waitFor()
  await page.locator('summary', { hasText: 'Columns' }).click()
  await page.getByLabel('Created').uncheck()
  await page.waitForURL(/columns=/)
  t.equal(await page.getByRole('columnheader', { name: 'Created' }).count(), 0)
  await page.evaluate('localStorage.clear()')
})

t.test('a file has every row that matches, and several rows are locked at once', async (t) => {
  await at('/people?q=bauer')
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'CSV' }).click()
  const chunks = await (await (await download).createReadStream()).toArray()
  const lines = Buffer.concat(chunks).toString().split('\r\n')
  t.match(lines[0], /^name,display_name,/)
  const found = await page.locator('.list-end [role=status]').textContent()
  t.equal(lines.length - 1, Number(found?.split(' ')[0]))

  await page.getByLabel('Choose bruno.bauer@example.com').check()
  await page
    .getByLabel('Choose carla.bauer@example.com')
    .check()
    .catch(() => {})
  await page.locator('.selection').getByRole('button', { name: 'Lock' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Lock' }).click()
  await page.getByText(/Lock: done for/).waitFor()
  const locks = await hub.api<{ target: { user?: string } }[]>('GET', '/locks?q=bruno.bauer')
  t.match(locks, [{ target: { user: 'bruno.bauer@example.com' } }])
})

t.test('Ctrl and K finds everything, and locks who is named', async (t) => {
  await at('')
  const find = async (query: string) => {
    await page.keyboard.press('Control+k')
    const field = page.getByRole('combobox', { name: 'Search everything' })
    await field.fill(query)
    await page.locator('.palette [role=status]', { hasText: /^[1-9]\d* result/ }).waitFor()
  }
  await find('grafana berlin')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Grafana Berlin' }).waitFor()

  await find('bauer anna')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Anna Bauer' }).waitFor()

  await find('locks')
  await page.locator('.palette [role=option]', { hasText: 'Pages' }).first().click()
  await page.getByRole('heading', { name: 'Locks', exact: true }).waitFor()

  await find('lock david bauer')
  await page.locator('.palette [role=option]', { hasText: 'Lock David Bauer' }).first().click()
  await page.getByRole('dialog', { name: /^Lock david.bauer@example.com/ }).waitFor()
  await page.keyboard.press('Escape')
  t.pass('found')
})
