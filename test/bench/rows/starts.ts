import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../core/testing/index.ts'
import { hubConfig } from '../../../examples/cluster/resources.ts'
import { writeLocalPackages } from '../../../oclif-cli/packaging/local-packages.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { residentKb } from '../processes.ts'
import { alone, type Figure, type Goal, most } from '../row.ts'

const DEADLINE_MS = 30_000
const SETTLE_MS = 2_000

export const starts = {
  name: 'starts',
  summary:
    'start to ready of a hub that has its data, its memory then, and the first output of mezctl and msh',
  compares:
    'equal: nothing is compared; the packages as they are published, with what an earlier start has compiled',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const programs = await programsIn(join(machine.dir, 'packages'))
    const embedded = { ready: most(1500, 1000), idle: most(260, 200) }
    const figures = await machine.part('embedded database', () =>
      hubStart(machine, programs, 'embedded database', undefined, embedded),
    )
    const postgres = await machine.postgres()
    if (postgres !== null) {
      const databaseUrl = await postgres.createDatabase()
      const goals = { ready: most(700, 500), idle: most(120, 100) }
      const started = () => hubStart(machine, programs, 'PostgreSQL', databaseUrl, goals)
      figures.push(...(await machine.part('PostgreSQL', started)))
    }
    for (const name of ['mezctl', 'msh'] as const) {
      const what = `${name} --help to first output`
      const output = async () => [await firstOutput(machine, programs, what, name)]
      figures.push(...(await machine.part(what, output)))
    }
    return figures
  },
}

interface Programs {
  readonly pathOf: Readonly<Record<'mezhub' | 'mezctl' | 'msh', string>>
  /** Without what would load sources, and with a folder of their own for compiled code. */
  readonly env: NodeJS.ProcessEnv
}

async function programsIn(folder: string): Promise<Programs> {
  const modules = await writeLocalPackages(folder)
  const { NODE_OPTIONS: _, ...env } = process.env
  const cache = join(folder, 'cache')
  mkdirSync(cache, { mode: 0o700 })
  const path = (file: string) => join(modules, '@mezite', file)
  return {
    pathOf: { mezhub: path('hub/mezhub.js'), mezctl: path('mezctl/mezctl.js'), msh: path('msh/msh.js') },
    env: { ...env, XDG_CACHE_HOME: cache },
  }
}

/** What each valid round measured. */
async function repeated<S extends object>(
  machine: BenchMachine,
  name: string,
  once: () => Promise<S>,
): Promise<S[]> {
  const target = { name }
  return (await inRounds(machine, [target], once))(target)
}

async function hubStart(
  machine: BenchMachine,
  { pathOf, env }: Programs,
  what: string,
  databaseUrl: string | undefined,
  goals: { readonly ready: Goal; readonly idle: Goal },
): Promise<Figure[]> {
  const dir = join(machine.dir, what.replaceAll(/\W+/g, '-'))
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const [hubPort, diagnosticsPort] = await Promise.all([freePort(), freePort()])
  const names = { hubHost: 'hub.mezite.localhost', appsDomain: 'apps.mezite.localhost' }
  const file = join(dir, 'mezhub.yaml')
  const hub = { name: 'hub', dataDir: dir, port: hubPort, diagnosticsPort, proxy: {} }
  const text = hubConfig({ hub, publicPort: hubPort, plugins: {}, ...names, databaseUrl })
  writeFileSync(file, text, { mode: 0o600 })
  const once = async () => {
    const begun = performance.now()
    const child = machine.children.spawn(process.execPath, [pathOf.mezhub, 'start', '--config', file], {
      env,
    })
    try {
      await ready(diagnosticsPort)
      const readyMs = performance.now() - begun
      // What the start alone needed may go.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      return { readyMs, idleMb: residentKb(child.pid ?? 0) / 1_000 }
    } finally {
      await machine.children.end(child)
    }
  }
  const taken = await repeated(machine, what, once)
  return [
    alone(
      `hub start, ${what}`,
      'ms',
      taken.map(({ readyMs }) => readyMs),
      goals.ready,
    ),
    alone(
      `idle hub, ${what}`,
      'MB',
      taken.map(({ idleMb }) => idleMb),
      goals.idle,
    ),
  ]
}

async function ready(port: number): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (Date.now() < deadline) {
    const ok = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
    if (ok) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`the hub was not ready after ${DEADLINE_MS} ms`)
}

async function firstOutput(
  machine: BenchMachine,
  { pathOf, env }: Programs,
  what: string,
  name: 'mezctl' | 'msh',
): Promise<Figure> {
  const once = () =>
    new Promise<{ ms: number }>((resolve, reject) => {
      const begun = performance.now()
      const child = spawn(process.execPath, [pathOf[name], '--help'], { env, timeout: DEADLINE_MS })
      let first: number | null = null
      child.stdout.on('data', () => {
        first ??= performance.now() - begun
      })
      child.on('error', reject)
      child.on('close', () => (first === null ? reject(new Error(`${what}: none`)) : resolve({ ms: first })))
    })
  const times = (await repeated(machine, what, once)).map(({ ms }) => ms)
  return alone(what, 'ms', times, most(150, 100))
}
