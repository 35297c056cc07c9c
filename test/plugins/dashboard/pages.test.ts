// together: dashboard
/** Every page of the dashboard, in every state, in both themes and at both ends of width. */
import t from 'tap'
import { readContents } from '../../../plugins/docs/contents.ts'
import { dashboardShots, openPage } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, HOSTILE, hub, isInert, openTab, violations } from './browser.ts'

const shots = dashboardShots(hub)

t.test('156 pages and dialogs are accessible in both themes, and fit into 320 px', async (t) => {
  const { page, faults } = await openTab(t)
  await page.setViewportSize({ width: 320, height: 640 })
  for (const { name, open } of shots) {
    await open(page)
    t.strictSame(await violations(page), [], `${name}: axe`)
    await page.emulateMedia({ colorScheme: 'dark' })
    t.strictSame(await violations(page, { runOnly: ['color-contrast'] }), [], `${name}: contrast in the dark`)
    await page.emulateMedia({ colorScheme: 'light' })
    t.ok(await isInert(page), `${name}: fits`)
  }
  t.strictSame(faults, [], '151 no error, and no request to another origin')
})

t.test('150 texts from outside are text on every page', async (t) => {
  const { issuer, app, role, claimsOf, person } = dashboard
  await app('hostile', { env: HOSTILE, audience: 'all' }, { name: HOSTILE, group: HOSTILE }, HOSTILE)
  await app('hostile-tcp', { audience: 'all' }, {}, HOSTILE, { uri: 'tcp://127.0.0.1:9', protocol: 'tcp' })
  await role('hostile', { allow: { app_labels: { env: HOSTILE } } })
  const lock = await api<{ id: string }>('POST', '/locks', { target: { app: 'chat' }, message: HOSTILE })
  const token = await api<{ id: string }>('POST', '/api-tokens', {
    name: 'hostile',
    roles: ['admin'],
    ttl_seconds: 3_600,
  })
  // A name at the provider, a user agent, a path and a sign-in that fails.
  const name = `<img/src=x/onerror=window.pwned=true>@northwind.example`
  const visitor = await person(claimsOf(name, ['staff', HOSTILE]), {
    userAgent: `Mozilla/5.0 ${HOSTILE.slice(0, -1)}`,
  })
  await api('PUT', '/connectors/hostile', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'hostile', description: HOSTILE },
    spec: { ...issuer.spec, claims_to_roles: [{ claim: HOSTILE, value: HOSTILE, roles: ['everyone'] }] },
  })
  const tab = await visitor.newPage()
  await tab.goto(`${hub.appUrl('wiki')}/${encodeURIComponent(HOSTILE)}?q=${encodeURIComponent(HOSTILE)}`)
  await tab.goto(`${hub.appUrl('payroll')}/${encodeURIComponent(HOSTILE)}`)
  t.ok(await isInert(tab), 'the denied page')
  await tab.goto(`${hub.url}/web/account`)
  t.ok(await isInert(tab), 'the account of the person')
  await tab.goto(`${hub.url}/web/login?connector=${encodeURIComponent(HOSTILE)}`)
  t.ok(await isInert(tab), 'a sign-in that fails')

  const { page, faults } = await openTab(t)
  const users = await api<{ name: string }[]>('GET', '/users')
  const stored = users.find((one) => one.name.includes('<img'))?.name ?? ''
  t.not(stored, '', 'the provider may send any name')
  await openPage(page, `${hub.url}/`)
  t.ok(await isInert(page), 'the launcher')
  const paths = [
    ...['', '/apps', '/apps/hostile', '/apps/hostile?edit', '/agents', '/people', '/roles', '/roles/hostile'],
    ...['/sign-in', '/sign-in/hostile', '/locks', '/sessions', '/requests', '/requests?type=access.denied'],
    ...[
      '/tokens',
      '/cluster',
      `/people/${encodeURIComponent(stored)}`,
      `/people/${encodeURIComponent(HOSTILE)}`,
    ],
    ...[`/requests/${encodeURIComponent(HOSTILE)}`, `/requests?user=${encodeURIComponent(HOSTILE)}`],
    ...[`/roles/engineers?at=${encodeURIComponent(HOSTILE)}`, `/${encodeURIComponent(HOSTILE)}`],
  ]
  for (const path of paths) {
    await openPage(page, `${hub.url}/web/admin${path}`)
    t.ok(await isInert(page), path || '/')
  }
  t.match(await page.title(), 'Administration')
  t.strictSame(faults, [])
  await tab.close()
  for (const gone of ['/apps/hostile', '/apps/hostile-tcp', '/roles/hostile', '/connectors/hostile'])
    await api('DELETE', gone)
  await api('DELETE', `/locks/${lock.id}`)
  await api('DELETE', `/api-tokens/${token.id}`)
})

t.test('each page leads to its page of the documentation, and a reason code to its section', async (t) => {
  const { page } = await openTab(t)
  const names = readContents().flatMap(({ pages }) => pages.map(({ name }) => `/web/docs/${name}`))
  await openPage(page, `${hub.url}/web/admin`)
  await page.locator('.sidebar a[href$="/plugins/passkeys"]').waitFor()
  const links = await page
    .locator('.sidebar a')
    .evaluateAll((all) => all.map((one) => one.getAttribute('href')))
  t.ok(links.length > 12, links.join(' '))
  for (const link of links) {
    await openPage(page, hub.url + link)
    const href = await page.locator('.docs-link').getAttribute('href')
    t.ok(names.includes(href ?? ''), `${link}: ${href}`)
  }
  const events = await api<{ reason: string | null; request_id: string }[]>(
    'GET',
    '/audit?type=access.denied',
  )
  const { reason, request_id: id } = events.find((one) => one.reason !== null) ?? {
    reason: '',
    request_id: '',
  }
  await openPage(page, `${hub.url}/web/admin/requests/${id}`)
  await page
    .locator('dd a', { hasText: reason ?? '' })
    .first()
    .click()
  await page.locator(`h2#${reason}`).waitFor()
  t.match(page.url(), `/web/docs/look-up/reason-codes#${reason}`)
})
