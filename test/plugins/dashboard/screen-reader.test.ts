// together: dashboard
/** The tree that a screen reader walks, on the main ways, and one whole way with the keyboard alone. */
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, hub, openTab } from './browser.ts'
import { search } from './palette.ts'
import { tabTo } from './tab-key.ts'

/** Roles that say nothing without a name. */
const NAMELESS =
  /^\s*- (?:button|link|textbox|searchbox|combobox|checkbox|table|dialog|img)(?: \[[^\]]*\])*:?$/m

/** What each page has, in this order. */
const TREES: readonly (readonly [name: string, path: string, parts: readonly RegExp[]])[] = [
  [
    'launcher',
    '/',
    [/- banner/, /- main/, /heading "Applications" \[level=1\]/, /region "Monitoring"/, /link "Grafana"/],
  ],
  [
    'overview',
    '/web/admin',
    [
      /- banner/,
      /- main/,
      /- navigation/,
      /link "People"/,
      /heading "Overview" \[level=1\]/,
      /heading "[^"]+" \[level=2\]/,
    ],
  ],
  [
    'list of applications',
    '/web/admin/apps',
    [
      ...[/- main/, /heading "Applications" \[level=1\]/, /link "Add an application"/, /searchbox "[^"]+"/],
      ...[
        /table "Applications"/,
        /columnheader "Application/,
        /checkbox "Choose grafana"/,
        /link "[^"]*grafana/i,
      ],
    ],
  ],
  [
    'person',
    '/web/admin/people/carol@northwind.example',
    [
      ...[/- main/, /heading "carol@northwind\.example" \[level=1\]/, /button "Edit roles"/],
      ...[/heading "[^"]*open[^"]*" \[level=2\]/i, /combobox "Application/, /heading "[^"]+" \[level=2\]/],
    ],
  ],
  [
    'editor of a role',
    '/web/admin/roles/engineers',
    [/- main/, /heading "engineers" \[level=1\]/, /textbox "Document"/, /button "Save"/],
  ],
  [
    'requests',
    '/web/admin/requests',
    [
      ...[/- main/, /heading "Requests and audit" \[level=1\]/, /combobox "Event"/, /textbox "Person"/],
      ...[/table "Requests and audit"/, /columnheader "Time"/, /columnheader "Result"/],
    ],
  ],
  [
    'requests for access',
    '/web/access-requests',
    [/- main/, /heading "Access requests" \[level=1\]/, /level=2/],
  ],
]

for (const [name, path, parts] of TREES)
  t.test(`a screen reader finds its way: ${name}`, async (t) => {
    const { page } = await openTab(t)
    await openPage(page, hub.url + path)
    if (path.endsWith('/requests')) await page.locator('tbody tr').first().waitFor()
    const tree = await page.locator('body').ariaSnapshot()
    let from = 0
    for (const part of parts) {
      const at = tree.slice(from).search(part)
      t.ok(at >= 0, `${part} after the parts before it`, { tree: tree.slice(from, from + 4_000) })
      from += Math.max(0, at)
    }
    t.equal(tree.match(/heading "[^"]*" \[level=1\]/g)?.length, 1, 'one heading of the page')
    t.equal(tree.match(/^\s*- main\b/gm)?.length, 1, 'one main part')
    t.notMatch(NAMELESS.exec(tree)?.[0] ?? '', /./, 'nothing without a name')
  })

t.test('an application is added with the keyboard alone, and found again', async (t) => {
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin`)
  await search(page, 'add an application', 'Add an application')
  await page.getByRole('heading', { name: 'Add an application' }).waitFor()
  await tabTo(page, /^Name/)
  await page.keyboard.type('keys')
  await page
    .getByRole('status')
    .filter({ hasText: `People will open it at ${hub.appUrl('keys')}/` })
    .waitFor()
  await tabTo(page, /^Target/)
  await page.keyboard.type(dashboard.target)
  await tabTo(page, /^Agents$/)
  await page.keyboard.type('berlin')
  await page.getByRole('option', { name: 'berlin-1' }).waitFor()
  await page.keyboard.press('Enter')
  await tabTo(page, /^Labels/)
  await page.keyboard.type('team=platform')
  await tabTo(page, /^Add an application$/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'keys', exact: true }).waitFor()
  t.match(await api('GET', '/apps/keys'), {
    metadata: { labels: { team: 'platform' } },
    spec: { agents: ['berlin-1'] },
  })
  await api('DELETE', '/apps/keys')
  t.strictSame(faults, [])
})
