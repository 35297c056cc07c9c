import type { BrowserContext } from 'playwright-core'
import { newPerson, openBrowser } from '../../e2e/open-browser.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { present } from '../measure.ts'
import { type Figure, type Goal, most } from '../row.ts'
import { interleave, median, ratio } from '../statistics.ts'
import type { Target } from '../target.ts'
import { APACHE, startApache } from '../targets/apache.ts'
import { startNginx } from '../targets/nginx.ts'

/** Round trips, in milliseconds; a TCP handshake takes none, because a relay delays the bytes. */
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
    machine.options.progress(`  round trip of ${roundTrip} ms`)
    const rules: string[] = []
    for (const { host, port } of targets) {
      const relay = ['far-relay', String(roundTrip / 2), String(port)] as const
      // Names stay as they are; only the connection goes through the relay. Both baselines have the same name.
      const to =
        roundTrip === 0 ? port : (await machine.children.program<{ port: number }>(...relay)).first.port
      rules.push(`MAP ${host}:${port} 127.0.0.1:${to}`)
    }
    const browser = await openBrowser({ teardown }, undefined, [`--host-resolver-rules=${rules.join(',')}`])
    const seen = new Map(targets.map((target) => [target, { cold: [] as Seen[], warm: [] as Seen[] }]))
    for (const [round, order] of interleave(targets, machine.options.rounds + 1).entries()) {
      for (const target of order) {
        const { context } = await newPerson(browser)
        await context.addCookies(cookiesOf(target))
        for (const visit of ['cold', 'warm'] as const) {
          const one = await load(context, target)
          if (round > 0) seen.get(target)?.[visit].push(one)
        }
        await context.close()
      }
    }
    await browser.close()
    figures.push(...compared(targets, seen, roundTrip))
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
    ...{ kind: 'app', version: 'v1', metadata: { name: 'page', labels: { env: 'demo', team: 'platform' } } },
    spec: { uri: `http://127.0.0.1:${first.port}`, agents: ['demo-node'] },
  })
  const { host } = new URL(url)
  const cookie = (await ours.visitor(url)).cookies(host) ?? ''
  const mine: Target = { ...ours.many, host: new URL(url).hostname, cookie: () => cookie }
  const shared = { ...machine.certificate(), dir: machine.dir, upstreamPort: first.port }
  const apache = machine.lacks(['apache2'])
    ? null
    : await startApache(machine.children, {
        ...{ ...shared, name: `page ${APACHE}` },
        includes: 'TLS, session cookie, claims as headers, access log, no tunnel',
      })
  if (apache) teardown(() => apache.issuer.close())
  const nginx = machine.lacks(['nginx'])
    ? null
    : await startNginx(machine.children, {
        ...{ ...shared, name: 'page nginx' },
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

function compared(
  [ours, ...peers]: readonly [Target, ...Target[]],
  seen: ReadonlyMap<Target, Readonly<Record<Visit, readonly Seen[]>>>,
  roundTrip: number,
): Figure[] {
  const kinds = [
    ['load event', ({ loadMs }: Seen) => loadMs],
    ['largest paint', ({ paintMs }: Seen) => paintMs],
  ] as const
  return (['cold', 'warm'] as const).flatMap((visit) =>
    kinds.flatMap(([kind, read]) =>
      peers.map((peer): Figure => {
        const [mine, theirs] = [ours, peer].map((target) => (seen.get(target)?.[visit] ?? []).map(read))
        const asked = visit === 'warm' && roundTrip === 40 && peer.name === 'nginx' && kind === 'load event'
        const goal: Goal | null = asked ? most(1.15, 1.05) : null
        return {
          ...{ what: `page, ${visit}, ${roundTrip} ms: ${kind}`, unit: 'ms', goal },
          ...{ ours: median(mine ?? []), ratio: ratio(mine ?? [], theirs ?? []) },
          against: { name: peer.name, value: median(theirs ?? []) },
        }
      }),
    ),
  )
}
