/** The cluster and the browser that the tests of the dashboard share, and what they look for on its pages. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { openBrowser } from '../../e2e/open-browser.ts'
import { shareOpenHandles } from '../../open-handles.ts'
import { openDashboard } from '../../screenshots/dashboard-pages.ts'

/** What the functions that run in the page see. */
declare const window: { pwned?: boolean; axe?: unknown }
declare const axe: {
  run(
    context: unknown,
    options: object,
  ): Promise<{
    violations: { id: string; nodes: { target: unknown; html: string; failureSummary: string }[] }[]
  }>
}
declare const document: {
  querySelector(selector: string): unknown
  querySelectorAll(selector: string): { length: number }
  documentElement: { scrollWidth: number; clientWidth: number }
}

/** Runs a script if a page does not escape it. */
export const HOSTILE = `<img src=x onerror="window.pwned=true">"'\u202e`

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

export const browser = await openBrowser(t)
export const dashboard = await openDashboard(t, browser)
export const { hub, api, issuer } = dashboard

/** The administrator's browser; each test opens a page of its own. */
export const administrator = await dashboard.admin()
shareOpenHandles()

/** A page, and what a person must never see: failures, and requests to other origins. */
export async function openTab(
  t: { teardown(fn: () => unknown): void },
  context: BrowserContext = administrator,
): Promise<{ page: Page; faults: string[] }> {
  const page = await context.newPage()
  t.teardown(() => page.close())
  const faults: string[] = []
  page.on('console', (message) => {
    // Chromium reports each response that is an error.
    if (message.type() === 'error' && !message.text().includes('the server responded with a status of'))
      faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(hub.url) && !/^(data|blob):/.test(request.url())) faults.push(request.url())
  })
  return { page, faults }
}

/** Ids of the accessibility rules that the page breaks, or its open dialog, which makes the rest inert. */
export async function violations(page: Page, rules: object = { runOnly: RULES }): Promise<string[]> {
  if (await page.evaluate(() => window.axe === undefined)) await page.evaluate(AXE)
  const { violations: found } = await page.evaluate(
    (options) => axe.run(document.querySelector('dialog[open]') ?? document, options),
    { ...rules, resultTypes: ['violations'] },
  )
  return found.map(
    ({ id, nodes }) =>
      `${id} ${JSON.stringify(nodes.slice(0, 3).map(({ target, html, failureSummary }) => ({ target, html, failureSummary })))}`,
  )
}

/** False if the page has made an element of a hostile text, or is wider than its window. */
export async function isInert(page: Page): Promise<boolean> {
  return page.evaluate(
    () =>
      window.pwned === undefined &&
      document.querySelectorAll('img[onerror]').length === 0 &&
      document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  )
}
