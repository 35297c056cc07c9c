import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'

interface Found {
  readonly id: string
  readonly nodes: readonly { readonly html: string }[]
}
declare const axe: { run(context: unknown, options: object): Promise<{ violations: readonly Found[] }> }
declare const document: {
  querySelector(selector: string): unknown
  documentElement: { scrollWidth: number; clientWidth: number }
}
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Larger pages are lists of one kind of section, and axe needs a minute for one of them. */
const LARGEST = 150_000
/** After so many pages the progress is said: a file that writes nothing for minutes counts as one that hangs. */
const SAID_EVERY = 20

/**
 * What people with and without a mouse, in both themes and on a phone would meet in pages of the static site: violations that
 * axe finds, and pages that are wider than 320 px. The frame and the colours are the same on all pages, so `whole` of them are
 * checked with it, and in the dark. `say` hears of progress.
 */
export async function siteFaults(
  browser: Browser,
  folder: string,
  files: readonly string[],
  whole: readonly string[],
  say: (progress: string) => void,
): Promise<readonly string[]> {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } })
  const page = await context.newPage()
  const faults: string[] = []
  const check = async (file: string, selector: string, options: object) => {
    const { violations } = await page.evaluate(
      ([where, rules]) => axe.run(document.querySelector(where as string), rules as object),
      [selector, { ...options, resultTypes: ['violations'] }] as const,
    )
    faults.push(...violations.map(({ id, nodes }) => `${file}: ${id}: ${nodes[0]?.html}`))
  }
  for (const [at, file] of files.entries()) {
    if (at % SAID_EVERY === 0) say(`${at} of ${files.length} pages`)
    if (readFileSync(join(folder, file)).length > LARGEST) continue
    await page.goto(pathToFileURL(join(folder, file)).href)
    await page.evaluate(AXE)
    await check(file, whole.includes(file) ? 'html' : 'article', {})
    if (whole.includes(file)) {
      await page.emulateMedia({ colorScheme: 'dark' })
      await check(file, 'html', { runOnly: ['color-contrast'] })
      await page.emulateMedia({ colorScheme: 'light' })
    }
    const wide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    )
    if (wide) faults.push(`${file}: is wider than 320 px`)
  }
  await context.close()
  return faults
}

/** Contrast of two colours (WCAG 2.2). */
export function contrast(one: string, other: string): number {
  const light = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
      return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b) as [number, number]
  return (bright + 0.05) / (dark + 0.05)
}

/** Texts of a drawing that are hard to read on the page or in a box, in each theme. */
export function drawingFaults(
  svg: string,
  backgrounds: { readonly light: string; readonly dark: string },
): string[] {
  const [light = '', dark = ''] = (/<style>([\s\S]*)<\/style>/.exec(svg)?.[1] ?? '').split(
    '@media (prefers-color-scheme: dark)',
  )
  const fillOf = (style: string, selector: string) =>
    new RegExp(`(?:^|[\\s}])${selector.replace('.', '\\.')} \\{[^}]*fill: (#[0-9a-f]{6})`).exec(style)?.[1]
  return Object.entries({ light, dark }).flatMap(([theme, style]) => {
    const page = backgrounds[theme as 'light' | 'dark']
    const box = fillOf(style, 'rect')
    const pairs: readonly (readonly [string, string | undefined])[] = [
      ['text', page],
      ['text', box],
      ['.quiet', page],
      ['.quiet', box],
      ...(svg.includes('<circle') ? [['.number', fillOf(style, 'circle')] as const] : []),
    ]
    return pairs.flatMap(([selector, behind]) => {
      const colour = fillOf(style, selector)
      if (colour === undefined || behind === undefined) return [`${theme}: ${selector} has no colour`]
      return contrast(colour, behind) < 4.5 ? [`${theme}: ${selector} ${colour} on ${behind}`] : []
    })
  })
}
