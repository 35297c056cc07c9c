/**
 * `npm run packages-check`: packs every package, checks the packs as authors of plugins and as users see them, installs
 * them with npm in empty folders, and starts a hub there. Takes some minutes and needs the registry or npm's cache.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pack, packagesFolder, stageAll } from './staging.ts'
import { manifestOf, root } from './workspaces.ts'

/** The most bytes that a policy and everything that it installs may take. */
const POLICY_BYTES = 10_000_000
const START_MS = 300_000
const tool = (name: string) => join(root, 'node_modules/.bin', name)
const { NODE_OPTIONS: _, ...env } = process.env

const run = (cwd: string, command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
const report = (line: string) => process.stdout.write(`${line}\n`)

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`

/** Installs tarballs in a new folder below `parent`, and returns the folder. */
function install(parent: string, name: string, tarballs: readonly string[]): string {
  const folder = join(parent, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  run(folder, 'npm', 'install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs)
  return folder
}

function checkPacks(tarballs: readonly string[], folders: readonly string[]): void {
  for (const [index, tarball] of tarballs.entries()) {
    run(root, tool('publint'), 'run', tarball, '--strict')
    const { exports = {} } = manifestOf(folders[index]!)
    // Scripts for browsers have no types.
    const scripts = Object.keys(exports).filter((entry) => entry.endsWith('.js'))
    const excluded = scripts.length > 0 ? ['--exclude-entrypoints', ...scripts] : []
    // A package without exports is a program.
    if (Object.keys(exports).length > 0)
      run(root, tool('attw'), tarball, '--profile', 'esm-only', '--quiet', ...excluded)
    report(
      `${basename(tarball)}: ${megabytes(statSync(tarball).size)}, unpacked ${megabytes(sizeOf(folders[index]!))}`,
    )
  }
}

const POLICY = `import { defineHubPlugin, Type } from '@mezite/core'

export default defineHubPlugin({
  name: 'office-hours',
  api: 1,
  summary: 'Denies access outside working hours',
  config: Type.Object({ from: Type.Integer(), to: Type.Integer() }, { additionalProperties: false }),
  setup({ config, clock, tap }) {
    tap.access.decide((_query, vote) => {
      const hour = new Date(clock.now()).getHours()
      if (hour < config.from || hour >= config.to) vote.deny('outside_office_hours')
    })
  },
})
`

/** Compiles a policy against the packed core, as its author would. */
function checkPolicy(parent: string, core: string): void {
  const folder = install(parent, 'policy', [core])
  const size = sizeOf(join(folder, 'node_modules'))
  report(
    `a policy installs ${megabytes(size)} in ${readdirSync(join(folder, 'node_modules')).length} folders`,
  )
  if (size > POLICY_BYTES) throw new Error(`a policy must install less than ${megabytes(POLICY_BYTES)}`)
  writeFileSync(join(folder, 'hub.ts'), POLICY)
  for (const [module, resolution] of [
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ] as const) {
    const options = ['--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--strict']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node', '--skipLibCheck']
    run(folder, tool('tsc'), '--ignoreConfig', ...options, ...types, '--declaration', 'hub.ts')
    report(`a policy compiles with moduleResolution ${resolution}`)
  }
}

/** Starts a hub from the packs alone, and asks it for its status. */
async function checkPrograms(parent: string, tarballs: readonly string[]): Promise<void> {
  const folder = install(parent, 'programs', tarballs)
  report(`all packages install ${megabytes(sizeOf(join(folder, 'node_modules')))}`)
  const program = (name: string) => join(folder, 'node_modules/.bin', name)
  for (const name of ['mezhub', 'mezd', 'mezctl', 'msh'])
    report(run(folder, program(name), '--version').trim())
  const proxy = '{ listen_addr: 127.0.0.1:0, public_addr: hub.localhost, apps_domain: apps.localhost }'
  const diagnostics = '{ listen_addr: 127.0.0.1:0 }'
  writeFileSync(
    join(folder, 'mezhub.yaml'),
    `data_dir: data\nproxy: ${proxy}\ndiagnostics: ${diagnostics}\nplugins: { ./policy/hub.js: { from: 0, to: 24 } }\n`,
  )
  mkdirSync(join(folder, 'policy'))
  writeFileSync(join(folder, 'policy/hub.js'), readFileSync(join(parent, 'policy/hub.js')))
  const hub = spawn(program('mezhub'), ['start', '--config', 'mezhub.yaml'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const late = setTimeout(() => hub.kill('SIGKILL'), START_MS)
  const exited = new Promise<number | null>((resolve) => hub.on('exit', resolve))
  let output = ''
  hub.stderr.on('data', (text) => {
    output += text
  })
  const ready = new Promise<void>((resolve) =>
    hub.stderr.on('data', () => output.includes('"msg":"ready at') && resolve()),
  )
  await Promise.race([
    ready,
    exited.then(() => Promise.reject(new Error(`the hub did not start:\n${output}`))),
  ])
  const status = JSON.parse(
    run(folder, program('mezctl'), 'status', '--plugins', '--json', '--data-dir', join(folder, 'data')),
  )
  report(`the hub runs with ${status.plugins.length} plugins`)
  hub.kill('SIGTERM')
  if ((await exited) !== 0) throw new Error(`the hub did not stop:\n${output}`)
  clearTimeout(late)
}

/** The units of systemd leave an exposure below 3.0. */
function checkUnits(): void {
  for (const unit of ['mezhub', 'mezd']) {
    const file = join(root, 'examples/operations', `${unit}.service`)
    const args = ['security', '--offline=true', '--threshold=30', file]
    report(
      run(root, 'systemd-analyze', ...args)
        .trim()
        .split('\n')
        .at(-1)!,
    )
  }
}

const parent = mkdtempSync(join(tmpdir(), 'mezite-packages-'))
try {
  rmSync(packagesFolder, { recursive: true, force: true })
  const folders = await stageAll(join(packagesFolder, 'staged'))
  const tarballs = pack(folders, packagesFolder)
  checkPacks(tarballs, folders)
  if (existsSync('/usr/bin/systemd-analyze')) checkUnits()
  checkPolicy(parent, tarballs[folders.findIndex((folder) => folder.endsWith('@mezite/core'))]!)
  await checkPrograms(parent, tarballs)
} finally {
  rmSync(parent, { recursive: true })
}
