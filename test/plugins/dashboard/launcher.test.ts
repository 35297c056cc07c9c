// together: dashboard
/** The launcher as people use it. */
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { until } from '../../until.ts'
import { administrator, api, browser, dashboard, HOSTILE, hub, openTab, violations } from './browser.ts'

const { claimsOf, person } = dashboard
const names = (page: import('playwright-core').Page) => page.locator('.card.app h3').allTextContents()

t.test('a person sees their own applications, and nothing else', async (t) => {
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/`)
  const mine = [
    ...['GitLab', 'Jenkins', 'Orders database', 'Grafana', 'Prometheus', 'Zabbix'],
    ...['Mattermost', 'Payroll', 'Wiki'],
  ]
  t.strictSame(await names(page), mine)
  const card = (name: string) => page.locator('.card', { hasText: name })
  t.equal(await page.getByRole('link', { name: 'Grafana' }).getAttribute('href'), `${hub.appUrl('grafana')}/`)
  t.match(await card('Orders database').textContent(), 'msh app login orders-db')
  t.match(await card('Jenkins').textContent(), 'Not responding')
  t.match(await card('Payroll').textContent(), 'Passkey')
  t.equal(await page.getByRole('link', { name: 'Zabbix' }).count(), 0, 'an app that is switched off')

  await page.keyboard.press('/')
  await page.keyboard.type('moni')
  t.strictSame(await names(page), ['Grafana', 'Prometheus', 'Zabbix'])
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate('document.activeElement.textContent'), 'Grafana', '156 the card is next')
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  t.equal((await names(page)).length, mine.length, 'Escape clears the search')

  await page.getByRole('link', { name: 'Wiki' }).click()
  await page.waitForURL(`${hub.appUrl('wiki')}/`)
  faults.length = 0
  await openPage(page, `${hub.url}/`)
  t.strictSame(await names(page), ['Wiki', ...mine], 'opened recently')
  t.strictSame(faults, [])
})

t.test('151 153 the pages run only files of the hub, and cannot be framed', async (t) => {
  const { page } = await openTab(t)
  for (const path of ['/', '/web/admin']) {
    const headers = (await page.goto(hub.url + path))!.headers()
    const policy = headers['content-security-policy'] ?? ''
    t.match(policy, "script-src 'self'")
    t.notMatch(policy, /unsafe|https:|\*/)
    for (const part of ["frame-ancestors 'none'", "require-trusted-types-for 'script'"]) t.match(policy, part)
    t.match(headers, {
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'no-store',
    })
  }
})

t.test('155 a lock and the end of a session are shown on an open, idle page', async (t) => {
  const name = 'olga@northwind.example'
  const { page } = await openTab(t, await person(claimsOf(name)))
  await openPage(page, `${hub.url}/`)
  const lock = await api<{ id: string }>('POST', '/locks', {
    target: { user: name },
    message: 'coffee break',
  })
  await page.getByText('coffee break').waitFor()
  t.equal(await page.locator('.card.app').count(), 0)
  await api('DELETE', `/locks/${lock.id}`)
  await page.getByRole('link', { name: 'Grafana' }).waitFor()
  for (const { id } of await api<{ id: string }[]>('GET', `/sessions?user=${name}`))
    await api('DELETE', `/sessions/${id}`).catch(() => {})
  await page.getByRole('dialog', { name: 'You are signed out' }).waitFor()
  t.strictSame(await violations(page), [])
})

t.test('a person without an application sees the next step, and cannot administer', async (t) => {
  const { page } = await openTab(t, await dashboard.carol())
  await page.goto(`${hub.url}/`)
  await page.getByRole('heading', { name: 'You have no applications yet' }).waitFor()
  t.match(await page.textContent('main'), 'carol@northwind.example')
  t.strictSame(await violations(page), [])
  t.equal((await page.goto(`${hub.url}/web/admin`))?.status(), 403)

  await page.goto(`${hub.url}/web/docs`)
  await page.getByRole('heading', { name: 'Help for people' }).waitFor()
  t.notOk(
    await page.getByRole('link', { name: 'Several hubs and processes' }).isVisible(),
    'pages for operators are folded',
  )
  await page.getByText('All pages', { exact: true }).click()
  t.ok(await page.getByRole('link', { name: 'Several hubs and processes' }).isVisible())
  t.strictSame(await violations(page), [])
  const other = await openTab(t)
  await other.page.goto(`${hub.url}/web/docs`)
  await other.page.getByRole('heading', { name: 'Documentation', exact: true }).waitFor()
})

t.test('the page reports a hub that does not respond, and continues by itself', async (t) => {
  const { page } = await openTab(t)
  let fails = true
  await page.route('**/v1/webapi/me/apps*', (route) =>
    fails ? route.fulfill({ status: 503, json: { code: 'database', detail: HOSTILE } }) : route.fallback(),
  )
  await page.goto(`${hub.url}/`)
  t.match(await page.getByRole('alert').textContent(), HOSTILE)
  fails = false
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('link', { name: 'Grafana' }).waitFor()
})

t.test('applications are links without scripts', async (t) => {
  const storageState = await administrator.storageState()
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled: false,
    storageState,
  })
  t.teardown(() => context.close())
  const page = await context.newPage()
  await page.goto(`${hub.url}/`)
  t.equal(await page.getByRole('link', { name: 'wiki' }).getAttribute('href'), `${hub.appUrl('wiki')}/`)
  t.match(await page.textContent('main'), 'msh app login orders-db')
  await page.goto(`${hub.url}/web/admin`)
  t.match(await page.textContent('main'), 'mezctl')
})

t.test('156 the tile of a switched-off application is readable, and its initials are letters', async (t) => {
  const { page } = await openTab(t)
  const app = (display_name: string, state: string) => ({
    name: display_name.toLowerCase(),
    display_name,
    description: null,
    group: null,
    icon: null,
    state,
    protocol: 'http',
    labels: {},
    requirements: [],
    url: hub.appUrl('wiki'),
  })
  const names = ['(Old) [time] sheets', '"Zeit"', 'Ünal 7', '((()))']
  const apps = names.flatMap((name) => [app(name, 'disabled'), app(`${name} 2`, 'ready')])
  await page.route('**/v1/webapi/me/apps*', (route) => route.fulfill({ json: apps }))
  await page.goto(`${hub.url}/`)
  await page.locator('.card.disabled').first().waitFor()
  const initials = await page.locator('.card.disabled .tile').allTextContents()
  t.strictSame(initials.sort(), ['?', 'OT', 'ZE', 'Ü7'])
  t.strictSame(await violations(page), [])
  await page.emulateMedia({ colorScheme: 'dark' })
  t.strictSame(await violations(page, { runOnly: ['color-contrast'] }), [], 'in the dark')
})

t.test('2,000 applications load a page at a time as the person scrolls', async (t) => {
  const { page } = await openTab(t)
  const apps = Array.from({ length: 2_000 }, (_, index) => ({
    ...{
      name: `app-${index}`,
      display_name: `App ${index}`,
      description: 'One of many',
      group: `G${index % 40}`,
    },
    icon: null,
    protocol: 'http',
    labels: { env: 'prod' },
    state: 'ready',
    requirements: [],
    url: hub.appUrl(`app-${index}`),
    request_path: null,
  }))
  await page.route('**/v1/webapi/me/apps*', (route) => route.fulfill({ json: apps }))
  await page.goto(`${hub.url}/`)
  await page.locator('.card.app a').first().waitFor()
  const shown = await page.locator('.card.app').count()
  t.ok(shown <= 240, `${shown} cards`)
  await page.getByRole('searchbox').fill('app 1999')
  t.strictSame(await names(page), ['App 1999'])
  await page.getByRole('searchbox').fill('')
  await page.mouse.wheel(0, 100_000)
  await page.locator('.card.app').nth(shown).waitFor()
})

t.test('152 154 no link runs a script, and a table of events runs no formula', async (t) => {
  await t.rejects(dashboard.app('script', {}, {}, '', { uri: 'javascript:alert(1)' }))
  await dashboard.visitor(claimsOf('=cmd()@northwind.example'))
  const dana = await dashboard.visitor(claimsOf('dana@northwind.example'))
  const exported = () => dana.fetch(`${hub.url}/v1/webapi/audit/export?format=csv&type=user.login`)
  // Events reach the table a moment after they happen.
  await until(async () => (await exported()).text.includes('=cmd()'), 'the sign-in is in the trail')
  const { headers, text } = await exported()
  t.match(headers['content-disposition'], 'attachment; filename="audit.csv"')
  t.match(text, /,'=cmd\(\)@northwind\.example,/)
  t.notMatch(text, /(^|,)=cmd/m)
})

t.test('favourites are first in their own order, groups fold, and Enter opens the first hit', async (t) => {
  const { page } = await openTab(t)
  await openPage(page, `${hub.url}/`)
  await page.evaluate('localStorage.clear()')
  await page.reload()
  const group = (name: string) => page.getByRole('region', { name, exact: true })
  for (const name of ['Wiki', 'Grafana'])
    await page.getByRole('button', { name: `${name} is a favourite` }).click()
  const favourites = () => group('Favourites').locator('h3').allTextContents()
  t.strictSame(await favourites(), ['Wiki', 'Grafana'])
  await group('Favourites').getByRole('link', { name: 'Grafana' }).focus()
  await page.keyboard.press('Alt+ArrowLeft')
  t.strictSame(await favourites(), ['Grafana', 'Wiki'])
  await group('Office')
    .getByRole('button', { name: /^Office/ })
    .click()
  await page.getByRole('button', { name: 'Compact' }).click()
  await page.reload()
  await group('Favourites').waitFor()
  t.strictSame(await favourites(), ['Grafana', 'Wiki'], 'after a reload')
  t.equal(await group('Office').locator('.card').count(), 0, 'folded')
  t.equal(await page.getByRole('button', { name: 'Compact' }).getAttribute('aria-pressed'), 'true')
  t.strictSame(await violations(page), [])
  await page.evaluate('localStorage.clear()')
  await page.reload()
  await page.getByRole('searchbox').fill('grafna')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${hub.appUrl('grafana')}/`)
  await openPage(page, `${hub.url}/`)
  await page.evaluate('localStorage.clear()')
})

t.test('many applications that a person can ask for are folded, and unfolded with a key', async (t) => {
  const { page } = await openTab(t)
  await page.setViewportSize({ width: 390, height: 844 })
  const askable = (count: number) =>
    Array.from({ length: count }, (_, at) => ({
      ...{
        name: `app-${at}`,
        display_name: `App ${at}`,
        description: null,
        labels: {},
        group: null,
        icon: null,
      },
      ...{
        url: null,
        state: 'ready',
        requirements: [],
        request_path: `/web/access-requests/new?app=app-${at}`,
      },
    }))
  const show = async (count: number) => {
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    const [own, ...asked] = askable(count + 1)
    const rows = [{ ...own, name: 'own', display_name: 'Own', request_path: null }, ...asked]
    await page.route('**/v1/webapi/me/apps**', (route) => route.fulfill({ json: rows }))
    await page.goto(`${hub.url}/`)
    await page.getByRole('region', { name: 'You can ask for these' }).waitFor()
  }
  const fold = page.getByRole('button', { name: /^You can ask for these/ })
  const links = page.getByRole('link', { name: /^Ask for access to App/ })
  await show(12)
  t.equal(await links.count(), 12, 'a few are shown')
  await show(370)
  t.equal(await fold.getAttribute('aria-expanded'), 'false')
  t.match(await fold.textContent(), /370/, 'how many there are')
  t.equal(await links.count(), 0)
  t.ok(
    (await page.evaluate<number>('document.documentElement.scrollHeight')) < 4 * 844,
    'few screens of a phone',
  )
  await fold.focus()
  await page.keyboard.press('Enter')
  t.equal(await links.count(), 370)
  t.equal(await fold.getAttribute('aria-expanded'), 'true')
  await fold.press('Enter')
  await page.getByRole('searchbox').fill('App 368')
  await links.first().waitFor()
  t.ok((await links.count()) > 0, 'a search finds them all the same')
})
