import { audit, defineHubPlugin, Type } from '@mezite/core'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import type { Page } from 'playwright-core'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { alone, type Figure, type Goal, most } from '../row.ts'

const APPS = 2_000
const EVENTS = 100_000
/** Events in one turn: the queue of the audit holds more. */
const BATCH = 1_000
const SLOWER = 4
const NAME = 'dana@example.com'

/** What the functions that run in the page see. */
declare const performance: {
  now(): number
  getEntriesByType(type: string): { name: string; encodedBodySize: number }[]
}
declare const window: { seenMs?: number }
declare const document: {
  querySelector(selector: string): unknown
  querySelectorAll(selector: string): { length: number }
}
declare class MutationObserver {
  constructor(callback: () => void)
  observe(target: unknown, options: object): void
}

/** The dashboard's pages in Chromium, at a quarter of the processor's speed. */
export const dashboard = {
  name: 'dashboard',
  summary: `launcher and audit trail in a browser that is ${SLOWER} times slower, with ${APPS} apps and ${EVENTS} events`,
  compares: 'equal: nothing is compared',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const closers: (() => unknown)[] = []
    const t = { teardown: (fn: () => unknown) => void closers.push(fn) }
    try {
      return await measure(t, machine)
    } finally {
      for (const close of closers.reverse()) await close()
    }
  },
}

async function measure(t: { teardown(fn: () => unknown): void }, machine: BenchMachine): Promise<Figure[]> {
  let record = (_index: number): void => {}
  const recorder = defineHubPlugin({
    name: 'recorder',
    api: 1,
    summary: 'Records events for this measurement',
    config: Type.Object({}, { additionalProperties: false }),
    needs: { audit },
    setup({ use }) {
      record = (index) =>
        use.audit.record({
          ...{ type: 'app.request', success: true, user: NAME, app: `app-${index % APPS}` },
          ...{ method: 'GET', path: `/page/${index}`, status: 200, duration_ms: index % 90 },
        })
    },
  })
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({ plugins: [recorder] })
  t.teardown(() => hub.stop())
  const { api } = hub
  await api('PUT', '/connectors/sso', {
    ...{ kind: 'oidc', version: 'v1', metadata: { name: 'sso' } },
    spec: issuer.spec,
  })
  await api('POST', '/users', { name: NAME, roles: ['admin', 'access'] })
  issuer.person = { sub: 'dana', email: NAME, email_verified: true }
  const app = (index: number) =>
    api('PUT', `/apps/app-${index}`, {
      ...{ kind: 'app', version: 'v1', metadata: { name: `app-${index}`, labels: { env: 'prod' } } },
      spec: { uri: 'http://127.0.0.1:9', display: { group: `Group ${index % 40}` } },
    })
  for (let index = 0; index < 10; index++) await app(index)

  const browser = await openBrowser(t)
  const { context, page } = await newPerson(browser)
  await page.goto(`${hub.url}/`)
  await context.addInitScript(() => {
    new MutationObserver(() => {
      if (document.querySelector('.card.app a, tbody tr')) window.seenMs ??= performance.now()
    }).observe(document, { childList: true, subtree: true })
  })
  const devtools = await context.newCDPSession(page)
  await devtools.send('Performance.enable')
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
  /** The figures of one page that is shown round after round. */
  const pageOf = (
    name: string,
    path: string,
    wanted: readonly (readonly [what: string, key: keyof Shown, unit: string, goal?: Goal])[],
  ): Promise<Figure[]> =>
    machine.part(name, async () => {
      const target = { name }
      const of = await inRounds(machine, [target], () => shown(page, devtools, hub.url + path))
      return wanted.map(([what, key, unit, goal]) =>
        alone(
          `${name}: ${what}`,
          unit,
          of(target).map((each) => each[key]),
          goal,
        ),
      )
    })

  const at = `${SLOWER} times slower`
  const small = await pageOf('launcher', '/', [
    ['scripts, compressed', 'scriptKb', 'kB', most(60, 30)],
    [`to the first application, ${at}`, 'seenMs', 'ms', most(1_000, 500)],
  ])
  for (let index = 10; index < APPS; index++) await app(index)
  const many = await pageOf(`launcher with ${APPS} apps`, '/', [
    [`to the first application, ${at}`, 'seenMs', 'ms', most(2_000, 1_000)],
    ['processor time', 'taskMs', 'ms'],
    ['elements', 'elements', '', most(5_000, 3_000)],
  ])
  for (let index = 0; index < EVENTS; index++) {
    record(index)
    if (index % BATCH === BATCH - 1) await drained(api)
  }
  const trail = await pageOf(`audit trail of ${EVENTS} events`, '/web/admin/requests', [
    [`to the first event, ${at}`, 'seenMs', 'ms', most(2_000, 1_000)],
    ['elements', 'elements', '', most(5_000, 3_000)],
  ])
  return [...small, ...many, ...trail]
}

/** Waits until the audit has written what was recorded. */
async function drained(api: Awaited<ReturnType<typeof createTestHub>>['api']): Promise<void> {
  for (;;) {
    const { audit: sinks } = await api<{ audit: { queued: number }[] }>('GET', '/status')
    if (sinks.every(({ queued }) => queued < BATCH)) return
  }
}

interface Shown {
  readonly seenMs: number
  readonly taskMs: number
  readonly elements: number
  readonly scriptKb: number
}

async function shown(
  page: Page,
  devtools: Awaited<ReturnType<ReturnType<Page['context']>['newCDPSession']>>,
  url: string,
): Promise<Shown> {
  const taskMs = async () => {
    const { metrics } = await devtools.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1_000
  }
  await page.goto('about:blank')
  const before = await taskMs()
  await page.goto(url)
  await page.locator('.card.app a, tbody tr').first().waitFor()
  await page.waitForLoadState('load')
  const after = await taskMs()
  const seen = await page.evaluate(() => ({
    seenMs: window.seenMs ?? 0,
    elements: document.querySelectorAll('*').length,
    scriptKb:
      performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.includes('.js'))
        .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1_000,
  }))
  return { ...seen, taskMs: Math.max(after - before, 0) }
}
