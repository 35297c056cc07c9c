import type { BrowserContext } from 'playwright-core'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present } from '../measure.ts'
import { compared, type Figure, most } from '../row.ts'
import type { Target } from '../target.ts'
import { APACHE, startApache } from '../targets/apache.ts'
import { startNginx } from '../targets/nginx.ts'

/** Round trips, in milliseconds. */
const ROUND_TRIPS = [0, 40]
const RESOURCES = 60

/** What the functions that run in the page see. */
declare const performance: {
  getEntriesByType(type: string): { loadEventEnd: number; name: string }[]
}
declare class PerformanceObserver {
  constructor(callback: (list: { getEntries(): { startTime: number }[] }) => void)
  observe(options: object): void
}
declare const window: { paintMs?: number }

interface Seen {
  readonly loadMs: number
  readonly paintMs: number
}
type Visit = 'cold' | 'warm'

export const page = {
  name: 'page',
  summary: `a page of ${RESOURCES} resources in Chromium, cold and warm, at 0 and 40 ms: load event and largest paint`,
  compares: 'equal: TLS, HTTP/2, page, browser. Not equal: see what each includes',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const closers: (() => unknown)[] = []
    try {
      return await measure(machine, (close) => void closers.push(close))
    } finally {
      for (const close of closers.reverse()) await close()
    }
  },
}

async function measure(machine: BenchMachine, teardown: (close: () => unknown) => void): Promise<Figure[]> {
  const targets = await startTargets(machine, teardown)
  const figures: Figure[] = []
  for (const roundTrip of ROUND_TRIPS) {
    const address = roundTrip === 0 ? '127.0.0.1' : await machine.path({ roundTripMs: roundTrip, loss: 0 })
    if (address === null) continue
    // Names stay as they are; only the connection takes the path. Both baselines have the same name.
    const rules = targets.map(({ host, port }) => `MAP ${host}:${port} ${address}:${port}`)
    const browser = await openBrowser({ teardown }, undefined, [`--host-resolver-rules=${rules.join(',')}`])
    const part = machine.part(`round trip of ${roundTrip} ms`, async () => {
      const of = await inRounds(machine, targets, async (target) => {
        const { context } = await newPerson(browser)
        await context.addCookies(cookiesOf(target))
        const [cold, warm] = [await load(context, target), await load(context, target)]
        await context.close()
        return { cold, warm }
      })
      return figuresOf(targets, of, roundTrip)
    })
    figures.push(...(await part))
    await browser.close()
  }
  for (const { name, includes } of targets) machine.note(`page through ${name} includes: HTTP/2, ${includes}`)
  return figures
}

async function startTargets(
  machine: BenchMachine,
  teardown: (close: () => unknown) => void,
): Promise<readonly [Target, ...Target[]]> {
  const ours = await machine.ours()
  const { first } = await machine.children.program<{ port: number }>('page-app')
  const url = ours.url.replace('//bench.', '//page.')
  await ours.api('PUT', '/apps/page', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'page', labels: { env: 'demo', team: 'platform' } },
    spec: { uri: `http://127.0.0.1:${first.port}`, agents: ['demo-node'] },
  })
  const { host } = new URL(url)
  const cookie = (await ours.visitor(url)).cookies(host) ?? ''
  const mine: Target = { ...ours.many, host: new URL(url).hostname, cookie: () => cookie }
  const shared = { ...machine.certificate(), dir: machine.dir, upstreamPort: first.port }
  const apache = machine.lacks(['apache2'])
    ? null
    : await startApache(machine.children, {
        ...shared,
        name: `page ${APACHE}`,
        signs: true,
        tunnel: false,
      })
  if (apache) teardown(() => apache.issuer.close())
  const nginx = machine.lacks(['nginx'])
    ? null
    : await startNginx(machine.children, {
        ...shared,
        name: 'page nginx',
        includes: 'TLS, no tunnel, no sign-in, no record',
      })
  const named = (target: Target | null, name: string) => target && { ...target, name }
  return [mine, ...present([named(nginx, 'nginx'), named(apache?.target ?? null, APACHE)])]
}

const originOf = ({ host, port }: Target): string => `https://${host}:${port}`

function cookiesOf(target: Target) {
  const pairs = target.cookie?.(0).split('; ').filter(Boolean) ?? []
  return pairs.map((pair) => {
    const [name = '', ...value] = pair.split('=')
    return { name, value: value.join('='), url: `${originOf(target)}/` }
  })
}

/** Opens the page in a tab of its own, and waits for its last image. */
async function load(context: BrowserContext, target: Target): Promise<Seen> {
  const tab = await context.newPage()
  await tab.addInitScript(() => {
    new PerformanceObserver((list) => {
      window.paintMs = list.getEntries().at(-1)?.startTime ?? 0
    }).observe({ type: 'largest-contentful-paint', buffered: true })
  })
  await tab.goto(`${originOf(target)}/`)
  await tab.waitForFunction(() => window.paintMs !== undefined, null, { polling: 20 })
  await tab.waitForFunction('document.title === "Done"', null, { polling: 20 })
  // The observer hears of a paint after the frame that has shown it.
  await tab.waitForTimeout(100)
  const seen = await tab.evaluate(() => ({
    loadMs: performance.getEntriesByType('navigation')[0]?.loadEventEnd ?? 0,
    paintMs: window.paintMs ?? 0,
    resources: performance.getEntriesByType('resource').length + 1,
  }))
  await tab.close()
  if (seen.resources !== RESOURCES)
    throw new Error(`the page had ${seen.resources} resources, not ${RESOURCES}`)
  return seen
}

function figuresOf(
  [ours, ...peers]: readonly [Target, ...Target[]],
  of: (target: Target) => Readonly<Record<Visit, Seen>>[],
  roundTrip: number,
): Figure[] {
  const kinds = [
    ['load event', ({ loadMs }: Seen) => loadMs],
    ['largest paint', ({ paintMs }: Seen) => paintMs],
  ] as const
  return (['cold', 'warm'] as const).flatMap((visit) =>
    kinds.flatMap(([kind, read]) =>
      peers.map((peer): Figure => {
        const values = (target: Target) => of(target).map((each) => read(each[visit]))
        const asked = visit === 'warm' && roundTrip === 40 && peer.name === 'nginx' && kind === 'load event'
        return compared(
          `page, ${visit}, ${roundTrip} ms: ${kind}`,
          'ms',
          values(ours),
          { name: peer.name, values: values(peer) },
          asked ? most(1.15, 1.05) : null,
        )
      }),
    ),
  )
}
