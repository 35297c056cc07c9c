import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchMachine } from '../bench-machine.ts'
import { begin, inRounds, type Sample, sample } from '../measure.ts'
import type { Way } from '../network-path.ts'
import { compared, type Figure, type Goal, least, most } from '../row.ts'
import { heads, type Target } from '../target.ts'

const AGENT = fileURLToPath(new URL('../../../agent/mezd.js', import.meta.url))
const FAR_HUB = new URL('../programs/far-hub.ts', import.meta.url).href
const BODY_BYTES = 256 << 20
const DEADLINE_MS = 60_000
/** Both sides reach their full rate before they are measured. */
const WARM_UP_MS = 2_500
const LEAST_SECONDS = 2.5
const CONNECTIONS = 4
const PAUSE_MS = 20
const TRANSPORTS = ['http2', 'websocket', 'webtransport'] as const

type Transport = (typeof TRANSPORTS)[number]

interface FarWay extends Way {
  readonly transports: readonly Transport[]
  readonly goal: Goal
  /** Whether small requests beside a download are measured, over `http2`. */
  readonly small?: boolean
}

const WAYS: readonly FarWay[] = [
  { roundTripMs: 50, loss: 0, transports: ['http2'], goal: least(0.95, 0.95) },
  { roundTripMs: 100, loss: 0, transports: TRANSPORTS, goal: least(0.8, 0.9) },
  { roundTripMs: 50, loss: 0.01, transports: TRANSPORTS, goal: least(0.6, 0.8), small: true },
]

export const farAgent = {
  name: 'far-agent',
  summary:
    'one download over each transport from an agent at 50 ms, 100 ms, and 50 ms with 1 % loss, and small requests beside one',
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

/** What is measured in each round: the transport of a download, or one of these. */
interface Run {
  readonly name: Transport | 'bare TCP' | 'alone' | 'beside a download'
}

async function measureWay(
  machine: BenchMachine,
  at: string,
  { roundTripMs, loss, transports, goal, small = false }: FarWay,
  address: string,
): Promise<Figure[]> {
  const agents = new Map<Run['name'], Target>()
  for (const transport of transports) {
    const name = `far-${roundTripMs}-${loss * 100}-${transport}`
    agents.set(transport, await startFarAgent(machine, name, address, transport))
  }
  const first = agents.get('http2') as Target
  const bare: Target = {
    name: 'bare TCP',
    port: await machine.upstreamPort(),
    host: 'localhost',
    cookie: null,
    includes: 'nothing',
    processes: {},
  }
  const [load, downloader] = await Promise.all([machine.load(), machine.load('downloader')])
  const ms = Math.max(machine.options.seconds, LEAST_SECONDS) * 1_000
  const to = ({ port, host }: Target) => ({ port, servername: host })
  const download = (from: Target) => ({
    ms,
    warmUpMs: WARM_UP_MS,
    heads: heads(from, 1, `GET /bytes/${BODY_BYTES}`),
  })
  const askSmall = () =>
    sample(load, first, {
      ...to(first),
      ms,
      heads: heads(first, CONNECTIONS, 'GET /bytes/1024'),
      pauseMs: PAUSE_MS,
    })
  const names: Run['name'][] = ['bare TCP', ...transports]
  if (small) names.push('alone', 'beside a download')
  const runs = names.map((name): Run => ({ name }))
  const of = await inRounds(machine, runs, async ({ name }) => {
    const target = agents.get(name)
    if (target) return sample(load, target, { ...to(target), ...download(target) })
    if (name === 'bare TCP')
      return sample(load, bare, { port: bare.port, servername: null, address, ...download(bare) })
    if (name === 'alone') return askSmall()
    const { done } = await begin(downloader, { ...to(first), ...download(first), ms: ms + 700 })
    const [measured] = await Promise.all([askSmall(), done])
    return measured
  })
  const values = (name: Run['name'], read: (one: Sample) => number) =>
    of(runs.find((run) => run.name === name)!).map(read)
  const rate = ({ bytes, seconds }: Sample) => bytes / seconds / 1e6
  const p50 = ({ p50Ms }: Sample) => p50Ms
  const figures = transports.map((transport) =>
    compared(
      `one stream over ${transport} at ${at}`,
      'MB/s',
      values(transport, rate),
      { name: 'bare TCP', values: values('bare TCP', rate) },
      goal,
    ),
  )
  if (!small) return figures
  return [
    ...figures,
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
async function startFarAgent(
  machine: BenchMachine,
  name: string,
  address: string,
  transport: Transport,
): Promise<Target> {
  const { cluster, many, hubPort, url, visitor } = await machine.ours()
  const joining = JSON.parse(
    await cluster.mezctl(
      ...['tokens', 'create', '--roles=app', '--agent-hostname', name, '--format', 'json'],
    ),
  ) as { token: string; ca_pin: string }
  machine.children.spawn(
    process.execPath,
    [
      ...['--conditions=mezite-source', '--import', FAR_HUB],
      ...[AGENT, 'start', '--hostname', name, '--transport', transport],
      ...['--proxy', `${new URL(cluster.hubUrl).hostname}:${hubPort}`],
      ...['--data-dir', join(machine.dir, name), '--ca-pin', joining.ca_pin],
    ],
    {
      env: { ...process.env, MEZITE_JOIN_TOKEN: joining.token, FAR_HUB: `${address}:${hubPort}` },
    },
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
