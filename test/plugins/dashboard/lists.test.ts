// together: dashboard
/** The lists of a large company, as a browser shows them. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openBrowser } from '../../e2e/open-browser.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { LISTS, openLargeHub } from '../../screenshots/large-hub.ts'

interface Element {
  getBoundingClientRect(): { height: number; width: number }
  readonly scrollWidth: number
  readonly clientWidth: number
}
/** What the functions that run in the page see. */
declare function getComputedStyle(element: Element): {
  display: string
  textOverflow: string
  maxWidth: string
}
declare const document: {
  querySelectorAll(selector: string): Iterable<Element>
  querySelector(selector: string): Element | null
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
      [1024, 768, 48],
      [390, 844, 64],
    ] as const) {
      await page.setViewportSize({ width, height })
      for (const list of LISTS) {
        await at(`/${list}`)
        await page.locator('.table-card.list, .empty-card').first().waitFor()
        const { highest, isWide, isPageWide } = await measure(page)
        t.ok(highest <= most, `${list} at ${width}: the highest row has ${highest} px`)
        t.notOk(isWide, `${list} at ${width} fits its window`)
        t.notOk(isPageWide, `the page of ${list} at ${width} fits its window`)
      }
    }
    await page.setViewportSize({ width: 1280, height: 800 })
    await at('/people')
    await page.getByText('100 of 301').waitFor()
  },
)

/** Cells of a phone's rows whose text is cut without a mark, and what of the page's head does not fit its window. */
const cutOn = (page: Page) =>
  page.evaluate(() => {
    const cells = [...document.querySelectorAll('.table-card.list td:is(.in-second, .in-corner, .in-act)')]
    const marked = (cell: Element) => {
      const { display, textOverflow } = getComputedStyle(cell)
      return display === 'block' && textOverflow === 'ellipsis'
    }
    const search = document.querySelector('.list-tools input[type=search]')
    const bar = document.querySelector('header nav')
    return {
      unmarked: cells.filter((cell) => cell.scrollWidth > cell.clientWidth && !marked(cell)).length,
      navigation: bar !== null && bar.scrollWidth <= bar.clientWidth,
      search: search === null || getComputedStyle(search).maxWidth === 'none',
    }
  })

t.test('on a phone, text that does not fit ends in dots, and the head fits its window', async (t) => {
  await page.setViewportSize({ width: 390, height: 844 })
  for (const list of LISTS) {
    await at(`/${list}`)
    await page.locator('.table-card.list, .empty-card').first().waitFor()
    t.strictSame(await cutOn(page), { unmarked: 0, navigation: true, search: true }, list)
  }
})

t.test(
  'a phone shows the account of each person of one name, and the application and reason of each request',
  async (t) => {
    await page.setViewportSize({ width: 390, height: 844 })
    const saysOnPhone = async (text: RegExp) =>
      t.ok(await rows().first().getByText(text).filter({ visible: true }).count(), String(text))
    await at('/people?q=anna.bauer')
    await rows().first().waitFor()
    await saysOnPhone(/^anna\.bauer.*@example\.com · \d+ roles?$/)
    await at('/plugins/access-requests')
    await rows().first().waitFor()
    for (const text of [/^pending$/, /@example\.com$/, /^\w+-\w+$/, /^Ticket 4711/]) await saysOnPhone(text)
    const shown = await page.getByRole('columnheader').allTextContents()
    t.ok(shown.includes('Access to'))
    await page.setViewportSize({ width: 1280, height: 800 })
    await at('/plugins/bots')
    t.notOk((await page.getByRole('columnheader').allTextContents()).includes('Longest token'))
    await page.locator('summary', { hasText: 'Columns' }).click()
    await page.getByLabel('Longest token').check()
    await page.getByRole('columnheader', { name: 'Longest token' }).waitFor()
  },
)

t.test('the lists of access on the pages of an application and a person have display names', async (t) => {
  await at('/apps/grafana-berlin')
  const who = page.getByRole('table', { name: 'Who may open this' })
  t.match(await who.locator('tbody tr').first().textContent(), /^[A-Z][a-z]+ [A-Z][a-z]+ [a-z]+\.[a-z.0-9]+@/)
  await at('/people/anna.bauer@example.com')
  const what = page.getByRole('table', { name: 'What this person may open' })
  t.match(await what.locator('tbody tr').first().textContent(), /^[A-Z]\w+ [A-Z][a-z]+ [a-z]+-[a-z]+/)
})

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

  await at('/apps')
  await at('/people')
  await find('locks')
  await page.evaluate('history.back()')
  await page.waitForURL(/\/web\/admin\/(?:apps|nowhere)$/)
  // The way back leads to a page without the palette.
  await page.locator('.palette').waitFor({ state: 'detached' })
  t.pass('found')
})
