import { type ChildProcess, execFile } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Visitor } from '../../../core/testing/index.ts'
import { signIn } from '../../../examples/cluster/check/person-steps.ts'
import { people } from '../../../examples/cluster/people.ts'
import type { BenchMachine } from '../bench-machine.ts'

const MSH = fileURLToPath(new URL('../../../oclif-cli/msh/msh.js', import.meta.url))
const DEADLINE_MS = 30_000

/** Signs msh in, publishes each port as a TCP app and opens all with one `msh app login`. */
export async function openMshPath(
  machine: BenchMachine,
  ports: Readonly<Record<string, number>>,
): Promise<{ readonly ports: Readonly<Record<string, number>>; readonly pid: number }> {
  const { cluster } = await machine.ours()
  const names = Object.keys(ports)
  for (const name of names) {
    await cluster.mezctl(
      ...['apps', 'register', '--name', name, '--uri', `tcp://127.0.0.1:${ports[name]}`],
      ...['--labels', 'env=demo,team=platform', '--agent-hostname', 'demo-node'],
    )
  }
  const start = (...args: readonly string[]) =>
    machine.children.spawn(process.execPath, ['--conditions=mezite-source', MSH, ...args], {
      env: { ...process.env, MSH_HOME: `${machine.dir}/msh`, MEZITE_BROWSER: '/bin/true' },
    })
  const proxy = new URL(cluster.hubUrl).host
  const login = start('login', '--proxy', proxy, '--ca-file', cluster.caFile)
  const [address = ''] = await line(login, 'stderr', /https:\/\/\S+\/web\/cli\S*/)
  const visitor = new Visitor(cluster.ca)
  const page = await signIn(visitor, people[0], address)
  const done = new Promise<number | null>((resolve) => login.on('close', resolve))
  await visitor.submit(page, /\/web\/cli/)
  if ((await done) !== 0) throw new Error('msh login failed')

  const opened: Record<string, number> = {}
  const open = start('app', 'login', ...names)
  await Promise.all(
    names.map(async (name) => {
      const [, port] = await line(open, 'stdout', new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${name}$`))
      opened[name] = Number(port)
    }),
  )
  return { ports: opened, pid: open.pid ?? 0 }
}

/** The first line that fits; rejects when the program ends or is late. */
export function line(
  child: ChildProcess,
  from: 'stdout' | 'stderr',
  pattern: RegExp,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`msh did not print ${pattern} in time`)), DEADLINE_MS)
    const lines = createInterface({ input: child[from]! })
    lines.on('line', (text) => {
      const found = pattern.exec(text)
      if (!found) return
      clearTimeout(late)
      resolve(found)
    })
    lines.on('close', () => {
      clearTimeout(late)
      reject(new Error(`msh ended without ${pattern}`))
    })
  })
}

/** Runs redis-benchmark against a port of 127.0.0.1. */
export async function redisBenchmark(
  program: string,
  port: number,
  requests: number,
): Promise<{ readonly rate: number; readonly p99Ms: number }> {
  const { stdout } = await promisify(execFile)(
    program,
    ['-p', String(port), '-c', '64', '-n', String(requests), '-t', 'get', '--csv'],
    { timeout: 120_000 },
  )
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
  const fields = stdout.trim().split('\n').at(-1)?.replaceAll('"', '').split(',') ?? []
  return { rate: Number(fields[1]), p99Ms: Number(fields[6]) }
}
