import { createTestHub, type TestHub } from '@mezite/core/testing'
import type { Browser, Page } from 'playwright-core'
import { plugIn } from '../plugins/webauthn/virtual-key.ts'

/** A new hub, and the page of its first administrator, who signed in with the passkey of the link that every new hub prints. */
export async function openEmptyHub(
  t: { teardown(fn: () => unknown): void },
  browser: Browser,
): Promise<{ hub: TestHub; page: Page }> {
  const hub = await createTestHub({ config: { cluster_name: 'northwind' } })
  t.teardown(() => hub.stop())
  await hub.api('POST', '/users', { name: 'dana', roles: ['admin'] })
  const { link } = await hub.api<{ link: string }>('POST', '/users/dana/mfa', {
    type: 'webauthn',
    sign_in: true,
  })
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  context.setDefaultTimeout(60_000)
  t.teardown(() => context.close())
  const page = await context.newPage()
  await plugIn(page)
  await page.goto(link)
  await page.locator('[data-go]').click()
  await page.locator('[data-when="done"] a').click()
  await page.getByRole('link', { name: 'Administration' }).waitFor()
  return { hub, page }
}
