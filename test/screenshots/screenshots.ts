/**
 * `npm run screenshots [-- FOLDER [NAME…]]`: a picture of every page, in both themes and at two widths, in `dist/screenshots`
 * unless a folder is named.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import { openBrowser } from '../e2e/open-browser.ts'
import { dashboardShots, openDashboard } from './dashboard-pages.ts'
import { openHubPages, type Shot } from './hub-pages.ts'

const WIDTHS = [320, 1280] as const
const THEMES = ['light', 'dark'] as const

const [folder = 'dist/screenshots', ...names] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const closers: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => void closers.push(fn) }

async function shoot(context: BrowserContext, shots: readonly Shot[]) {
  const page = await context.newPage()
  for (const { name, open } of shots) {
    if (names.length > 0 && !names.includes(name)) continue
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width === 320 ? 640 : 800 })
      await open(page)
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme })
        const path = join(folder, `${name}-${width}-${colorScheme}.png`)
        const fullPage = (await page.locator('dialog[open]').count()) === 0
        await page.screenshot({ path, fullPage, animations: 'disabled' })
        process.stdout.write(`${resolve(path)}\n`)
      }
    }
  }
  await page.close()
}

const wanted = (prefix: RegExp) => names.length === 0 || names.some((name) => prefix.test(name))
const DASHBOARD = /^(launcher|admin)/

try {
  const browser = await openBrowser(t)
  if (wanted(DASHBOARD)) {
    const { hub, admin } = await openDashboard(t, browser)
    await shoot(await admin(), dashboardShots(hub))
  }
  if (wanted(/^(?!launcher|admin)/)) {
    const { lists, person, signInThrough, grant } = await openHubPages(t, browser)
    await shoot(await person(), lists.stranger)
    const carol = await person()
    await signInThrough(await carol.newPage(), 'carol@example.com')
    await shoot(carol, lists.carol)
    const root = await person()
    await signInThrough(await root.newPage(), 'root@example.com')
    await grant('root@example.com', ['admin', 'platform', 'strict'])
    await shoot(root, lists.root)
  }
} finally {
  for (const close of closers.reverse()) await close()
}
