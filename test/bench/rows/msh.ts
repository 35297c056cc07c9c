import { freePort } from '../../../core/testing/index.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { begin, inRounds } from '../measure.ts'
import { type MachineUse, watchMachine } from '../processes.ts'
import { findProgram, missingPrograms } from '../programs-needed.ts'
import { type Figure, type Goal, least, most } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import type { Target } from '../target.ts'
import { openMshPath, redisBenchmark } from '../targets/msh-path.ts'
import { untilListening } from '../until-listening.ts'

const BODY_BYTES = 64 << 20
/** Requests of redis-benchmark for each second that a target is measured. */
const REQUESTS_PER_SECOND = 10_000

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
      ...{ ...plain, name: 'msh', port: ports['bench-bytes'] ?? 0, redisPort: ports['bench-redis'] ?? 0 },
    }
    const overSsh = async (port: number) => (await sshd.local((await sshd.reverse(port)).port)).port
    const theirs: Path = {
      ...{ ...plain, name: 'ssh -L + ssh -R' },
      includes: 'SSH keys and a tunnel, no sign-in, no record',
      ...{ port: await overSsh(appPort), redisPort: await overSsh(redisPort) },
    }
    const of = await inRounds(machine, [ours, theirs], (path) => measure(machine, path as Path))
    for (const { name, includes } of [ours, theirs]) machine.note(`${name} includes: ${includes}`)
    const figure = (
      what: string,
      unit: string,
      key: Exclude<keyof Sample, 'machine'>,
      goal: Goal,
    ): Figure => {
      const [mine, other] = [ours, theirs].map((path) => of(path).map((each) => each[key])) as [
        number[],
        number[],
      ]
      return {
        ...{ what, unit, goal, ours: median(mine), ratio: ratio(mine, other) },
        against: { name: theirs.name, value: median(other) },
      }
    }
    return [
      figure('msh: redis-benchmark', 'req/s', 'rate', least(0.9, 1.1)),
      figure('msh: redis-benchmark p99', 'ms', 'p99Ms', most(1.5, 1)),
      figure('msh: one stream down', 'MB/s', 'down', least(1, 1.2)),
      figure('msh: one stream up', 'MB/s', 'up', least(1, 1.3)),
    ]
  },
}

async function measure(machine: BenchMachine, path: Path): Promise<Sample> {
  const { seconds } = machine.options
  const load = await machine.load()
  const stream = async (line: string, bodyBytes: number, fields: readonly string[]) => {
    const { done } = await begin(load, {
      ...{ port: path.port, servername: null, ms: seconds * 500, bodyBytes },
      // No `Origin`: msh takes a connection that begins like a web page's for one, and resets it.
      heads: [[`${line} HTTP/1.1`, 'Host: 127.0.0.1', ...fields, '\r\n'].join('\r\n')],
    })
    const result = await done
    return result.bytes / result.seconds / 1e6
  }
  const redis = findProgram('redis-benchmark') ?? 'redis-benchmark'
  const { rate, p99Ms } = await redisBenchmark(redis, path.redisPort, seconds * REQUESTS_PER_SECOND)
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
