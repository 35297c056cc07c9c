import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isMezError, MezError, messageOf } from '@mezite/core'
import {
  adminClient,
  type LoadedConfig,
  loadConfig,
  openOffline,
  readEncryptionKey,
} from '@mezite/core/program'
import { comparedMigrations, type Rehearsed, rehearse } from '../database/rehearsal.ts'
import { readVersion } from '../version.ts'

const usage = (message: string, hint: string) => new MezError('MEZ_USAGE_WRONG', message, { hint })

/** An older hub runs beside this version after such a migration no more. */
const BREAKING = '-breaking'
/** Agents that are this many minor versions behind were never tried with this version. */
const MINORS_BEHIND = 1

/** Runs `mezhub upgrade --check`. */
export async function runUpgrade(args: readonly string[], print: (text: string) => void): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { config: { type: 'string', short: 'c' }, check: { type: 'boolean', default: false } },
  })
  if (!values.check)
    throw usage('mezhub upgrade needs --check', 'To upgrade, install the new version and restart the hub.')
  if (values.config === undefined)
    throw usage('mezhub upgrade --check needs --config FILE', 'Run it with the program of the new version.')
  const own = await readVersion()
  print(`This program has version ${own}. Nothing is changed.\n\n`)
  const loaded = await configuration(values.config, print)
  const obstacles = loaded === null ? 1 : (await database(loaded, print)) + (await agents(loaded, own, print))
  if (obstacles > 0)
    throw new MezError(
      'MEZ_UPGRADE_BLOCKED',
      `${obstacles === 1 ? 'one thing prevents' : `${obstacles} things prevent`} the upgrade`,
    )
  print('\nNothing prevents the upgrade.\n')
}

/** Keys that this version does not know, and plugins that it does not load, are problems of the configuration. */
async function configuration(file: string, print: (text: string) => void): Promise<LoadedConfig | null> {
  try {
    const loaded = await loadConfig({ file })
    for (const warning of loaded.warnings) print(`Warning: ${warning}\n`)
    print(`Configuration: valid; all ${loaded.plugins.length} plugins fit this version.\n`)
    return loaded
  } catch (error) {
    if (!isMezError(error)) throw error
    print(`Configuration: ${error.message}\n`)
    return null
  }
}

/** Resolves to the number of obstacles. */
async function database(loaded: LoadedConfig, print: (text: string) => void): Promise<number> {
  if ((await readEncryptionKey(loaded.config.data_dir, process.env)) === null) {
    print('Migrations: no hub has used this database yet.\n')
    return 0
  }
  const cluster = await openOffline(loaded, { unmigrated: true })
  try {
    const { pending, newer } = await comparedMigrations(cluster.database, cluster.migrations)
    const blocking = newer.filter((name) => name.endsWith(BREAKING))
    if (newer.length > 0)
      print(
        `Migrations of a newer version have run: ${newer.join(', ')}.${blocking.length > 0 ? ' This version does not start.' : ''}\n`,
      )
    if (pending.length === 0) print('Migrations: none.\n')
    else for (const line of reportOf(await rehearse(cluster.database, pending))) print(`${line}\n`)
    return blocking.length
  } finally {
    await cluster.close()
  }
}

function reportOf(all: readonly Rehearsed[]): readonly string[] {
  const total = all.reduce((sum, { ms }) => sum + (ms ?? 0), 0)
  const breaking = all.filter(({ name }) => name.endsWith(BREAKING))
  return [
    `Migrations: ${all.length}, about ${shown(total)} in all, tried on a copy of some rows:`,
    ...all.map(({ owner, name, ms, rows, problem }) => {
      const size = rows > 0 ? ` (${rows.toLocaleString('en-US')} rows)` : ''
      return `  ${owner}/${name}: ${ms === null ? `could not be tried: ${problem}` : `about ${shown(ms)}${size}`}`
    }),
    ...(breaking.length === 0
      ? ['Hubs of the version before may run beside this one, and may start again afterwards.']
      : [
          `Stop all hubs of the version before: they must not run after ${breaking.map(({ name }) => name).join(', ')}.`,
        ]),
  ]
}

const shown = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)

interface Agent {
  readonly hostname: string
  readonly connected: boolean
  readonly version: string | null
  readonly transport: string | null
}

/** Agents as the hub on this machine sees them. Resolves to the number of those that must be upgraded first. */
async function agents({ config }: LoadedConfig, own: string, print: (text: string) => void): Promise<number> {
  const api = adminClient(join(config.data_dir, 'admin.sock'))
  const all = await api<readonly Agent[]>('GET', '/agents').catch((error) => {
    print(`Agents: not examined, since no hub runs on this machine (${messageOf(error)}).\n`)
    return null
  })
  if (all === null) return 0
  const known = all.filter(({ version }) => version !== null)
  const tooOld = known.filter(({ version }) => isTooOld(version!, own))
  const older = known.filter((one) => one.version !== own && !tooOld.includes(one))
  const named = (some: readonly Agent[]) =>
    some.map(({ hostname, version }) => `${hostname} (${version})`).join(', ')
  print(`Agents: ${all.length}, of which ${known.length} are connected.\n`)
  if (tooOld.length > 0) print(`  Too old, upgrade them first: ${named(tooOld)}.\n`)
  if (older.length > 0) print(`  Another version, which works with this one: ${named(older)}.\n`)
  if (known.length < all.length)
    print(`  ${all.length - known.length} are not connected, so their version is not known.\n`)
  return tooOld.length
}

/** Whether nobody has tried the versions with each other: another major version, or more than one minor version behind. */
function isTooOld(version: string, own: string): boolean {
  const [[major = 0, minor = 0], [ownMajor = 0, ownMinor = 0]] = [version, own].map((each) =>
    each.split('.').map((part) => Number.parseInt(part, 10) || 0),
  ) as [number[], number[]]
  return major < ownMajor || (major === ownMajor && minor < ownMinor - MINORS_BEHIND)
}
