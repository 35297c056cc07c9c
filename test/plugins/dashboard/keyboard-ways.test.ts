// together: dashboard
/** The main ways with the keyboard alone, and what a screen reader says on them: places, results and errors. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { openPage } from '../../screenshots/dashboard-pages.ts'
import { api, dashboard, hub, openTab, violations } from './browser.ts'
import { search } from './palette.ts'
import { tabTo } from './tab-key.ts'

const idWithFocus = (page: Page) => page.evaluate<string>('document.activeElement.id')
const tagWithFocus = (page: Page) => page.evaluate<string>('document.activeElement.tagName')
const person = (name: string) => `${name}@northwind.example`
const statusOf = (page: Page, text: string | RegExp) => page.getByRole('status').filter({ hasText: text })

t.test('a whole request: found, asked for, approved, and the application opens', async (t) => {
  const request = { app_labels: { team: 'platform' }, max_duration: '4h', reason: 'required' }
  await dashboard.role('asks', { allow: { request } })
  await dashboard.role('approves', { allow: { review: { app_labels: { team: 'platform' } } } })
  t.teardown(() => Promise.all(['asks', 'approves'].map((name) => api('DELETE', `/roles/${name}`))))
  for (const [name, role] of [
    ['asker', 'asks'],
    ['approver', 'approves'],
  ] as const) {
    await api('POST', '/users', { name: person(name), roles: [role] })
    t.teardown(() => api('DELETE', `/users/${person(name)}`))
  }
  const asker = await openTab(t, await dashboard.person(dashboard.claimsOf(person('asker'), ['staff'])))
  const approver = await openTab(t, await dashboard.person(dashboard.claimsOf(person('approver'), ['staff'])))

  const { page } = asker
  await openPage(page, `${hub.url}/`)
  await page.keyboard.press('/')
  await page.keyboard.type('grafana')
  await statusOf(page, '1 found').waitFor()
  await tabTo(page, /^Ask for access to Grafana$/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Request access to Grafana', level: 1 }).waitFor()
  const form = await page.locator('main').ariaSnapshot()
  t.match(
    form,
    /heading "Request access to Grafana" \[level=1\][\s\S]*combobox "How long"[\s\S]*textbox "Reason"[\s\S]*button "Request access"/,
    'the form in its order',
  )
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height })
    const [long, wide] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollHeight, document.documentElement.scrollWidth]',
    )
    t.ok(
      long <= height && wide <= width,
      `the form fits on one screen of ${width} × ${height}: ${wide} × ${long}`,
    )
  }
  await page.setViewportSize({ width: 1280, height: 800 })
  await tabTo(page, /^How long$/)
  await page.keyboard.press('End')
  await tabTo(page, /^Request access$/)
  await page.keyboard.press('Enter')
  t.equal(await idWithFocus(page), 'request-reason', 'the field that is missing has the focus')
  await page.keyboard.type('Ticket 4711')
  await tabTo(page, /^Request access$/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Waiting for approval', level: 1 }).waitFor()
  await statusOf(page, 'continues by itself').waitFor()
  t.match(await page.locator('main').ariaSnapshot(), /For[\s\S]*4h[\s\S]*Reason[\s\S]*Ticket 4711/)

  const { page: desk } = approver
  await openPage(desk, `${hub.url}/`)
  await tabTo(desk, /^Access requests/)
  await desk.keyboard.press('Enter')
  await desk.getByRole('heading', { name: 'Access requests', level: 1 }).waitFor()
  const inbox = await desk.locator('main').ariaSnapshot()
  t.match(
    inbox,
    /heading "Access requests" \[level=1\][\s\S]*heading "[^"]*\(1\)" \[level=2\][\s\S]*checkbox "asker@northwind\.example asks for grafana"[\s\S]*combobox "Approve for at most"[\s\S]*button "Approve"[\s\S]*button "Deny"/,
    'who asks for what is the name of the box',
  )
  await desk.keyboard.press('j')
  await desk.keyboard.press('Enter')
  await desk.getByRole('heading', { name: 'asker@northwind.example asks for grafana', level: 1 }).waitFor()
  t.match(
    await desk.locator('main').ariaSnapshot(),
    /\[level=1\][\s\S]*Ticket 4711[\s\S]*combobox "For how long"[\s\S]*button "Approve"[\s\S]*button "Deny"[\s\S]*heading "[^"]+" \[level=2\]/,
  )
  await tabTo(desk, /^Approve$/)
  await desk.keyboard.press('Enter')
  await desk.getByRole('button', { name: 'Approve' }).waitFor({ state: 'detached' })

  await page.waitForURL(`${hub.appUrl('grafana')}/**`)
  await page.getByRole('heading', { name: 'Hello' }).first().waitFor()
  t.strictSame(
    [...asker.faults, ...approver.faults].filter((fault) => !fault.startsWith(hub.appUrl('grafana'))),
    [],
  )
})

t.test('a role: its labels, the effect before saving, and the result', async (t) => {
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin`)
  await search(page, 'interns', 'interns')
  await page.getByRole('heading', { name: 'interns', level: 1 }).waitFor()
  await tabTo(page, /^Opens applications with$/)
  await page.keyboard.type('team=plat')
  await page.getByRole('option', { name: /team=platform/ }).waitFor()
  await page.keyboard.press('Enter')
  await statusOf(page, /The role opens \d+ of \d+ applications/).waitFor()
  const tree = await page.locator('.admin-main').ariaSnapshot()
  t.match(
    tree,
    /heading "interns" \[level=1\][\s\S]*combobox "Opens applications with"[\s\S]*textbox "Document"[\s\S]*heading "What changes" \[level=2\][\s\S]*status[\s\S]*button "Save"/,
  )
  await tabTo(page, /^Save$/)
  await page.keyboard.press('Enter')
  await statusOf(page, 'Saved interns.').waitFor()
  t.not(await tagWithFocus(page), 'BODY', 'the focus is not lost')
  t.match(await api('GET', '/roles/interns'), { spec: { allow: { app_labels: { team: 'platform' } } } })
  await dashboard.role('interns', {
    allow: { app_labels: { audience: 'all' } },
    deny: { app_labels: { team: 'finance' } },
  })

  await search(page, 'add a role', 'Add a role')
  await page.getByRole('heading', { name: 'Add a role', level: 1 }).waitFor()
  await tabTo(page, /^Document$/)
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('kind: role\nversion: v1\nmetadata: { name: new-role }\nspec: { alow: {} }')
  await page.locator('.marks[aria-live=polite] li', { hasText: 'alow' }).waitFor()
  t.ok(await page.getByLabel('Document').getAttribute('aria-invalid'), 'the field is said to be wrong')
  t.strictSame(faults, [])
})

t.test('a person is locked and unlocked', async (t) => {
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin`)
  await search(page, 'lock marc', 'marc')
  await page.getByRole('dialog').waitFor()
  t.ok(await page.evaluate('document.activeElement.closest("dialog") !== null'), 'the focus is in the dialog')
  await tabTo(page, /^Message/)
  await page.keyboard.type('Lost laptop')
  await tabTo(page, /^Lock$/)
  await page.keyboard.press('Enter')
  await statusOf(page, /^Locked /).waitFor()
  const [lock] = (await api<{ target: { user?: string }; message: string }[]>('GET', '/locks')).filter(
    ({ target }) => target.user === person('marc'),
  )
  t.equal(lock?.message, 'Lost laptop')

  await search(page, 'marc@northwind.example', 'marc')
  await page.getByRole('heading', { name: person('marc'), level: 1 }).waitFor()
  t.match(await page.locator('.admin-main').ariaSnapshot(), /Lost laptop[\s\S]*button "Unlock/)
  await tabTo(page, /^Unlock/)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo(page, /^Unlock$/)
  await page.keyboard.press('Enter')
  await statusOf(page, /^Unlocked /).waitFor()
  t.notOk(
    (await api<{ target: { user?: string } }[]>('GET', '/locks')).some(
      ({ target }) => target.user === person('marc'),
    ),
  )
  t.strictSame(faults, [])
})

t.test('the sessions of a person end', async (t) => {
  const leaving = await dashboard.visitor(dashboard.claimsOf(person('leaving')))
  const isIn = async () => (await leaving.fetch(`${hub.url}/v1/webapi/me`)).status === 200
  t.ok(await isIn())
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin`)
  await search(page, 'leaving@northwind.example', 'leaving')
  await page.getByRole('heading', { name: person('leaving'), level: 1 }).waitFor()
  await page
    .getByRole('button', { name: /^End: / })
    .first()
    .waitFor()
  await tabTo(page, /^End: /)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo(page, /^End$/)
  await page.keyboard.press('Enter')
  await statusOf(page, /^Ended/).waitFor()
  t.notOk(await isIn())
  t.strictSame(faults, [])
})

t.test('a sign-in provider: a fault, the test, and the saved page', async (t) => {
  t.teardown(() => api('DELETE', '/connectors/by-keys').catch(() => {}))
  const { client_secret: secret, ...spec } = dashboard.issuer.spec
  const { page, faults } = await openTab(t)
  await openPage(page, `${hub.url}/web/admin`)
  await search(page, 'add a provider', 'Add a provider')
  await page.getByRole('heading', { name: 'Add a provider', level: 1 }).waitFor()
  await tabTo(page, /^Provider/)
  await page.keyboard.type('Keycloak')
  await tabTo(page, /^Document$/)
  t.match(await page.getByLabel('Document').inputValue(), 'realms/REALM')
  const write = async (document: object) => {
    await page.keyboard.press('Control+a')
    await page.keyboard.insertText(JSON.stringify(document))
  }
  const document = { kind: 'oidc', version: 'v1', metadata: { name: 'by-keys' }, spec }
  await write({ ...document, spec: { ...spec, issuer_url: 'ftp://id' } })
  await tabTo(page, /^Test$/)
  await page.keyboard.press('Enter')
  await page.getByRole('alert').filter({ hasText: 'issuer_url' }).waitFor()
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.type(secret.value)
  for (let count = 0; count < 40 && (await tagWithFocus(page)) !== 'TEXTAREA'; count++)
    await page.keyboard.press('Shift+Tab')
  await write(document)
  await tabTo(page, /^Test$/)
  await page.keyboard.press('Enter')
  await statusOf(page, 'credentials').waitFor()
  t.match(
    await page.locator('.admin-main').ariaSnapshot(),
    /textbox "Client secret"[\s\S]*heading "Test the provider" \[level=2\][\s\S]*link "Sign in and see the claims"[\s\S]*status[\s\S]*table "Test the provider"[\s\S]*row "credentials ok[\s\S]*button "Save"/,
  )
  t.strictSame(await violations(page), [])
  await tabTo(page, /^Save$/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'by-keys', level: 1 }).waitFor()
  await statusOf(page, 'Saved by-keys.').waitFor()
  t.equal(await idWithFocus(page), 'admin-main', 'the focus is on the page that opens')
  t.strictSame(faults, [])
})
