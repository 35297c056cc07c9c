import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startAgent } from '../e2e/start-agent.ts'
import { certificatesShot } from './certificates-page.ts'
import type { Shot } from './hub-pages.ts'
import { letIn } from './program-pages.ts'
import { proposalsShot } from './proposals-page.ts'

/** What the functions that run in the page see. */
declare const history: { pushState(state: null, title: string, url: string): void }
declare function dispatchEvent(event: Event): void

const DOMAIN = 'northwind.example'
const ADMIN = `dana@${DOMAIN}`
const CAROL = `carol@${DOMAIN}`

/**
 * Opens a page of the dashboard, and waits until it shows what it loads. From page to page of the administration the
 * document stays, as with a click on a link.
 */
export async function openPage(page: Page, url: string): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  const { pathname, origin } = new URL(url)
  const isAdmin = pathname.startsWith('/web/admin')
  if (isAdmin && page.url().startsWith(`${origin}/web/admin`) && (await page.locator('.sidebar').count())) {
    await follow(page, '/web/admin/nowhere')
    await page.locator('.admin-main .empty h1').waitFor()
    await follow(page, url)
  } else await page.goto(url)
  await page.locator('main h1').first().waitFor()
  await page.locator('.loading').first().waitFor({ state: 'detached' })
}

/** Presses the first button with this name; one in the menu of further actions, if it is there alone. */
export async function press(page: Page, name: string): Promise<void> {
  const button = page.getByRole('button', { name, exact: true }).first()
  const menu = page.locator('.page-head .menu:not([open]) > summary')
  if ((await button.count()) === 0 && (await menu.count()) > 0) await menu.click()
  await button.click()
}

/** Chooses a name in a field for several, as with the mouse. */
export async function choose(page: Page, label: string, name: string): Promise<void> {
  const within = (await page.locator('dialog[open]').count()) > 0 ? page.locator('dialog[open]') : page
  await within.getByRole('combobox', { name: label }).fill(name)
  await within.getByRole('option', { name }).first().click()
  await within.getByRole('button', { name: `Remove ${name}` }).waitFor()
}

async function follow(page: Page, url: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', to)
    dispatchEvent(new Event('popstate'))
  }, url)
}

/** A hub with a provider, a database, an agent of its own process, applications, people, and traffic. */
export async function openDashboard(t: { teardown(fn: () => unknown): void }, browser: Browser) {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-dashboard-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({
    config: {
      cluster_name: 'northwind',
      plugins: { 'authorization-server': { enabled: true, registration: true } },
    },
  })
  t.teardown(() => hub.stop())
  const upstream = createServer((request, response) => {
    const path = request.url ?? ''
    const status = Number(/^\/(\d{3})/.exec(path)?.[1] ?? 200)
    const respond = () =>
      response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'.repeat(200))
    setTimeout(respond, path.startsWith('/slow/') ? 20 : 0)
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    upstream.close()
    upstream.closeAllConnections()
  })
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

  const { api } = hub
  await api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso', description: 'Northwind SSO' },
    spec: {
      ...issuer.spec,
      claims_to_roles: [
        { claim: 'groups', value: 'engineers', roles: ['engineers', 'everyone'] },
        { claim: 'groups', value: 'staff', roles: ['everyone'] },
      ],
    },
  })
  const role = (name: string, spec: object) =>
    api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec })
  await role('engineers', { allow: { app_labels: { team: ['platform', 'dev'] } } })
  await role('everyone', { allow: { app_labels: { audience: 'all' } } })
  await role('finance', {
    allow: { app_labels: { team: 'finance' } },
    options: { require_session_mfa: true },
  })
  for (const name of ['erin@example.com', 'a-new-colleague-with-a-long-name@subsidiary.northwind.example'])
    await api('POST', '/invitations', { name, roles: ['engineers', 'everyone'] })
  await role('interns', {
    allow: { app_labels: { audience: 'all' } },
    deny: { app_labels: { team: 'finance' } },
  })

  const app = (name: string, labels: object, display: object, description: string, spec: object = {}) =>
    api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels, description },
      spec: { uri: target, agents: ['berlin-1'], display, ...spec },
    })
  const platform = { env: 'prod', team: 'platform' }
  await app('grafana', platform, { name: 'Grafana', group: 'Monitoring' }, 'Dashboards of all services')
  await app('prometheus', platform, { name: 'Prometheus', group: 'Monitoring' }, 'Metrics and alerts')
  await app('gitlab', { team: 'dev' }, { name: 'GitLab', group: 'Development' }, 'Repositories and reviews')
  const dead = { uri: 'http://127.0.0.1:9' }
  await app(
    'jenkins',
    { team: 'dev' },
    { name: 'Jenkins', group: 'Development' },
    'Builds of every branch',
    dead,
  )
  await app('wiki', { audience: 'all' }, { name: 'Wiki', group: 'Office' }, 'Handbook and minutes')
  await app('chat', { audience: 'all' }, { name: 'Mattermost', group: 'Office' }, 'Channels of every team')
  await app('payroll', { team: 'finance' }, { name: 'Payroll', group: 'Office' }, 'Salaries and expenses')
  await app(
    'orders-db',
    platform,
    { name: 'Orders database', group: 'Development' },
    'PostgreSQL, read only',
    {
      ...{ uri: 'tcp://127.0.0.1:9', protocol: 'tcp' },
    },
  )
  await app('zabbix', platform, { name: 'Zabbix', group: 'Monitoring' }, 'Replaced by Prometheus', {
    enabled: false,
  })
  await startAgent({ hostname: 'berlin-1', proxy: new URL(hub.url).host, api, dir }).then((agent) =>
    t.teardown(() => agent.stop()),
  )

  const visitor = async (claims: object) => {
    issuer.person = { email_verified: true, ...claims }
    const signedIn = hub.visitor()
    await signedIn.open(`${hub.signInUrl}/web/login?connector=sso`)
    return signedIn
  }
  const person = async (claims: object, options: object = {}): Promise<BrowserContext> => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
    context.setDefaultTimeout(60_000)
    t.teardown(() => context.close())
    issuer.person = { email_verified: true, ...claims }
    const page = await context.newPage()
    await page.goto(`${hub.signInUrl}/web/login?connector=sso`)
    await page.close()
    return context
  }
  const claimsOf = (email: string, groups: readonly string[] = ['engineers']) => ({
    sub: email,
    email,
    groups,
  })
  await (await visitor(claimsOf(CAROL, []))).open(`${hub.appUrl('grafana')}/`)
  for (const [name, paths] of [
    ['lena', ['grafana/', 'grafana/d/orders', 'gitlab/groups/shop', 'jenkins/', 'payroll/']],
    ['marc', ['wiki/handbook/travel', 'wiki/404', 'grafana/500', 'prometheus/alerts']],
  ] as const) {
    const signedIn = await visitor(claimsOf(`${name}@${DOMAIN}`))
    for (const path of paths) {
      const [host = '', ...rest] = path.split('/')
      await signedIn.open(`${hub.appUrl(host)}/${rest.join('/')}`)
    }
  }
  await api('POST', '/users', { name: `nils@${DOMAIN}`, roles: ['interns'] })
  await api('POST', '/users', { name: ADMIN, roles: ['admin', 'finance'] })
  await api('POST', '/locks', {
    target: { user: `nils@${DOMAIN}` },
    message: 'On leave until Monday',
    ttl_seconds: 86_400,
  })
  await api('POST', '/api-tokens', { name: 'backup', roles: ['admin'], ttl_seconds: 2_592_000 })
  const { publicKey } = generateKeyPairSync('ed25519')
  await api('PUT', '/bots/ci', {
    kind: 'bot',
    version: 'v1',
    metadata: { name: 'ci' },
    spec: {
      roles: ['engineers'],
      allow_from: ['10.0.0.0/8'],
      max_token_ttl: '15m',
      trust: [
        {
          ...{ issuer: 'https://token.actions.githubusercontent.com', audience: `https://${DOMAIN}` },
          claims: { repository: 'northwind/shop', ref: '^refs/heads/(main|release-.*)$' },
        },
      ],
      keys: [{ kid: 'build-machine', jwk: publicKey.export({ format: 'jwk' }) }],
    },
  })
  await api('POST', '/bots/ci/secret')
  await api('PUT', '/app-clients/grafana', {
    redirect_uris: [`${hub.appUrl('grafana')}/login/generic_oauth`],
  })
  await letIn(hub, await visitor(claimsOf(`lena@${DOMAIN}`)), 'Photo frame', 'grafana')
  await api('POST', '/tokens', { roles: ['app'], ttl_seconds: 3_600, agent_hostname: 'berlin-2' })

  return {
    hub,
    issuer,
    api,
    app,
    role,
    person,
    visitor,
    claimsOf,
    target,
    dir,
    admin: () => person(claimsOf(ADMIN)),
    carol: () => person(claimsOf(CAROL, [])),
  }
}

/** Every page of the dashboard and its dialogs, of an administrator. */
export function dashboardShots(hub: { readonly url: string; readonly api: unknown }): Shot[] {
  const at = (name: string, path: string, then?: (page: Page) => Promise<unknown>): Shot => ({
    name,
    async open(page) {
      await openPage(page, hub.url + path)
      await then?.(page)
    },
  })
  const pressing = (name: string) => (page: Page) => press(page, name)
  const admin = (name: string, path: string, then?: (page: Page) => Promise<unknown>) =>
    at(name, `/web/admin${path}`, then)
  /** What the hub answers for some paths of its API, for one page. */
  const state = (name: string, path: string, answer: 'error' | 'slow'): Shot => ({
    name,
    async open(page) {
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      await page.route('**/v1/webapi/**', async (route) => {
        if (/\/(me|events)$/.test(route.request().url())) return route.fallback()
        if (answer === 'slow') return
        await route.fulfill({
          status: 503,
          contentType: 'application/problem+json',
          json: { code: 'database', detail: 'The database is unreachable.', request_id: 'b7f0e1d2' },
        })
      })
      await page.goto(hub.url + path)
      // Until the script of the page is there, something else says that it is loading.
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      await page
        .locator(answer === 'slow' ? '.loading, .placeholder' : '[role=alert]')
        .first()
        .waitFor()
    },
  })
  return [
    at('launcher', '/'),
    at('launcher-search', '/', async (page) => {
      await page.keyboard.press('/')
      await page.keyboard.type('moni')
    }),
    at('launcher-nothing-found', '/', (page) => page.getByRole('searchbox').fill('sharepoint')),
    state('launcher-slow', '/', 'slow'),
    state('launcher-error', '/', 'error'),
    admin('admin-overview', ''),
    admin('admin-apps', '/apps'),
    admin('admin-app', '/apps/grafana'),
    admin('admin-app-add', '/apps/+', async (page) => {
      await page.getByLabel('Name *').first().fill('Bad Name')
      await page.getByLabel('Target *').fill('ftp://wiki')
      await page.locator('.help.bad').first().waitFor()
    }),
    admin('admin-app-edit', '/apps/grafana?edit'),
    admin('admin-app-remove', '/apps/grafana', pressing('Remove')),
    admin('admin-app-disable', '/apps/grafana', pressing('Switch off')),
    admin('admin-agents', '/agents'),
    admin('admin-agent', '/agents/berlin-1'),
    admin('admin-agent-add', '/agents', pressing('Add an agent')),
    admin('admin-agent-add-command', '/agents', async (page) => {
      await press(page, 'Add an agent')
      await page.getByRole('dialog').locator('button[type=submit]').click()
      await page.getByRole('dialog').locator('.steps').waitFor()
    }),
    admin('admin-people', '/people'),
    admin('admin-person', `/people/${CAROL}`, async (page) => {
      await page.getByLabel('Application').selectOption('grafana')
      await page.locator('.answer').waitFor()
    }),
    admin('admin-person-add', '/people', pressing('Add a person')),
    admin('admin-person-invite', '/people', pressing('Invite a person')),
    admin('admin-person-roles', `/people/${CAROL}`, pressing('Edit roles')),
    admin('admin-roles', '/roles'),
    admin('admin-role', '/roles/engineers', async (page) => {
      const editor = page.getByLabel('Document')
      await editor.fill((await editor.inputValue()).replace('- dev', '- finance'))
      await page.getByText(/lose.? access to applications/).waitFor()
    }),
    admin('admin-role-fault', '/roles/+', async (page) => {
      await page
        .getByLabel('Document')
        .fill('kind: role\nversion: v1\nmetadata: { name: new-role }\nspec: { alow: {} }')
      await page.locator('.marks').waitFor()
    }),
    admin('admin-sign-in', '/sign-in'),
    admin('admin-connector', '/sign-in/sso'),
    admin('admin-connector-add', '/sign-in/+'),
    admin('admin-locks', '/locks'),
    admin('admin-lock-add', '/locks', pressing('Add a lock')),
    admin('admin-sessions', '/sessions'),
    admin('admin-session-end', '/sessions', (page) =>
      page
        .getByRole('button', { name: /^End: / })
        .first()
        .click(),
    ),
    admin('admin-requests', '/requests'),
    admin('admin-request', '/requests', async (page) => {
      await page.locator('tr', { hasText: 'app.request' }).first().getByRole('link').first().click()
      await page.locator('.admin-main .panel').first().waitFor()
    }),
    admin('admin-request-denied', '/requests?type=access.denied', async (page) => {
      await page.locator('tbody').getByRole('link').first().click()
      await page.locator('.admin-main .panel').first().waitFor()
    }),
    admin('admin-requests-none', '/requests?app=nowhere'),
    admin('admin-tokens', '/tokens'),
    admin('admin-token-add', '/tokens', pressing('Add an API token')),
    admin('admin-cluster', '/cluster'),
    certificatesShot(hub.url),
    proposalsShot(hub.url),
    admin('admin-programs', '/plugins/programs'),
    admin('admin-program-remove', '/plugins/programs', pressing('Remove the program')),
    admin('admin-bots', '/plugins/bots'),
    admin('admin-bot-remove', '/plugins/bots', pressing('Remove the bot ci?')),
    admin('admin-no-page', '/nowhere'),
    state('admin-slow', '/web/admin/apps', 'slow'),
    state('admin-error', '/web/admin/apps', 'error'),
  ]
}
