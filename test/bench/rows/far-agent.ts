import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchMachine } from '../bench-machine.ts'
import { begin, inRounds, type Sample, sample } from '../measure.ts'
import type { Way } from '../network-path.ts'
import { compared, type Figure, type Goal, least, most } from '../row.ts'
import { heads, type Target } from '../target.ts'

const AGENT = fileURLToPath(new URL('../../../agent/mezd.js', import.meta.url))
const BODY_BYTES = 256 << 20
const DEADLINE_MS = 60_000
/** Both sides reach their full rate before they are measured. */
const WARM_UP_MS = 4_000
const LEAST_SECONDS = 4
const CONNECTIONS = 4
const PAUSE_MS = 20

const WAYS: readonly (Way & { readonly goal: Goal })[] = [
  { roundTripMs: 50, loss: 0, goal: least(0.95, 0.95) },
  { roundTripMs: 100, loss: 0, goal: least(0.8, 0.9) },
  { roundTripMs: 50, loss: 0.01, goal: least(0.6, 0.8) },
]

export const farAgent = {
  name: 'far-agent',
  summary:
    'one download, and small requests beside it, from an agent at 50 ms, 100 ms, and 50 ms with 1 % loss',
  compares:
    'equal: the path, a TUN device that delays and loses packets, and the TCP of the kernel. Not equal: ours has TLS twice, session, decision, record and a tunnel; bare TCP has nothing',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const figures: Figure[] = []
    for (const way of WAYS) {
      const address = await machine.path(way)
      if (address === null) return figures
      const at = `${way.roundTripMs} ms${way.loss > 0 ? ` and ${way.loss * 100} % loss` : ''}`
      figures.push(...(await machine.part(at, () => measureWay(machine, at, way, address))))
    }
    return figures
  },
}

interface Run {
  readonly name: 'ours' | 'bare TCP' | 'alone' | 'beside a download'
}

async function measureWay(
  machine: BenchMachine,
  at: string,
  { roundTripMs, loss, goal }: (typeof WAYS)[number],
  address: string,
): Promise<Figure[]> {
  const target = await startFarAgent(machine, `far-${roundTripMs}-${loss * 100}`, address)
  const bare: Target = {
    ...{ name: 'bare TCP', port: await machine.upstreamPort(), host: 'localhost', cookie: null },
    ...{ includes: 'nothing', processes: {} },
  }
  const [load, downloader] = await Promise.all([machine.load(), machine.load('downloader')])
  const ms = Math.max(machine.options.seconds, LEAST_SECONDS) * 1_000
  const ours = { port: target.port, servername: target.host }
  const download = (from: Target) => heads(from, 1, `GET /bytes/${BODY_BYTES}`)
  const small = () =>
    sample(load, target, {
      ...{ ...ours, ms, heads: heads(target, CONNECTIONS, 'GET /bytes/1024'), pauseMs: PAUSE_MS },
    })
  const runs = (['ours', 'bare TCP', 'alone', 'beside a download'] as const).map((name): Run => ({ name }))
  const of = await inRounds(machine, runs, async ({ name }) => {
    if (name === 'alone') return small()
    if (name === 'ours')
      return sample(load, target, { ...ours, ms, warmUpMs: WARM_UP_MS, heads: download(target) })
    if (name === 'bare TCP')
      return sample(load, bare, {
        ...{ port: bare.port, servername: null, address, ms, warmUpMs: WARM_UP_MS, heads: download(bare) },
      })
    const { done } = await begin(downloader, {
      ...{ ...ours, ms: ms + 700, warmUpMs: WARM_UP_MS, heads: download(target) },
    })
    const [measured] = await Promise.all([small(), done])
    return measured
  })
  const values = (name: Run['name'], read: (one: Sample) => number) =>
    of(runs.find((run) => run.name === name)!).map(read)
  const rate = ({ bytes, seconds }: Sample) => bytes / seconds / 1e6
  const p50 = ({ p50Ms }: Sample) => p50Ms
  return [
    compared(
      `one stream at ${at}`,
      'MB/s',
      values('ours', rate),
      { name: 'bare TCP', values: values('bare TCP', rate) },
      goal,
    ),
    compared(
      `small request beside a download at ${at}, p50`,
      'ms',
      values('beside a download', p50),
      { name: 'alone', values: values('alone', p50) },
      most(1.3, 1.1),
    ),
  ]
}

/** Another agent, which reaches the hub at an address, with an application of its own. */
async function startFarAgent(machine: BenchMachine, name: string, address: string): Promise<Target> {
  const { cluster, many, hubPort, url, visitor } = await machine.ours()
  const joining = JSON.parse(
    await cluster.mezctl(
      ...['tokens', 'create', '--roles=app', '--agent-hostname', name, '--format', 'json'],
    ),
  ) as { token: string; ca_pin: string }
  machine.children.spawn(
    process.execPath,
    [
      ...['--conditions=mezite-source', AGENT, 'start', '--hostname', name],
      ...['--proxy', `${address}:${hubPort}`],
      ...['--data-dir', join(machine.dir, name), '--ca-pin', joining.ca_pin],
    ],
    { env: { ...process.env, MEZITE_JOIN_TOKEN: joining.token } },
  )
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const agents = JSON.parse(await cluster.mezctl('agents', 'ls', '--format', 'json')) as {
      hostname: string
      connected: boolean
    }[]
    if (agents.some(({ hostname, connected }) => hostname === name && connected)) break
    if (Date.now() > deadline) throw new Error('the far agent did not connect in time')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await cluster.mezctl(
    ...['apps', 'register', '--name', name, '--uri', `http://127.0.0.1:${await machine.upstreamPort()}`],
    ...['--labels', 'env=demo,team=platform', '--agent-hostname', name],
  )
  const farUrl = url.replace('//bench.', `//${name}.`)
  const { host, hostname } = new URL(farUrl)
  const cookie = (await visitor(farUrl)).cookies(host) ?? ''
  return { ...many, name: 'ours', host: hostname, cookie: () => cookie }
}
