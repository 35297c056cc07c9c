// needs: chromium
import { existsSync } from 'node:fs'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'

const DEADLINE_MS = 60_000

/** Debian's builds of Chromium. The first has no user interface and takes half of the other's processor time. */
const BROWSERS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

/**
 * Chromium, quiet towards the network; closed with the test. It accepts every certificate, but then shares no connection
 * between hosts: with `spki`, the SHA-256 of a public key in base64, it accepts that key only. `more`: further flags.
 */
export async function openBrowser(
  t: { teardown(fn: () => unknown): void },
  spki?: string,
  more: readonly string[] = [],
): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: BROWSERS.find((file) => existsSync(file)) ?? 'chromium',
    args: [
      '--no-sandbox',
      // Service workers need more than the context's ignoreHTTPSErrors.
      spki === undefined ? '--ignore-certificate-errors' : `--ignore-certificate-errors-spki-list=${spki}`,
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  })
  t.teardown(() => browser.close())
  return browser
}

/** A fresh profile that accepts the development certificate, unless `options` say otherwise. */
export async function newPerson(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
  context.setDefaultTimeout(DEADLINE_MS)
  return { context, page: await context.newPage() }
}

/** Opens a URL and signs in at the example's identity provider when it asks. */
export async function signInAs(page: Page, name: string, url: string): Promise<void> {
  await page.goto(url)
  const button = page.getByRole('button', { name })
  if (await button.isVisible()) {
    await button.click()
    await page.waitForLoadState()
  }
}
