// together: dashboard
/** What each of the standard roles sees of the administration: what the hub lets it do, and nothing else. */
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { STANDARD_ROLES } from '../../../plugins/rbac/standard-roles.ts'
import { RIGHTS } from '../../hub/route-rights.ts'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { administrator, api, dashboard, hub, openTab, violations } from './browser.ts'

const person = (name: string) => `${name}@northwind.example`

/** The pages of the navigation, and a list of the API that each of them shows. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  apps: ['/apps'],
  agents: ['/agents'],
  people: ['/users'],
  roles: ['/roles'],
  'sign-in': ['/connectors'],
  locks: ['/locks'],
  sessions: ['/sessions'],
  requests: ['/audit'],
  tokens: ['/api-tokens', '/tokens'],
  cluster: ['/status'],
}

/** Buttons and links of pages, and the call of each. */
const ACTIONS: readonly (readonly [page: string, name: string, route: string])[] = [
  ['apps', 'Add an application', 'POST /apps'],
  ['apps/grafana', 'Edit', 'PUT /apps/{name}'],
  ['apps/grafana', 'Switch off', 'POST /apps/{name}/disable'],
  ['apps/grafana', 'Lock', 'POST /locks'],
  ['apps/grafana', 'Remove', 'DELETE /apps/{name}'],
  ['agents', 'Add an agent', 'POST /tokens'],
  ['people', 'Add a person', 'POST /users'],
  ['people', 'Invite a person', 'POST /invitations'],
  [`people/${person('carol')}`, 'Edit roles', 'PATCH /users/{name}'],
  [`people/${person('carol')}`, 'End all access', 'POST /locks'],
  [`people/${person('carol')}`, 'Remove', 'DELETE /users/{name}'],
  ['roles', 'Add a role', 'PUT /roles/{name}'],
  ['roles/interns', 'Save', 'PUT /roles/{name}'],
  ['roles/interns', 'Remove', 'DELETE /roles/{name}'],
  ['sign-in', 'Add a provider', 'PUT /connectors/{name}'],
  ['locks', 'Add a lock', 'POST /locks'],
  ['sessions', 'Sign everybody out', 'DELETE /sessions'],
  ['tokens', 'Add an API token', 'POST /api-tokens'],
]

/** Whether the document of a role gives the right of a route, for some things at least. */
function gives(role: string, route: string): boolean {
  if (role === 'admin') return true
  const [method, path] = route.split(' ')
  const [right = ''] =
    Object.entries(RIGHTS).find(([, routes]) => routes.includes(`${method} /v1/webapi${path}`)) ?? []
  const [kind = '', verb = ''] = right.split('.')
  const rules = STANDARD_ROLES.find(({ metadata }) => metadata.name === role)?.spec.allow?.admin ?? []
  return rules.some(
    ({ kinds, verbs }) =>
      (kinds.includes('*') || kinds.includes(kind)) && verbs.some((one) => one === '*' || one === verb),
  )
}

async function contextOf(role: string): Promise<BrowserContext> {
  if (role === 'admin') return administrator
  await api('POST', '/users', { name: person(role), roles: [role] })
  return dashboard.person(dashboard.claimsOf(person(role), ['staff']))
}

/** Opens what a menu hides, and says which of the names are there. */
async function isThere(page: Page, name: string): Promise<boolean> {
  const menu = page.locator('.page-head .menu:not([open]) > summary')
  if (await menu.isVisible()) await menu.click()
  const main = page.locator('#admin-main')
  const found = main
    .getByRole('button', { name, exact: true })
    .or(main.getByRole('link', { name, exact: true }))
  return (await found.filter({ visible: true }).count()) > 0
}

for (const role of ['admin', 'auditor', 'helpdesk', 'app-owner', 'security']) {
  t.test(`the role ${role} sees the pages and buttons that the hub lets it use`, async (t) => {
    const context = await contextOf(role)
    if (role !== 'admin') t.teardown(() => api('DELETE', `/users/${person(role)}`))
    const { page, faults } = await openTab(t, context)
    const refused: string[] = []
    let isProbing = false
    page.on('response', (response) => {
      if (response.status() === 403 && !isProbing)
        refused.push(`${response.request().method()} ${response.url()}`)
    })
    await openPage(page, `${hub.url}/web/admin`)
    const links = await page
      .locator('.sidebar a[href^="/web/admin/"]')
      .evaluateAll((all) => all.map((one) => (one as unknown as { pathname: string }).pathname))
    for (const [slug, lists] of Object.entries(PAGES)) {
      isProbing = true
      const open = await page.evaluate(
        async (paths) => (await Promise.all(paths.map((path) => fetch(path)))).some((answer) => answer.ok),
        lists.map((list) => `/v1/webapi${list}?limit=1`),
      )
      isProbing = false
      t.equal(links.includes(`/web/admin/${slug}`), open, `the link to ${slug}`)
      await openPage(page, `${hub.url}/web/admin/${slug}`)
      const heading = page.getByRole('heading', { name: 'You may not open this page', level: 1 })
      t.equal((await heading.count()) === 0, open, `the page ${slug}`)
      t.strictSame(await violations(page), [], `${slug}: axe`)
    }
    for (const [path, name, route] of ACTIONS) {
      const [slug = ''] = path.split('/')
      if (!links.includes(`/web/admin/${slug}`)) continue
      await openPage(page, `${hub.url}/web/admin/${path}`)
      // An owner of apps sees none that is not theirs.
      const isGone = (await page.getByRole('heading', { name: 'This does not exist any more' }).count()) > 0
      t.equal(await isThere(page, name), gives(role, route) && !isGone, `${name} on ${path}`)
    }
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('lock carol')
    const options = page.getByRole('option')
    await page
      .getByRole('status')
      .filter({ hasText: /result/ })
      .first()
      .waitFor()
    t.equal(
      (await options.filter({ hasText: 'Lock' }).count()) > 0,
      gives(role, 'POST /locks'),
      'lock by search',
    )
    t.strictSame(refused, [], 'no page asks for what the hub refuses')
    t.strictSame(faults, [])
  })
}
