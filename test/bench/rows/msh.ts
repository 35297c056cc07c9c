import { freePort } from '../../../core/testing/index.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { begin, inRounds } from '../measure.ts'
import { type MachineUse, watchMachine } from '../processes.ts'
import { findProgram, missingPrograms } from '../programs-needed.ts'
import { compared, type Figure, type Goal, least, most } from '../row.ts'
import type { Target } from '../target.ts'
import { openMshPath, redisBenchmark } from '../targets/msh-path.ts'
import { untilListening } from '../until-listening.ts'

const BODY_BYTES = 64 << 20
/** How long redis-benchmark runs at least. */
const LEAST_SECONDS = 5
/** Its first run, which says how many requests fill that time. */
const FIRST_REQUESTS = 20_000
/** More than are asked for by the rate of the last run, so that a faster round is long enough too. */
const RESERVE = 1.3

interface Sample {
  readonly rate: number
  readonly p99Ms: number
  readonly down: number
  readonly up: number
  readonly machine: MachineUse
}

/** A path to both applications; `port` leads to the one of the bench. */
interface Path extends Target {
  readonly redisPort: number
}

export const msh = {
  name: 'msh',
  summary: 'TCP through msh app login against ssh -L into ssh -R: redis-benchmark, one stream down and up',
  compares:
    'equal: one local port, two hops, one tunnel, redis-benchmark for 5 s, one stream. Not equal: msh has certificates of people, decisions and records',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['redis-server', 'redis-benchmark'])
    const sshd = await machine.sshd()
    if (missing !== null) machine.note(missing)
    if (missing !== null || !sshd) return []
    const redisPort = await startRedis(machine)
    const appPort = await machine.upstreamPort()
    const plain = { host: '127.0.0.1', cookie: null, processes: {} }
    const { ports } = await openMshPath(machine, { 'bench-redis': redisPort, 'bench-bytes': appPort })
    const ours: Path = {
      includes: 'user certificate, session, decision, tunnel, audit record',
      ...plain,
      name: 'msh',
      port: ports['bench-bytes'] ?? 0,
      redisPort: ports['bench-redis'] ?? 0,
    }
    const overSsh = async (port: number) => (await sshd.local((await sshd.reverse(port)).port)).port
    const theirs: Path = {
      ...plain,
      name: 'ssh -L + ssh -R',
      includes: 'SSH keys and a tunnel, no sign-in, no record',
      port: await overSsh(appPort),
      redisPort: await overSsh(redisPort),
    }
    const of = await inRounds(machine, [ours, theirs], (path) => measure(machine, path))
    for (const { name, includes } of [ours, theirs]) machine.note(`${name} includes: ${includes}`)
    const figure = (
      what: string,
      unit: string,
      key: Exclude<keyof Sample, 'machine'>,
      goal: Goal,
    ): Figure => {
      const values = (path: Path) => of(path).map((each) => each[key])
      return compared(what, unit, values(ours), { name: theirs.name, values: values(theirs) }, goal)
    }
    return [
      figure('msh: redis-benchmark', 'req/s', 'rate', least(0.7, 0.85)),
      figure('msh: redis-benchmark p99', 'ms', 'p99Ms', most(1.5, 1)),
      figure('msh: one stream down', 'MB/s', 'down', least(1, 1.15)),
      figure('msh: one stream up', 'MB/s', 'up', least(1, 1.15)),
    ]
  },
}

async function measure(machine: BenchMachine, path: Path): Promise<Sample> {
  const { seconds } = machine.options
  const load = await machine.load()
  const stream = async (line: string, bodyBytes: number, fields: readonly string[]) => {
    const { done } = await begin(load, {
      port: path.port,
      servername: null,
      ms: seconds * 500,
      bodyBytes,
      // No `Origin`: msh takes a connection that begins like a web page's for one, and resets it.
      heads: [[`${line} HTTP/1.1`, 'Host: 127.0.0.1', ...fields, '\r\n'].join('\r\n')],
    })
    const result = await done
    return result.bytes / result.seconds / 1e6
  }
  const redis = findProgram('redis-benchmark') ?? 'redis-benchmark'
  const runMs = Math.max(seconds, LEAST_SECONDS) * 1_000
  let took = { rate: 0, p99Ms: 0, ms: 0 }
  for (
    let requests = FIRST_REQUESTS;
    took.ms < runMs;
    requests = Math.ceil((took.rate * runMs * RESERVE) / 1_000)
  ) {
    const begun = performance.now()
    const result = await redisBenchmark(redis, path.redisPort, requests)
    took = { ...result, ms: performance.now() - begun }
  }
  const { rate, p99Ms } = took
  // What a program has used that has ended, such as redis-benchmark, would count as used by strangers.
  const endWatch = watchMachine()
  const down = await stream(`GET /bytes/${BODY_BYTES}`, 0, [])
  const up = await stream('POST /upload', BODY_BYTES, [`Content-Length: ${BODY_BYTES}`])
  return { rate, p99Ms, down, up, machine: endWatch() }
}

async function startRedis(machine: BenchMachine): Promise<number> {
  const port = await freePort()
  machine.children.spawn(findProgram('redis-server') ?? 'redis-server', [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    machine.dir,
  ])
  await untilListening(port)
  return port
}
