import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { plugIn, type VirtualKey } from '../plugins/webauthn/virtual-key.ts'
import { openProgramPages } from './program-pages.ts'
import { openRequestPages } from './request-pages.ts'

/** One page in the state that is shown. */
export interface Shot {
  readonly name: string
  /** Leads the page there; the context is of one person for all shots of a list. */
  open(page: Page): Promise<unknown>
}

/** Bytes that must stay text wherever a page shows them. */
export const HOSTILE = `<img src=x onerror="document.title='owned'">\u202e"'&`

const CHALLENGE = 'c'.repeat(43)

/** A hub in this process with people, apps and a provider, and every page that it renders itself. */
export async function openHubPages(t: { teardown(fn: () => unknown): void }, browser: Browser) {
  const dir = mkdtempSync(join(tmpdir(), 'mezite-pages-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const logo = join(dir, 'logo.svg')
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><script>alert(1)</script><rect width="32" height="32" rx="8" fill="#0a7d5c"/><path d="M9 22V10l7 8 7-8v12" fill="none" stroke="#fff" stroke-width="3"/></svg>`
  writeFileSync(logo, drawing)
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const brand = {
    name: 'Northwind',
    logo_file: logo,
    color: '#0a7d5c',
    ...{ contact: 'IT service desk: +49 30 5550 0100', help_url: 'https://help.example.com/' },
  }
  const hub = await createTestHub({
    config: {
      brand,
      plugins: { dashboard: false, 'authorization-server': { enabled: true, registration: true } },
    },
  })
  t.teardown(() => hub.stop())
  const { api } = hub
  await api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso', description: 'Northwind SSO' },
    spec: issuer.spec,
  })
  const app = (name: string, labels: object, spec: object = {}) =>
    api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels, description: HOSTILE },
      spec: { uri: 'http://127.0.0.1:9', agents: ['node-1'], ...spec },
    })
  await app('grafana', { env: 'prod', team: 'platform' }, { display: { name: 'Grafana' } })
  await app('payroll', { env: 'prod', team: 'finance' }, { display: { name: HOSTILE.slice(0, 60) } })
  await app('vault', { tier: 'vault' })
  const role = (name: string, labels: object, options: object = {}) =>
    api('PUT', `/roles/${name}`, {
      kind: 'role',
      version: 'v1',
      metadata: { name },
      spec: { options, allow: { app_labels: labels } },
    })
  await role('platform', { env: 'prod', team: 'platform' })
  await role('strict', { tier: 'vault' }, { require_session_mfa: true })
  await api('POST', '/users', { name: 'lena', roles: ['platform', 'strict'] })

  const link = async () => {
    const made = await api<{ link: string }>('POST', '/users/lena/mfa', { type: 'webauthn', sign_in: true })
    return made.link
  }
  await link()
  const invitation = async () => {
    const invited = { name: 'erin@example.com', roles: ['platform'] }
    return (await api<{ link: string }>('POST', '/invitations', invited)).link
  }
  const person = async (options: object = {}): Promise<BrowserContext> => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
    context.setDefaultTimeout(60_000)
    t.teardown(() => context.close())
    return context
  }
  const signInThrough = async (page: Page, email: string) => {
    issuer.person = { sub: email, email, email_verified: true, groups: [] }
    await page.goto(`${hub.signInUrl}/web/login?connector=sso`)
  }
  const state = async (page: Page) => {
    await page.goto(`${hub.signInUrl}/web/login`)
    return new URL(
      (await page.locator('.choices a').first().getAttribute('href')) ?? '',
      hub.signInUrl,
    ).searchParams.get('state')
  }

  const stranger: Shot[] = [
    { name: 'sign-in', open: (page) => page.goto(`${hub.appUrl('grafana')}/dashboards`) },
    { name: 'sign-in-passkey', open: (page) => page.goto(`${hub.signInUrl}/web/login?connector=passkey`) },
    {
      name: 'enrolment',
      async open(page) {
        await page.goto('about:blank')
        await page.goto(await link())
        await page.locator('[data-go]').waitFor()
      },
    },
    {
      name: 'enrolment-used',
      async open(page) {
        await page.goto('about:blank')
        await page.goto(`${hub.signInUrl}/web/enrol#${'x'.repeat(43)}`)
        await page.locator('.status.bad').waitFor()
      },
    },
    {
      name: 'invitation',
      async open(page) {
        await page.goto('about:blank')
        await page.goto(await invitation())
        await page.locator('[data-go]').waitFor()
      },
    },
    {
      name: 'invitation-dead',
      async open(page) {
        await page.goto('about:blank')
        await page.goto(`${hub.signInUrl}/web/invitation#${'x'.repeat(43)}`)
        await page.locator('.status.bad').waitFor()
      },
    },
    { name: 'signed-out', open: (page) => page.goto(`${hub.signInUrl}/web/signed-out`) },
    { name: 'not-found', open: (page) => page.goto(`${hub.signInUrl}/web/nowhere`) },
    {
      name: 'other-host',
      open: (page) => page.goto(`https://other.localhost:${hub.ports.public}/`).catch(() => {}),
    },
    { name: 'app-sign-out', open: (page) => page.goto(`${hub.appUrl('grafana')}/.mezite/nothing`) },
  ]
  /** Without a role. */
  const carol: Shot[] = [
    { name: 'no-applications', open: (page) => page.goto(`${hub.signInUrl}/`) },
    { name: 'denied', open: (page) => page.goto(`${hub.appUrl('payroll')}/`) },
  ]
  /** An administrator with roles that do not match. */
  const root: Shot[] = [
    { name: 'applications', open: (page) => page.goto(`${hub.signInUrl}/`) },
    { name: 'denied-explained', open: (page) => page.goto(`${hub.appUrl('payroll')}/`) },
    { name: 'passkey-needed', open: (page) => page.goto(`${hub.appUrl('vault')}/`) },
    { name: 'not-responding', open: (page) => page.goto(`${hub.appUrl('grafana')}/`) },
    { name: 'account', open: (page) => page.goto(`${hub.signInUrl}/web/account`) },
    { name: 'device-new', open: (page) => page.goto(`${hub.signInUrl}/web/devices/new`) },
    { name: 'documentation', open: (page) => page.goto(`${hub.signInUrl}/web/docs`) },
    {
      name: 'documentation-picture',
      open: (page) => page.goto(`${hub.signInUrl}/web/docs/understand/security-review`),
    },
    {
      name: 'documentation-search',
      async open(page) {
        await page.goto(`${hub.signInUrl}/web/docs/look-up/limits`)
        await page.getByRole('searchbox').fill('agent does not connect')
        await page.locator('#docs-results a', { hasText: 'The agent does not connect' }).waitFor()
      },
    },
    {
      name: 'account-end',
      async open(page) {
        await page.goto(`${hub.signInUrl}/web/account`)
        await page.locator('#sessions .confirm summary').last().click()
      },
    },
    {
      name: 'menu',
      async open(page) {
        await page.goto(`${hub.signInUrl}/`)
        await page.locator('.menu summary').click()
      },
    },
    { name: 'confirmed', open: (page) => page.goto(`${hub.signInUrl}/web/confirm/done`) },
    { name: 'sign-out', open: (page) => page.goto(`${hub.signInUrl}/web/logout`) },
    {
      name: 'command-line',
      open: (page) =>
        page.goto(
          `${hub.signInUrl}/web/cli?challenge=${CHALLENGE}&no_browser=1&program=msh&host=${encodeURIComponent(HOSTILE)}`,
        ),
    },
    {
      name: 'command-line-code',
      async open(page) {
        await page.goto(
          `${hub.signInUrl}/web/cli?challenge=${CHALLENGE}&no_browser=1&program=msh&host=laptop`,
        )
        await page.locator('main button').click()
        await page.waitForLoadState()
      },
    },
  ]
  const grant = (name: string, roles: readonly string[]) => api('PATCH', `/users/${name}`, { roles })

  return {
    hub,
    issuer,
    api,
    link,
    person,
    signInThrough,
    state,
    plugIn,
    grant,
    lists: { stranger, carol, root },
    requests: () => openRequestPages(t, hub, api, issuer),
    programs: () => openProgramPages(hub, api, issuer),
  }
}

export type { VirtualKey }
