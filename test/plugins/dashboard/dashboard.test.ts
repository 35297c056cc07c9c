/** The launcher and the administration in a real browser, with one hub and one provider. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { FakeIssuer } from '@mezite/core/testing'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'

/** What the functions that run in the page see. */
declare const window: { pwned?: boolean }
declare const axe: {
  run(options: object): Promise<{ violations: { id: string; nodes: { target: unknown }[] }[] }>
}

const HOSTILE = `<img src=x onerror="window.pwned=true">"'\u202e`
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const issuer = await FakeIssuer.start()
const hub = await createTestHub()
t.teardown(async () => {
  await hub.stop()
  await issuer.close()
})
const admin = { sub: 'root-1', email: 'root@example.com', email_verified: true }
const carol = { sub: 'carol-1', email: 'carol@example.com', email_verified: true }

const app = (name: string, spec: object, metadata: object = {}) =>
  hub.api('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels: { env: 'prod' }, ...metadata },
    spec: { uri: 'http://127.0.0.1:9', ...spec },
  })
const role = (name: string, spec: object) =>
  hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec })

await hub.api('PUT', '/connectors/sso', {
  kind: 'oidc',
  version: 'v1',
  metadata: { name: 'sso', description: HOSTILE.slice(0, 40) },
  spec: issuer.spec,
})
await role('staff', { allow: { app_labels: { env: 'prod' } } })
await hub.api('POST', '/users', { name: admin.email, roles: ['admin', 'staff'] })
await app('grafana', { display: { name: 'Grafana', group: 'Monitoring', icon: 'chart' } })
await app('hostile', { display: { name: HOSTILE, group: HOSTILE } }, { description: HOSTILE })
await app('cache', { uri: 'tcp://127.0.0.1:9', protocol: 'tcp' })
await app('secret', {}, { labels: { env: 'other' } })
await app('asleep', { enabled: false })

const browser = await openBrowser(t)

/** A signed-in person whose page reports what a person must never see: failures, and requests to other origins. */
async function person(who: object): Promise<{ context: BrowserContext; page: Page; faults: string[] }> {
  issuer.person = { ...who }
  const { context, page } = await newPerson(browser)
  const faults: string[] = []
  await page.goto(`${hub.url}/`)
  page.on('console', (message) => {
    // The form asks the hub about each draft, and Chromium reports its refusals.
    if (message.type() === 'error' && !message.text().includes('status of 400')) faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(hub.url) && !request.url().startsWith('data:')) faults.push(request.url())
  })
  return { context, page, faults }
}

/** Ids of the accessibility rules that the page breaks. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  const { violations: found } = await page.evaluate(() =>
    axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  )
  return found.map(
    ({ id, nodes }) => `${id} ${JSON.stringify(nodes.slice(0, 3).map(({ target }) => target))}`,
  )
}

t.test('a person finds their own applications, and nothing else', async (t) => {
  const { context, page, faults } = await person(admin)
  await page.getByRole('heading', { name: 'Applications' }).waitFor()
  const names = await page.locator('.card.app h3').allTextContents()
  t.strictSame(names.toSorted(), ['Grafana', HOSTILE, 'asleep', 'cache'].toSorted())
  t.equal(await page.getByRole('link', { name: 'Grafana' }).getAttribute('href'), `${hub.appUrl('grafana')}/`)
  t.match(await page.locator('.card', { hasText: 'cache' }).textContent(), 'msh app login cache')
  t.equal(
    await page.getByRole('link', { name: 'asleep' }).count(),
    0,
    'an app that is switched off does not open',
  )

  await page.keyboard.press('/')
  await page.keyboard.type('moni')
  t.strictSame(await page.locator('.card.app h3').allTextContents(), ['Grafana'])
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate('document.activeElement.textContent'), 'Grafana', 'L156 the card is next')
  await page.keyboard.press('/')
  t.strictSame(await violations(page), [])
  t.equal(await page.evaluate(() => window.pwned), undefined, 'L150')
  t.strictSame(faults, [], 'L151 no error and no other origin')
  await context.close()
})

t.test('L151 L153 the pages run only files of the hub, and nobody can frame them', async (t) => {
  const { context, page } = await person(admin)
  for (const path of ['/', '/web/admin']) {
    const response = await page.goto(hub.url + path)
    const headers = response!.headers()
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
  await context.close()
})

t.test('L155 a lock and the end of a session reach an open page within two seconds', async (t) => {
  const { context, page } = await person(admin)
  await page.getByRole('link', { name: 'Grafana' }).waitFor()
  const lock = await hub.api<{ id: string }>('POST', '/locks', {
    target: { user: admin.email },
    message: 'coffee break',
  })
  await page.getByText('coffee break').waitFor({ timeout: 2_000 })
  t.equal(await page.locator('.card.app').count(), 0)
  await hub.api('DELETE', `/locks/${lock.id}`)
  await page.getByRole('link', { name: 'Grafana' }).waitFor({ timeout: 2_000 })
  const sessions = await hub.api<{ id: string }[]>('GET', `/sessions?user=${admin.email}`)
  for (const { id } of sessions) await hub.api('DELETE', `/sessions/${id}`).catch(() => {})
  await page.getByRole('dialog', { name: 'You are signed out' }).waitFor({ timeout: 2_000 })
  t.strictSame(await violations(page), [])
  await context.close()
})

t.test('a person without an application is told what to do, and cannot administer', async (t) => {
  const { context, page } = await person(carol)
  await page.getByRole('heading', { name: 'You have no applications yet' }).waitFor()
  t.match(await page.textContent('main'), 'carol@example.com')
  t.equal((await page.goto(`${hub.url}/web/admin`))?.status(), 403)
  await context.close()
})

t.test('an administrator publishes an app, sees why Carol is denied, and gives her the role', async (t) => {
  const { context, page, faults } = await person(admin)
  await page.goto(`${hub.url}/web/admin/apps/+`)
  await page.getByLabel('Name *').first().fill('wiki')
  await page.getByLabel('Target *').fill('ftp://wiki')
  await page.getByText(/must be SCHEME/).waitFor()
  await page.getByLabel('Target *').fill('http://127.0.0.1:9')
  await page.getByLabel('Labels').fill('env=prod')
  await page.getByRole('button', { name: 'Add an application' }).click()
  await page.getByRole('heading', { name: 'wiki' }).waitFor()

  await page.goto(`${hub.url}/web/admin/people/carol@example.com`)
  await page.getByLabel('Application').selectOption('wiki')
  await page.getByText('role_missing').waitFor()
  await page.getByRole('button', { name: 'Edit roles' }).click()
  await page.getByLabel('staff').check()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('.answer', { hasText: 'Allowed' }).waitFor()
  t.strictSame(faults, [])
  await context.close()
})

t.test('two administrators: a conflict is shown, and nothing is lost', async (t) => {
  const { context, page } = await person(admin)
  await page.goto(`${hub.url}/web/admin/roles/staff`)
  const editor = page.getByLabel('Document')
  await editor.fill(`${await editor.inputValue()}# mine`)
  await role('staff', { allow: { app_labels: { env: ['prod', 'stage'] } } })
  const alert = page.getByRole('alert')
  await alert.getByText('stage').waitFor({ timeout: 2_000 })
  t.match(await editor.inputValue(), '# mine')
  t.ok(await page.getByRole('button', { name: 'Save' }).isDisabled())
  await alert.getByRole('button', { name: 'Use theirs' }).click()
  t.match(await editor.inputValue(), 'stage')
  await editor.fill('kind: role\nversion: v1\nmetadata: { name: staff }\nspec: {}')
  await page.getByText('Loses access').waitFor()
  await context.close()
})

t.test('L150 every page of the administration is accessible, and hostile names are inert', async (t) => {
  const { context, page, faults } = await person(admin)
  const pages = [
    ...['', '/apps', '/apps/+', '/apps/hostile', '/agents', '/people', '/people/carol@example.com', '/roles'],
    ...[
      '/roles/staff',
      '/sign-in',
      '/sign-in/sso',
      '/locks',
      '/sessions',
      '/requests',
      '/tokens',
      '/cluster',
    ],
  ]
  for (const path of pages) {
    await page.goto(`${hub.url}/web/admin${path}`)
    await page.locator('.admin-main h1').first().waitFor()
    await page.locator('.loading').first().waitFor({ state: 'detached' })
    t.strictSame(await violations(page), [], path || '/')
  }
  t.equal(await page.evaluate(() => window.pwned), undefined)
  t.strictSame(faults, [])
  await context.close()
})

t.test('L152 L154 no link runs a script, and a table of events runs no formula', async (t) => {
  await t.rejects(app('script', { uri: 'javascript:alert(1)' }))
  issuer.person = { sub: 'mallory-1', email: '=cmd()@example.com', email_verified: true }
  await hub.visitor().open(`${hub.url}/`)
  const visitor = hub.visitor()
  issuer.person = { ...admin }
  await visitor.open(`${hub.url}/`)
  const { text, headers } = await visitor.fetch(
    `${hub.url}/v1/webapi/audit/export?format=csv&type=user.login`,
  )
  t.match(headers['content-disposition'], 'attachment; filename="audit.csv"')
  t.match(text, /,'=cmd\(\)@example\.com,/)
  t.notMatch(text, /(^|,)=cmd/m)
})

t.test('K142 a sibling app cannot use the session of an administrator', async (t) => {
  const visitor = hub.visitor()
  issuer.person = { ...admin }
  await visitor.open(`${hub.url}/`)
  const { status, text } = await visitor.fetch(`${hub.url}/v1/webapi/locks`, {
    method: 'POST',
    headers: {
      origin: hub.appUrl('hostile'),
      'content-type': 'application/json',
      'sec-fetch-site': 'same-site',
    },
    body: '{"target":{"user":"carol@example.com"}}',
  })
  t.equal(status, 403)
  t.match(text, 'csrf')
  t.strictSame(await hub.api('GET', '/locks'), [])
})
