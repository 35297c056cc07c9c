import { createTestHub, type TestHub } from '@mezite/core/testing'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { type LargeSizes, largeData } from '../large-data.ts'
import { plugIn } from '../plugins/webauthn/virtual-key.ts'
import { openPage } from './dashboard-pages.ts'
import type { Shot } from './hub-pages.ts'

/** The hub of a large company, and the page of an administrator who has signed in with a passkey. */
export async function openLargeHub(
  t: { teardown(fn: () => unknown): void },
  browser: Browser,
  sizes: Partial<LargeSizes> = {},
  { locale = 'en-US', database = null }: { readonly locale?: string; readonly database?: object | null } = {},
): Promise<{ hub: TestHub; context: BrowserContext; page: Page }> {
  const data = largeData(sizes)
  const config = { cluster_name: 'northwind', ...(database !== null && { database }) }
  const hub = await createTestHub({ plugins: [data.plugin], config })
  t.teardown(() => hub.stop())
  await data.filled
  const roles = ['admin', 'data-staff', 'design-staff', 'platform-lead', 'ops-staff', 'web-staff']
  await hub.api('POST', '/users', { name: 'dana', roles })
  const { link } = await hub.api<{ link: string }>('POST', '/users/dana/mfa', {
    type: 'webauthn',
    sign_in: true,
  })
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale })
  context.setDefaultTimeout(60_000)
  t.teardown(() => context.close())
  const page = await context.newPage()
  await plugIn(page)
  await page.goto(link)
  await page.locator('[data-go]').click()
  await page.locator('[data-when="done"] a').click()
  await page.getByRole('link', { name: /^(Administration|Verwaltung)$/ }).waitFor()
  return { hub, context, page }
}

/** Lists of the administration, by the last part of their addresses. */
export const LISTS = [
  ...['apps', 'agents', 'people', 'roles', 'locks', 'sessions', 'tokens'],
  ...['plugins/passkeys', 'plugins/access-requests', 'plugins/bots'],
]

/** Pages that must stay short and quick however much there is. */
export function largeShots(hub: { readonly url: string }): Shot[] {
  const at = (name: string, path: string, then?: (page: Page) => Promise<unknown>): Shot => ({
    name: `large-${name}`,
    async open(page) {
      await openPage(page, hub.url + path)
      await then?.(page)
    },
  })
  return [
    at('launcher', '/'),
    at('overview', '/web/admin'),
    ...LISTS.map((path) => at(path.replace('/', '-'), `/web/admin/${path}`)),
    at('app', '/web/admin/apps/grafana-berlin'),
    at('person', '/web/admin/people/anna.bauer@example.com'),
    at('activity', '/web/admin/requests'),
    at('activity-requests', '/web/admin/requests?type=app.request'),
    at('activity-of-person', '/web/admin/requests?user=anna.bauer@example.com&period=week'),
    at('activity-of-app', '/web/admin/requests?app=grafana-berlin&period=week'),
    at('access-requests', '/web/access-requests'),
    at('search', '/web/admin', async (page) => {
      await page.keyboard.press('Control+k')
      await page.keyboard.type('grafana berlin')
      await page.locator('.palette [role=option]', { hasText: 'Grafana Berlin' }).waitFor()
    }),
  ]
}
