// needs: pebble
// long
/** `npm run demo` as somebody runs it who has just cloned the repository: it works, and it leaves nothing behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../../core/testing/index.ts'
import { handshake } from '../plugins/acme/hub-with-acme.ts'
import { until } from '../until.ts'

const { MEZITE_TEST_PRELOAD: preload, NODE_OPTIONS: _, ...env } = process.env

const ROOT = join(import.meta.dirname, '../..')
/** Alone it takes half of ten seconds; here other tests run beside it, on a machine of any speed. */
const WARM_S = 90
const dir = mkdtempSync(join(tmpdir(), 'mezite-demo-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

interface Demo {
  readonly child: ChildProcess
  /** All that it has printed. */
  output(): string
  readonly exited: Promise<number | null>
}

/**
 * Starts the demo in a process group of its own, as a terminal does. The whole walk runs as it does for people: without the
 * bundles of the test runner.
 */
function startDemo(t: { teardown(fn: () => unknown): void }, ...args: readonly string[]): Demo {
  const isBundled = preload !== undefined && !args.includes('--check')
  const child = spawn('npm', ['run', 'demo', '--', ...args], {
    cwd: ROOT,
    env: isBundled ? { ...env, NODE_OPTIONS: `--import=${preload}` } : env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.teardown(() => child.exitCode === null && child.signalCode === null && interrupt(child))
  return { child, output: () => output, exited }
}

/** Ctrl-C: the terminal sends it to the whole group. */
function interrupt({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGINT')
}

/** The process and all that it has started, by the process table: pid and command line. */
function family(root: number): Map<number, string> {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
  const rows = table.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
  const found = new Map<number, string>()
  let parents = new Set([root])
  while (parents.size > 0) {
    const children = new Set<number>()
    for (const row of rows) {
      const [pid, parent] = [Number(row?.[1]), Number(row?.[2])]
      if (!parents.has(parent) || found.has(pid) || /^ps -A/.test(row?.[3] ?? '')) continue
      found.set(pid, row?.[3] ?? '')
      children.add(pid)
    }
    parents = children
  }
  return found
}

/** Those that still run; a pid that was given to another program does not count. */
function survivors(started: ReadonlyMap<number, string>): string[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' })
  const running = new Map(
    table.split('\n').map((line) => {
      const [, pid, args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
      return [Number(pid), args] as const
    }),
  )
  return [...started]
    .filter(([pid, args]) => running.get(pid) === args)
    .map(([pid, args]) => `${pid} ${args}`)
}

const PROGRAMS = ['mezhub.js', 'mezd.js', 'identity-provider.ts', 'identity-app.ts', 'live-app.ts']

async function upAndDown(
  t: Tap,
  port: number,
  more: readonly string[] = [],
  whileUp: (output: string) => Promise<unknown> = async () => {},
): Promise<number> {
  const demo = startDemo(t, '--port', String(port), '--dir', dir, ...more)
  await Promise.race([
    until(() => demo.output().includes('Ctrl-C stops everything'), 'the demo is ready', 90_000),
    demo.exited.then((code) => Promise.reject(new Error(`it ended with ${code}: ${demo.output()}`))),
  ])
  t.match(demo.output(), /Ready after [^\n]*\n\n {2}Dashboard {2}https:/, 'the dashboard comes first')
  t.match(demo.output(), 'msh login --bot reporter --key ', 'and how the robot signs in')
  const started = family(demo.child.pid ?? 0)
  const lines = [...started.values()].join('\n')
  for (const program of PROGRAMS) t.match(lines, program, `${program} runs`)
  await whileUp(demo.output())
  interrupt(demo.child)
  await demo.exited
  t.match(demo.output(), 'Stopping')
  await until(() => survivors(started).length === 0, `nothing is left of ${lines}`)
  t.strictSame(survivors(started), [], 'every process has ended')
  return Number(/Ready after ([\d.]+) s/.exec(demo.output())?.[1])
}

type Tap = Pick<typeof t, 'match' | 'strictSame' | 'teardown'>

t.test('--check walks through everything and exits 0', async (t) => {
  const demo = startDemo(t, '--check', '--dir', dir)
  const started = new Map<number, string>()
  const watch = setInterval(() => {
    // One that is about to end has no command line any more.
    for (const [pid, args] of family(demo.child.pid ?? 0)) if (!args.startsWith('[')) started.set(pid, args)
  }, 500)
  const code = await demo.exited
  clearInterval(watch)
  t.equal(code, 0)
  if (code !== 0) t.comment(demo.output())
  t.match(demo.output(), /\d+ passed, 0 failed/)
  t.notMatch(demo.output(), 'FAILED')
  for (const step of [
    'Bob Support sees live on the launcher, and may ask for identity',
    'Bob Support asks on the page that refuses identity',
    'Alice Platform reads the reason and approves; identity opens for Bob Support',
    'The robot reporter signs in with its key and reads live',
  ])
    t.match(demo.output(), step, step)
  const lines = [...started.values()].join('\n')
  for (const program of PROGRAMS) t.match(lines, program)
  const { PACKAGES_UNDER_TEST: modules } = process.env
  if (modules !== undefined)
    for (const file of ['hub/mezhub.js', 'agent/mezd.js', 'msh/msh.js'])
      t.match(lines, join(modules, '@mezite', file), 'the program as it is published')
  await until(() => survivors(started).length === 0, 'nothing is left')
})

t.test(
  'Ctrl-C stops every program, and a second start on the same data is quick, even after days',
  async (t) => {
    // `--check` was the first start. As good as the certificate that an agent finds after more than a day:
    rmSync(join(dir, 'agent'), { recursive: true })
    mkdirSync(join(dir, 'agent'), { mode: 0o700 })
    const warm = await upAndDown(t, await freePort())
    t.ok(warm < WARM_S, `the second start took ${warm} s`)
  },
)

t.test('--acme: the hub orders its certificates from an authority, which ends with the demo', async (t) => {
  const port = await freePort()
  await upAndDown(t, port, ['--acme'], async (output) => {
    const [, file = ''] = /the root is (\S+)\.$/m.exec(output) ?? []
    const root = readFileSync(file, 'utf8')
    for (const name of ['hub', ...['identity', 'live', 'vault'].map((app) => `${app}.apps`)]) {
      const host = `${name}.mezite.localhost`
      t.match(await handshake(port, host, root), `DNS:${host}`, host)
    }
    t.match(execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }), /^\S*pebble -strict/m)
  })
  const both = startDemo(t, '--acme', '--hubs', '2')
  t.equal(await both.exited, 1)
  t.match(both.output(), '--acme is for one hub')
})

t.test('Ctrl-C during the start stops the started programs', async (t) => {
  const demo = startDemo(t, '--port', String(await freePort()), '--dir', dir)
  await until(() => demo.output().includes('Starting the applications'), 'the hub runs')
  const started = family(demo.child.pid ?? 0)
  t.match([...started.values()].join('\n'), 'mezhub.js')
  interrupt(demo.child)
  t.not(await demo.exited, 0)
  t.match(demo.output(), /Stopping\n[\s\S]*error: stopped by SIGINT/)
  t.notMatch(demo.output(), 'Ready after')
  await until(() => survivors(started).length === 0, 'nothing is left')
})

t.test('a port in use is reported with the next step', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const demo = startDemo(t, '--port', String(port), '--dir', dir)
  t.equal(await demo.exited, 1)
  t.match(demo.output(), `port ${port} is taken`)
})
