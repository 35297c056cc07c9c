// long
/** The page of the dashboard with changes that wait, in Chromium: each person sees what concerns them, with the buttons that they may press. */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { FakeIssuer } from '@mezite/core/testing'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import { until } from '../../until.ts'
import { plugIn } from '../webauthn/virtual-key.ts'
import { role, startApprovalHub } from './start-approval-hub.ts'

/** What the functions that run in the page see. */
declare const window: { axe?: unknown }
declare const axe: { run(options: object): Promise<{ violations: { id: string }[] }> }
declare const document: { documentElement: { scrollWidth: number; clientWidth: number } }

t.setTimeout(300_000)

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** A folder for pictures of the page; without it, none are made. */
const { MEZITE_TEST_PICTURES: pictures } = process.env
const PAGE = '/web/admin/plugins/changes'

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const changing = await startApprovalHub({ require_approval: ['role.update', 'lock.create'] }, {}, issuer)
t.teardown(() => changing.stop())
const { hub, call } = changing
await changing.connect()
const rule = (kind: string, verb: string) => ({ kinds: [kind], verbs: [verb] })
await hub.api('PUT', '/roles/role-keeper', role('role-keeper', [rule('role', 'update')]))
await hub.api('PUT', '/roles/locker', role('locker', [rule('lock', 'create')]))
await hub.api('PUT', '/roles/watcher', role('watcher', [rule('session', 'list')]))
const browser = await openBrowser(t)

/** Somebody in a browser, signed in through the provider, and the token of the session. */
async function person(name: string, roles: readonly string[], options: BrowserContextOptions = {}) {
  const address = `${name}@example.com`
  await hub.api('POST', '/users', { name: address, roles }).catch(() => undefined)
  issuer.person = { sub: name, upn: address, email: address, email_verified: true }
  const { context, page } = await newPerson(browser, options)
  t.teardown(() => context.close())
  await page.goto(`${hub.signInUrl}/web/login?connector=sso`)
  const cookies = await context.cookies(hub.url)
  const token = cookies.find((cookie) => cookie.name === '__Host-mezite_session')?.value
  if (token === undefined) throw new Error(`${name} was not signed in`)
  return { page, token, context }
}
const ann = await person('ann', ['role-keeper', 'locker'])
const bob = await person('bob', ['role-keeper'])

const ask = async (method: string, path: string, body: object): Promise<string> => {
  const asked = await call(ann.token, method, path, body)
  if (asked.code !== 'approval_required') throw new Error(`${asked.status} ${asked.code}`)
  return asked.change
}
const askRole = (name: string) => ask('PUT', `/roles/${name}`, role(name, [], { app_labels: { team: 'a' } }))
async function open(page: Page, title = 'Changes to approve'): Promise<void> {
  await page.goto(hub.url + PAGE)
  await page.getByRole('heading', { level: 1, name: title }).waitFor()
  await page.locator('.loading').first().waitFor({ state: 'detached' })
}
/** The buttons that decide, with what each is about. */
const buttons = async (page: Page): Promise<string[]> => {
  const names: string[] = []
  for (const form of await page.locator('main form.panel').all())
    names.push((await form.getAttribute('aria-label')) ?? '')
  return names.sort()
}
/** The listed changes with this state, as the page says them. */
const listed = async (page: Page, state: string): Promise<string[]> => {
  const rows = page.getByRole('table', { name: /^(Changes|Änderungen)$/ }).locator('tbody tr')
  const found = rows.filter({ hasText: state }).locator('td:nth-child(2)')
  return (await found.allTextContents()).sort()
}
const press = async (page: Page, form: string, button: string) => {
  await page.getByRole('form', { name: form }).getByRole('button', { name: button }).click()
  const question = page.getByRole('dialog')
  await question.getByRole('button', { name: button }).click()
  return question
}

const team = await askRole('team')
const lock = await ask('POST', '/locks', { target: { user: 'nobody@example.com' } })

t.test('the person who asked sees both changes, and may only take them back', async (t) => {
  await open(ann.page)
  t.same(await buttons(ann.page), [
    'Take back lock.create, asked by ann@example.com',
    'Take back role.update team, asked by ann@example.com',
  ])
  t.same(await listed(ann.page, 'pending'), ['lock.create', 'role.update team'])
})

t.test('a person with the right of one change sees that one alone, and decides about it', async (t) => {
  await open(bob.page)
  t.same(await listed(bob.page, 'pending'), ['role.update team'])
  t.same(await buttons(bob.page), [
    'Approve role.update team, asked by ann@example.com',
    'Deny role.update team, asked by ann@example.com',
  ])
  t.notMatch(await bob.page.locator('main').textContent(), /lock\.create/)
})

t.test('the role security sees all changes, and decides about those whose right it has', async (t) => {
  const { page } = await person('sam', ['security'])
  await open(page)
  t.same(await listed(page, 'pending'), ['lock.create', 'role.update team'])
  t.same(await buttons(page), [
    'Approve lock.create, asked by ann@example.com',
    'Deny lock.create, asked by ann@example.com',
  ])
  await page.getByText('Somebody else who has the right role.update decides about this.').waitFor()
})

t.test('a person without any of these rights has no such page, and no data by its address', async (t) => {
  for (const [name, roles] of [
    ['wim', ['watcher']],
    ['nora', ['access']],
  ] as const) {
    const { page, token } = await person(name, roles)
    for (const path of ['/dashboard/pages', '/dashboard/pages/changes', '/dashboard/pages/changes/tables/1'])
      t.match(await call(token, 'GET', path), { status: 403, code: 'access_denied' }, `${name}: ${path}`)
    t.same((await call(token, 'GET', '/dashboard/own-pages')).value, [])
    for (const path of ['changes', 'changes/tables/1', 'bots', 'nothing'])
      t.match(
        await call(token, 'GET', `/dashboard/own-pages/${path}`),
        { status: 404, code: 'page_not_found' },
        `${name}: ${path}`,
      )
    t.same((await call(token, 'GET', '/changes')).value, [])
    const opened = await page.goto(hub.url + PAGE)
    t.equal(opened?.status(), name === 'wim' ? 200 : 403, 'the administration is for people with some right')
    if (name === 'wim') await page.getByText('No plugin has a page').first().waitFor()
    t.notMatch(await page.locator('#admin, main').first().textContent(), /role\.update team|lock\.create/)
  }
})

t.test(
  'the routes of own pages answer about pages that open by themselves, and to people alone',
  async (t) => {
    const own = await call(bob.token, 'GET', '/dashboard/own-pages')
    t.same(own.value, [{ path: 'changes', title: 'Changes to approve' }])
    for (const path of ['bots', 'devices', 'nothing', 'changes%2f', '..%2fpages%2fbots'])
      t.match(await call(bob.token, 'GET', `/dashboard/own-pages/${path}`), { status: 404 }, path)
    t.match(await call(bob.token, 'GET', '/dashboard/pages'), { status: 403, code: 'access_denied' })
    t.match(await call(bob.token, 'POST', '/dashboard/own-pages/changes', {}), { status: 405 })
    const created = await hub.api<{ token: string }>('POST', '/api-tokens', {
      name: 'program',
      roles: ['admin'],
    })
    t.same((await call(created.token, 'GET', '/dashboard/own-pages')).value, [], 'an API token is no person')
    t.match(await call(created.token, 'GET', '/dashboard/own-pages/changes'), { status: 404 })
    t.match(await call(created.token, 'GET', '/dashboard/pages/changes'), { status: 200 }, 'by its rights')
    t.match(await call('x'.repeat(43), 'GET', '/dashboard/own-pages/changes'), { status: 401 })

    await hub.api('POST', '/locks', { target: { user: 'bob@example.com' } })
    await until(
      async () => (await call(bob.token, 'GET', '/dashboard/own-pages/changes')).status !== 200,
      'a lock closes the page',
      10_000,
    )
    const [lock] = await hub.api<{ id: string }[]>('GET', '/locks')
    await hub.api('DELETE', `/locks/${lock?.id}`)
  },
)

t.test('a person approves in the dashboard, and the change is made', async (t) => {
  await open(bob.page)
  const question = await press(bob.page, 'Approve role.update team, asked by ann@example.com', 'Approve')
  await question.waitFor({ state: 'detached' })
  await bob.page.getByRole('form').first().waitFor({ state: 'detached' })
  await until(async () => (await listed(bob.page, 'done')).length > 0, 'the list says so', 10_000)
  t.same(await listed(bob.page, 'done'), ['role.update team'])
  t.match((await call(bob.token, 'GET', `/changes/${team}`)).value, {
    state: 'done',
    decided_by: 'bob@example.com',
  })
})

t.test('Approve is not there once the asker lost the right, or the thing was changed', async (t) => {
  const [lost, changed] = [await askRole('lost'), await askRole('changed')]
  await hub.api('PUT', '/roles/changed', role('changed', []))
  await open(bob.page)
  t.same(await buttons(bob.page), [
    'Approve role.update lost, asked by ann@example.com',
    'Deny role.update changed, asked by ann@example.com',
    'Deny role.update lost, asked by ann@example.com',
  ])
  await hub.api('PATCH', '/users/ann%40example.com', { roles: ['locker'] })
  await open(bob.page)
  t.same(await buttons(bob.page), [
    'Deny role.update changed, asked by ann@example.com',
    'Deny role.update lost, asked by ann@example.com',
  ])
  t.match(await changing.approve(bob.token, lost), { status: 403 }, 'the API refuses it as well')
  const form = bob.page.getByRole('form', { name: 'Deny role.update changed, asked by ann@example.com' })
  await form.getByRole('textbox', { name: 'Reason' }).fill('not this week')
  const question = await press(bob.page, 'Deny role.update changed, asked by ann@example.com', 'Deny')
  await question.waitFor({ state: 'detached' })
  t.match((await call(ann.token, 'GET', `/changes/${changed}`)).value, {
    ...{ state: 'denied', decided_by: 'bob@example.com', reason: 'not this week' },
  })
  await hub.api('PATCH', '/users/ann%40example.com', { roles: ['role-keeper', 'locker'] })
})

t.test('the person who asked takes it back in the dashboard', async (t) => {
  await open(ann.page)
  await ann.page
    .getByRole('form', { name: 'Take back lock.create, asked by ann@example.com' })
    .getByRole('button', { name: 'Take back' })
    .click()
  await ann.page.getByText('cancelled').first().waitFor()
  t.match((await call(ann.token, 'GET', `/changes/${lock}`)).value, { state: 'cancelled' })
})

t.test('an open page shows what others ask and decide, without being loaded again', async (t) => {
  const root = await person('root', ['admin'])
  for (const { page } of [root, bob]) await open(page)
  const id = await askRole('live')
  const forms = [root, bob].map(({ page }) => page.getByRole('form', { name: /^Approve role\.update live,/ }))
  for (const form of forms) await form.waitFor({ timeout: 15_000 })
  t.match(await call(bob.token, 'POST', `/changes/${id}/deny`, {}), { status: 200 })
  for (const form of forms) await form.waitFor({ state: 'detached', timeout: 15_000 })
  t.ok((await listed(root.page, 'denied')).includes('role.update live'))
})

t.test('the page is for everybody to use: in German, in the dark and on a phone', async (t) => {
  const long = 'x'.repeat(400)
  await ask('PUT', '/roles/looked-at', role('looked-at', [], { app_labels: { team: long } }))
  for (const locale of ['en', 'de'])
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [1280, 390]) {
        const look = { locale, colorScheme, viewport: { width, height: 844 } }
        const { page } = await person('bob', [], look)
        await open(page, locale === 'de' ? 'Änderungen zur Genehmigung' : 'Changes to approve')
        const name = `changes-${locale}-${colorScheme}-${width}`
        await isUsable(t, page, name)
        if (locale === 'de')
          t.ok(
            (await buttons(page)).includes('role.update looked-at genehmigen, gefragt von ann@example.com'),
            'the buttons are German',
          )
        else
          await page
            .getByText(/^This is not all of it: `mezctl changes get [\w-]+` shows the rest\.$/)
            .waitFor()
        await page.context().close()
      }
})

async function isUsable(t: Test, page: Page, name: string): Promise<void> {
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true })
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
  }
  if (await page.evaluate(() => window.axe === undefined)) await page.evaluate(AXE)
  const { violations } = await page.evaluate((runOnly) => axe.run({ runOnly }), RULES)
  t.same(
    violations.map(({ id }) => id),
    [],
    `${name}: accessible`,
  )
  const fits = await page.evaluate(
    () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  )
  t.ok(fits, `${name}: as wide as the window`)
}

t.test('a role that demands a passkey for changes asks the approver for it in the dashboard', async (t) => {
  await hub.api('PUT', '/roles/careful', {
    ...role('careful', []),
    spec: { options: { confirm_changes: '10m' }, allow: { app_labels: { tier: 'none' } } },
  })
  await hub.api('POST', '/users', { name: 'dora', roles: ['role-keeper', 'careful'] })
  const { link } = await hub.api<{ link: string }>('POST', '/users/dora/mfa', {
    type: 'webauthn',
    sign_in: true,
  })
  const { context, page } = await newPerson(browser)
  t.teardown(() => context.close())
  const key = await plugIn(page)
  await page.goto(link)
  await page.locator('#name').fill('Phone')
  await page.locator('[data-go]').click()
  await page.locator('.status', { hasText: /added for dora/ }).waitFor()
  const id = await askRole('stepped-up')
  const stateOf = async () => (await call(bob.token, 'GET', `/changes/${id}`)).value.state

  await open(page)
  await press(page, 'Approve role.update stepped-up, asked by ann@example.com', 'Approve')
  const demand = page.getByRole('dialog', { name: 'Confirm with your passkey' })
  await demand.waitFor()
  t.equal(await stateOf(), 'pending', 'nothing is made before')
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    demand.getByRole('button', { name: 'Use your passkey' }).click(),
  ])
  await key.copyTo(popup)
  await popup.locator('[data-go]').click()
  await demand.waitFor({ state: 'detached' })
  await page
    .getByRole('form', { name: /stepped-up/ })
    .first()
    .waitFor({ state: 'detached' })
  t.match((await call(bob.token, 'GET', `/changes/${id}`)).value, { state: 'done', decided_by: 'dora' })
})
