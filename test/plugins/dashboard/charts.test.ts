// together: dashboard
/** Charts: the values of a time, and the way to the requests of that time, with the pointer and with the keyboard. */
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { openBrowser } from '../../e2e/open-browser.ts'
import { large } from '../../large-rows.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { openLargeHub } from '../../screenshots/large-hub.ts'

const QUARTER_MS = 15 * 60_000
const sizes = { people: 50, apps: 40, agents: 4, sessions: 20, requests: 5, events: 20_000 }

const browser = await openBrowser(t)
const { hub, page } = await openLargeHub(t, browser, sizes)
const at = (path: string) => openPage(page, `${hub.url}/web/admin${path}`)
const slider = (title: string) => page.getByRole('slider', { name: title })
const wordsOf = async (title: string) => (await slider(title).getAttribute('aria-valuetext')) ?? ''

/** The requests that the page shows must be those of one period of the chart. */
async function samePeriod(t: Test, page: Page, wanted: object, requests: number): Promise<void> {
  await page.waitForURL(/\/requests\?/)
  const query = Object.fromEntries(new URL(page.url()).searchParams)
  t.match(query, { type: 'app.request', ...wanted })
  t.equal(Date.parse(query.to!) - Date.parse(query.from!), QUARTER_MS)
  await page.locator('tbody tr').first().waitFor()
  t.equal(await page.locator('tbody tr').count(), Math.min(requests, 100))
  t.ok((await page.locator('tbody tr').allTextContents()).every((text) => text.includes('app.request')))
}
const requestsIn = (words: string) => Number(/requests:? ?(\d+)/.exec(words)?.[1])

async function openDay(path: string): Promise<void> {
  await at(path)
  await page.getByRole('button', { name: 'Last day' }).click()
  await slider('Requests').waitFor()
}

t.test(
  'the pointer shows the values of a time, and a click leads to the requests of that time',
  async (t) => {
    await openDay('')
    const chart = page.locator('.chart', { hasText: 'Requests' }).first()
    const legend = chart.locator('.u-legend')
    t.match(await legend.textContent(), /requests–/)
    const middle = await slider('Requests').boundingBox()
    await slider('Requests').hover({ position: { x: middle!.width / 2, y: 20 } })
    await legend.getByText(/^\d+$/).first().waitFor()
    const shown = (await legend.textContent()) ?? ''
    t.match(shown, /\d\d:\d\d.*requests\d+errors\d+/)
    await slider('Requests').click({ position: { x: middle!.width / 2, y: 20 } })
    await samePeriod(t, page, {}, requestsIn(shown))
  },
)

t.test('arrows go from time to time and say the values, and Enter leads to the requests', async (t) => {
  await openDay('')
  await page.getByRole('button', { name: 'Last day' }).focus()
  await page.keyboard.press('Tab')
  const isFocused = () => slider('Requests').evaluate((element) => element.matches(':focus-visible'))
  t.ok(await isFocused(), 'the chart is the next stop of Tab')
  const last = await wordsOf('Requests')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  const before = await wordsOf('Requests')
  t.not(before, last)
  t.match(before, /^\d\d:\d\d.*, requests: \d+, errors: \d+$/)
  await page.keyboard.press('Home')
  t.equal(await slider('Requests').getAttribute('aria-valuenow'), '0')
  await page.keyboard.press('End')
  t.equal(await wordsOf('Requests'), last)
  await page.keyboard.press('ArrowLeft')
  const chosen = await wordsOf('Requests')
  await page.keyboard.press('Enter')
  await samePeriod(t, page, {}, requestsIn(chosen))
})

t.test(
  "an app's chart leads to the requests of the app, and one without traffic says so in a sentence",
  async (t) => {
    const visits = await hub.api<{ app: string }[]>(
      'GET',
      `/visits?from=${new Date(Date.now() - 20 * QUARTER_MS).toISOString()}`,
    )
    const app = visits[0]!.app
    await openDay(`/apps/${app}`)
    await slider('Latency').focus()
    await page.keyboard.press('End')
    while (!/requests: [1-9]/.test(await wordsOf('Requests'))) {
      await slider('Requests').press('ArrowLeft')
    }
    const chosen = await wordsOf('Requests')
    await slider('Requests').press('Enter')
    await samePeriod(t, page, { app }, requestsIn(chosen))

    const quiet = {
      kind: 'app',
      version: 'v1',
      metadata: { name: 'quiet' },
      spec: { uri: 'http://127.0.0.1:9', agents: [large.agent(0)] },
    }
    await hub.api('PUT', '/apps/quiet', quiet)
    await at('/apps/quiet')
    await page.getByText('Nobody opened this application in this period.').waitFor()
    t.equal(await page.locator('.plot').count(), 0)
  },
)
