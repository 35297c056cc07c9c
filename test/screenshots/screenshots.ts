/** `npm run screenshots -- --help`: pictures of every page, of which two become those of the README. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { BrowserContext, Page, Route } from 'playwright-core'
import { startPostgres } from '../../core/testing/index.ts'
import { openBrowser } from '../e2e/open-browser.ts'
import { STANDING } from '../large-data.ts'
import { openAccessOverTime } from './access-pages.ts'
import { dashboardShots, openDashboard, openPage } from './dashboard-pages.ts'
import { openEmptyHub } from './empty-hub.ts'
import { openHubPages, type Shot } from './hub-pages.ts'
import { largeShots, openLargeHub } from './large-hub.ts'
import { OLGA } from './program-pages.ts'
import { RITA } from './request-pages.ts'

const HELP = `Takes a picture of every page, in both themes and at 320 and 1280 px.

  npm run screenshots -- [--large [--german]] [FOLDER [NAME…]]

  FOLDER    where the pictures go (default: dist/screenshots)
  NAME      only these, such as launcher or admin-apps (default: all)
  --large   the pages of a company with 400 apps and 3,000 people, at 390, 1024, 1280 and 1440 px
  --german  in German (with --large)
  --help    this text

Pictures of launcher and admin-overview replace those of the README in plugins/dashboard/pictures.
`
const OPTIONS = ['--large', '--german', '--help']
const strange = process.argv.slice(2).find((word) => word.startsWith('-') && !OPTIONS.includes(word))
if (strange !== undefined || process.argv.includes('--help')) {
  process.stdout.write(strange === undefined ? HELP : `${strange} is not an option.\n\n${HELP}`)
  process.exit(strange === undefined ? 0 : 2)
}

const THEMES = ['light', 'dark'] as const

/** Pictures of the README, by the shot that each is the top of; heights in pixels. */
const PICTURES: Readonly<Record<string, { readonly name: string; readonly height: number }>> = {
  launcher: { name: 'launcher', height: 800 },
  'admin-overview': { name: 'overview', height: 1_000 },
}

const isLarge = process.argv.includes('--large')
const WIDTHS = isLarge ? [390, 1_024, 1_280, 1_440] : [320, 1_280]
const [folder = 'dist/screenshots', ...names] = process.argv.slice(2).filter((word) => !word.startsWith('--'))
mkdirSync(folder, { recursive: true })
const closers: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => void closers.push(fn) }

/** Writes the top of a screenshot for the README, as WebP. */
async function writePicture(context: BrowserContext, shot: string, png: Buffer): Promise<void> {
  const { name, height } = PICTURES[shot]!
  const blank = await context.newPage()
  const url = await blank.evaluate(
    async ([source, height]) => {
      const image = new Image()
      image.src = source
      await image.decode()
      const canvas = document.createElement('canvas')
      canvas.width = image.width
      canvas.height = Math.min(image.height, height)
      canvas.getContext('2d')?.drawImage(image, 0, 0)
      return canvas.toDataURL('image/webp', 0.85)
    },
    [`data:image/png;base64,${png.toString('base64')}`, height] as const,
  )
  await blank.close()
  const path = join(import.meta.dirname, '../../plugins/dashboard/pictures', `${name}.webp`)
  writeFileSync(path, Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'))
  process.stdout.write(`${path}\n`)
}

async function shoot(context: BrowserContext, shots: readonly Shot[]) {
  const page = await context.newPage()
  for (const { name, open } of shots) {
    if (names.length > 0 && !names.includes(name)) continue
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width === 320 ? 640 : width === 390 ? 844 : 800 })
      await open(page)
      for (const colorScheme of THEMES) {
        await page.emulateMedia({ colorScheme })
        const path = join(folder, `${name}-${width}-${colorScheme}.png`)
        const fullPage = (await page.locator('dialog[open]').count()) === 0
        const png = await page.screenshot({ path, fullPage, animations: 'disabled' })
        process.stdout.write(`${resolve(path)}\n`)
        if (width === 1280 && colorScheme === 'light' && name in PICTURES)
          await writePicture(context, name, png)
      }
    }
  }
  await page.close()
}

const wanted = (name: RegExp) => !isLarge && (names.length === 0 || names.some((each) => name.test(each)))

/** A working day in place of the seconds that this hub has run. */
async function sampleTraffic(route: Route): Promise<void> {
  const stepMs = /range=day/.test(route.request().url()) ? 900_000 : 60_000
  const count = stepMs === 60_000 ? 60 : 96
  const now = Math.floor(Date.now() / stepMs) * stepMs
  const points = Array.from({ length: count }, (_, index) => {
    const wave = 1 + 0.6 * Math.sin(index / 9) + 0.25 * Math.sin(index / 2.3)
    const requests = Math.round(140 * wave)
    return {
      time: new Date(now - (count - 1 - index) * stepMs).toISOString(),
      requests,
      errors: index % 13 === 5 ? 6 : index % 4 === 0 ? 1 : 0,
      p50_ms: Math.round(11 + 4 * wave),
      p95_ms: Math.round(48 + 30 * wave),
      bytes_in: requests * 900,
      bytes_out: requests * 21_000,
      sessions: Math.round(30 + 9 * wave),
    }
  })
  await route.fulfill({ json: { step_seconds: stepMs / 1_000, points } })
}

try {
  const browser = await openBrowser(t)
  if (isLarge) {
    const locale = process.argv.includes('--german') ? 'de-DE' : 'en-US'
    const postgres = await startPostgres()
    t.teardown(() => postgres.close())
    const database = { driver: 'postgres', url: await postgres.createDatabase() }
    const { hub, context } = await openLargeHub(t, browser, STANDING, { locale, database })
    await shoot(context, largeShots(hub))
  }
  if (wanted(/^(launcher|admin)/)) {
    const dashboard = await openDashboard(t, browser)
    const { hub, admin, carol, person, claimsOf } = dashboard
    const administrator = await admin()
    await administrator.route('**/v1/webapi/traffic?*', sampleTraffic)
    await shoot(administrator, dashboardShots(hub))
    await shoot(administrator, await openAccessOverTime(dashboard))
    const home = (name: string): Shot => ({ name, open: (page) => openPage(page, `${hub.url}/`) })
    await shoot(await carol(), [home('launcher-no-applications')])
    await shoot(await person(claimsOf('nils@northwind.example')), [home('launcher-locked')])
  }
  if (wanted(/^first-hour/)) {
    const { hub, page } = await openEmptyHub(t, browser)
    const pages = [
      '',
      '/apps',
      '/agents',
      '/sign-in',
      '/roles',
      '/sessions',
      '/requests',
      '/tokens',
      '/locks',
    ]
    const open = (path: string) => (page: Page) => openPage(page, `${hub.url}/web/admin${path}`)
    await shoot(
      page.context(),
      pages.map((path) => ({ name: `first-hour${path.replace('/', '-')}`, open: open(path) })),
    )
  }
  if (wanted(/^(?!launcher|admin|first-hour)/)) {
    const { lists, person, requests, programs, signInThrough, grant } = await openHubPages(t, browser)
    await shoot(await person(), lists.stranger)
    const carol = await person()
    await signInThrough(await carol.newPage(), 'carol@example.com')
    await shoot(carol, lists.carol)
    const root = await person()
    await signInThrough(await root.newPage(), 'root@example.com')
    await grant('root@example.com', ['admin', 'platform', 'strict'])
    await shoot(root, lists.root)
    const rita = await person()
    const shots = await requests()
    await signInThrough(await rita.newPage(), RITA)
    await shoot(rita, shots)
    const olga = await person()
    const programShots = await programs()
    await signInThrough(await olga.newPage(), OLGA)
    await shoot(olga, programShots)
  }
} finally {
  for (const close of closers.reverse()) await close()
}
