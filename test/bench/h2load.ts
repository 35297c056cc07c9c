import type { ChildProcess } from 'node:child_process'
import type { BenchMachine } from './bench-machine.ts'
import type { Sample } from './measure.ts'
import { cpuMicrosecondsOfEach, watchMachine } from './processes.ts'
import { findProgram } from './programs-needed.ts'
import type { Target } from './target.ts'

const WARM_UP_SECONDS = 1
/** How long after its time a generator may end. */
const GRACE_SECONDS = 5
const ATTEMPTS = 3
/** V8 goes on compiling for tens of thousands of requests: so long takes the first measurement of a target. */
const WARMING_SECONDS = 12
const warm = new WeakSet<Target>()
/** The same number for every target: each has one cookie, and a target without cookies gets no fewer processes. */
const MOST_GENERATORS = 64

/** GETs of `path` over and over: `streams` at once on each connection, over HTTP/2 or, with one stream, HTTP/1.1. */
export interface H2loadJob {
  readonly path: string
  /** Fields of each request beside host, `Origin`, `Accept`, `User-Agent` and the cookie. */
  readonly fields?: readonly string[]
  readonly connections: number
  readonly streams: number
  readonly http2: boolean
  readonly seconds: number
  /** Round 0 is dropped. */
  readonly round: number
}

/**
 * Load from h2load, which is written in C and so leaves most of the machine to those who are measured. Rejects when a response
 * was not 2xx. It reports no latencies.
 */
export async function h2load(machine: BenchMachine, target: Target, job: H2loadJob): Promise<Sample> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await measureOnce(machine, target, job)
    } catch (error) {
      // Rarely a connection is made late, and its generator goes on for ever.
      if (attempt === ATTEMPTS || !(error instanceof EndlessGenerator)) throw error
    }
  }
}

class EndlessGenerator extends Error {}

async function measureOnce(machine: BenchMachine, target: Target, given: H2loadJob): Promise<Sample> {
  const cold = given.round === 0 && !warm.has(target)
  const job = cold ? { ...given, seconds: Math.max(given.seconds, WARMING_SECONDS) } : given
  warm.add(target)
  const begun = performance.now()
  const generators = shareOut(target, job.connections).map(([cookie, connections]) =>
    start(machine, target, job, cookie, connections),
  )
  const all = Promise.all(generators.map(rateOf))
  all.catch(() => {})
  const kill = () => generators.map((generator) => generator.kill('SIGKILL'))
  const deadline = setTimeout(kill, (WARM_UP_SECONDS + job.seconds + GRACE_SECONDS) * 1000)
  const names = Object.keys(target.processes)
  const pids = [...Object.values(target.processes), ...generators.map(({ pid }) => pid as number)]
  const until = (seconds: number) =>
    Promise.race([
      all,
      new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + seconds * 1000 - performance.now()))),
    ])
  await until(WARM_UP_SECONDS + 0.1)
  const [before, from] = [cpuMicrosecondsOfEach(pids), performance.now()]
  const endWatch = watchMachine()
  await until(WARM_UP_SECONDS + job.seconds - 0.2)
  const machineUse = endWatch()
  const [after, to] = [cpuMicrosecondsOfEach(pids), performance.now()]
  const rate = (await all.finally(() => clearTimeout(deadline))).reduce((sum, each) => sum + each, 0)
  const used = after.map((us, at) => us - (before[at] ?? 0))
  const perRequest = (at: number) => (used[at] ?? 0) / ((rate * (to - from)) / 1000)
  return {
    ...{
      exchanges: rate * job.seconds,
      seconds: job.seconds,
      bytes: 0,
      p50Ms: Number.NaN,
      p99Ms: Number.NaN,
    },
    cpuUs: Object.fromEntries(names.map((name, at) => [name, perRequest(at)])),
    machine: machineUse,
    loadShare: Math.max(...used.slice(names.length)) / (to - from) / 1000,
  }
}

/** Each generator's cookie and number of connections. */
function shareOut({ cookie }: Target, connections: number): [string | null, number][] {
  const generators = Math.min(MOST_GENERATORS, connections)
  return Array.from({ length: generators }, (_, at) => [
    cookie?.(at) ?? null,
    Math.floor((connections + at) / generators),
  ])
}

function start(
  machine: BenchMachine,
  { host, port, header = 'Cookie' }: Target,
  job: H2loadJob,
  cookie: string | null,
  connections: number,
): ChildProcess {
  const origin = `https://${host}:${port}`
  return machine.children.spawn(findProgram('h2load') ?? 'h2load', [
    ...['-c', String(connections), '-m', String(job.streams), '-D', String(job.seconds)],
    ...[`--warm-up-time=${WARM_UP_SECONDS}`, `--connect-to=127.0.0.1:${port}`],
    ...(job.http2 ? [] : ['--h1']),
    ...['-H', `Origin: ${origin}`, '-H', 'Accept: */*'],
    ...(job.fields ?? []).flatMap((field) => ['-H', field]),
    ...(cookie === null ? [] : ['-H', `${header}: ${cookie}`]),
    `${origin}${job.path}`,
  ])
}

/** Resolves to the requests a second of a generator when it ends. */
async function rateOf(child: ChildProcess): Promise<number> {
  const text = await output(child)
  if (child.signalCode === 'SIGKILL') throw new EndlessGenerator(`h2load did not end: ${text.slice(-100)}`)
  const rate = Number(/finished in [\d.]+\w*, ([\d.]+) req\/s/.exec(text)?.[1])
  const [, wrong] = /\n(?:status codes: \d+ 2xx, )(.*)/.exec(text) ?? []
  if (!(rate > 0) || wrong !== '0 3xx, 0 4xx, 0 5xx') throw new Error(`h2load: ${text.slice(-600)}`)
  return rate
}

async function output(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return text
}
