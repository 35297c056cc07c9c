import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, sample } from '../measure.ts'
import { type Figure, least } from '../row.ts'
import { median } from '../statistics.ts'
import { heads, type Target } from '../target.ts'

const AGENT = fileURLToPath(new URL('../../../agent/mezd.js', import.meta.url))
const BODY_BYTES = 256 << 20
const ROUND_TRIP_MS = 50
const DEADLINE_MS = 60_000

export const farAgent = {
  name: 'far-agent',
  summary: `one download from an agent whose tunnel has a round trip of ${ROUND_TRIP_MS} ms`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const target = await startFarAgent(machine)
    const load = await machine.load()
    const of = await inRounds(machine, [target], () =>
      sample(load, target, {
        ...{ port: target.port, servername: target.host, ms: machine.options.seconds * 1000 },
        ...{ warmUpMs: 1_500, heads: heads(target, 1, `GET /bytes/${BODY_BYTES}`) },
      }),
    )
    const ours = median(of(target).map((each) => each.bytes / each.seconds / 1e6))
    const what = `one stream at ${ROUND_TRIP_MS} ms round trip`
    return [{ what, ours, unit: 'MB/s', against: null, ratio: null, goal: least(60, 100) }]
  },
}

/** A second agent, behind a relay that takes its time, with an application of its own. */
async function startFarAgent(machine: BenchMachine): Promise<Target> {
  const { cluster, many, hubPort, url, visitor } = await machine.ours()
  const { first: relay } = await machine.children.program<{ port: number }>(
    'far-relay',
    ...[String(ROUND_TRIP_MS / 2), String(hubPort)],
  )
  const joining = JSON.parse(
    await cluster.mezctl(
      ...['tokens', 'create', '--roles=app', '--agent-hostname', 'far-node', '--format', 'json'],
    ),
  ) as { token: string; ca_pin: string }
  machine.children.spawn(
    process.execPath,
    [
      ...['--conditions=mezite-source', AGENT, 'start', '--hostname', 'far-node'],
      ...['--proxy', `${new URL(cluster.hubUrl).hostname}:${relay.port}`],
      ...['--data-dir', join(machine.dir, 'far-agent'), '--ca-pin', joining.ca_pin],
    ],
    { env: { ...process.env, MEZITE_JOIN_TOKEN: joining.token } },
  )
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const agents = JSON.parse(await cluster.mezctl('agents', 'ls', '--format', 'json')) as {
      hostname: string
      connected: boolean
    }[]
    if (agents.some(({ hostname, connected }) => hostname === 'far-node' && connected)) break
    if (Date.now() > deadline) throw new Error('the far agent did not connect in time')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await cluster.mezctl(
    ...['apps', 'register', '--name', 'far', '--uri', `http://127.0.0.1:${await machine.upstreamPort()}`],
    ...['--labels', 'env=demo,team=platform', '--agent-hostname', 'far-node'],
  )
  const farUrl = url.replace('//bench.', '//far.')
  const { host, hostname } = new URL(farUrl)
  const cookie = (await visitor(farUrl)).cookies(host) ?? ''
  return { ...many, name: 'ours, far', host: hostname, cookie: () => cookie }
}
