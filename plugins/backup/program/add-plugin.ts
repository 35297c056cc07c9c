import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { MezError, messageOf } from '@mezite/core'
import { foreignPlugins, type LockedPlugin, readPluginLock } from '@mezite/core/program'
import { askToAccept, differences, type Plugins, writeAccepted } from './accepted-plugins.ts'
import { originOf } from './package-origin.ts'
import { runNpm } from './run-npm.ts'

export interface AddOptions {
  /** The configuration file of the hub. */
  readonly config: string
  /** Do not ask. */
  readonly yes: boolean
  readonly print: (text: string) => void
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports?: Readonly<Record<string, unknown>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly mezite?: {
    readonly status?: unknown
    readonly readsStrangers?: unknown
    readonly fuzzed?: unknown
    readonly rights?: unknown
  }
}

/**
 * Fetches a package into a folder of its own, shows what it asks for, and after a yes installs it beside the configuration and
 * accepts exactly the files that it has shown. Runs nothing of the package. Throws `MEZ_PLUGIN_NOT_FOUND` for one that cannot be
 * fetched or is not a plugin, and `MEZ_PLUGIN_CHANGED` if its signature is wrong or it differs once it is installed; nothing is
 * accepted then.
 */
export async function addPlugin(spec: string, { config, yes, print }: AddOptions): Promise<void> {
  const folder = dirname(resolve(config))
  const isFile = existsSync(spec)
  const source = isFile ? resolve(spec) : spec
  if (!isFile && !REGISTRY_SPEC.test(spec)) throw notFound(`${JSON.stringify(spec)} is not a package`, SPEC)
  const staged = await mkdtemp(join(tmpdir(), 'mezite-plugin-'))
  try {
    await writeFile(join(staged, 'package.json'), '{"private":true}\n')
    await install(source, staged)
    const { dependencies = {} } = JSON.parse(await readFile(join(staged, 'package.json'), 'utf8'))
    const [name = ''] = Object.keys(dependencies)
    const manifest: Manifest = JSON.parse(
      await readFile(join(staged, 'node_modules', name, 'package.json'), 'utf8'),
    )
    const key = keyOf(name)
    const shown = await lockedIn(staged, key)
    const brings = await packagesIn(staged, name)
    print(`${name} ${manifest.version}\n`)
    // A package must not be able to overwrite what the terminal shows of it.
    for (const [title, text] of [
      ['halves', ['hub', 'agent'].filter((half) => manifest.exports?.[`./${half}`]).join(', ')],
      ['rights', rightsOf(manifest)],
      ['status', String(manifest.mezite?.status ?? 'not declared')],
      ['strangers', postureOf(manifest)],
      ['works with', manifest.peerDependencies?.['@mezite/core'] ?? 'the package does not say'],
      ['origin', isFile ? 'a file of this machine, which nobody has signed' : await originOf(staged)],
      ['brings', brings.join(', ') || 'no other package'],
    ])
      print(`  ${title!.padEnd(11)} ${text!.replace(/\p{C}/gu, '?')}\n`)

    if (!yes) await askToAccept('A plugin can do everything that the program can. Install and accept it?')
    await install(isFile ? source : `${name}@${manifest.version}`, folder)
    if ((await lockedIn(folder, key)).sha256 !== shown.sha256)
      throw changed(
        `${name} was installed in ${folder} with other files than these: it shares packages with others there, or was changed`,
        'Look at what npm ls prints, then run mezhub plugins accept once the configuration names it.',
      )
    const known = await readPluginLock(folder)
    // A new list would refuse the plugins that it does not name.
    const accepted: Plugins = { ...(known ?? (await foreignPlugins(config))), [key]: shown }
    print(`${differences(known ?? {}, accepted).join('\n')}\n`)
    print(`Installed in ${folder}, and wrote ${await writeAccepted(folder, accepted)}.\n`)
    print(`Add it to ${config}, with its configuration if it has one:\n\nplugins:\n  ${yamlKey(key)}: {}\n`)
  } finally {
    await rm(staged, { recursive: true, force: true })
  }
}

const notFound = (message: string, hint: string, cause?: unknown): MezError =>
  new MezError('MEZ_PLUGIN_NOT_FOUND', message, { hint, cause })
const changed = (message: string, hint: string): MezError =>
  new MezError('MEZ_PLUGIN_CHANGED', message, { hint })

/** A name with a version or tag. Other addresses have no registry that could vouch for them. */
const REGISTRY_SPEC = /^(@[\w.-]+\/)?\w[\w.-]*(@[\w.^~<>=*-]+)?$/
const SPEC = 'Name a package of npm (NAME or NAME@VERSION), or the path of one.'

/** A key that begins with @ is a string for YAML only in quotes. */
const yamlKey = (key: string): string => (key.startsWith('@') ? `'${key}'` : key)

/** The key under `plugins:` by which the loader finds a package. */
function keyOf(name: string): string {
  const [, short] = /^mezite-plugin-(.+)$/.exec(name) ?? []
  if (short !== undefined) return short
  if (name.startsWith('@')) return name
  const message = `${name || 'the package'} is not a plugin: its name must have a scope or start with mezite-plugin-`
  throw notFound(message, SPEC)
}

/** Installs without running scripts; a folder is packed, so that what is accepted is a copy. Peers come from the program. */
async function install(source: string, folder: string): Promise<void> {
  const flags = ['--ignore-scripts', '--save-exact', '--install-links', '--legacy-peer-deps']
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  await runNpm(['install', ...flags, ...quiet, '--', source], folder).catch((cause) => {
    if (cause.code !== 'ENOENT')
      throw notFound(`npm cannot install ${source}: ${firstError(cause)}`, SPEC, cause)
    const hint = 'Install npm, or unpack the package beside the configuration and run mezhub plugins accept.'
    throw notFound('npm is not installed', hint, cause)
  })
}

const firstError = (cause: unknown): string =>
  /^npm error (?!code)(.+)$/m.exec((cause as { stderr?: string }).stderr ?? '')?.[1] ?? messageOf(cause)

/** The plugin as it is installed in a folder. Throws what its start would throw, such as `MEZ_PLUGIN_API`. */
async function lockedIn(folder: string, key: string): Promise<LockedPlugin> {
  const scratch = await mkdtemp(join(folder, '.mezite-plugin-'))
  try {
    const file = join(scratch, 'mezhub.yaml')
    await writeFile(file, `plugins: { ${JSON.stringify(key)}: {} }\n`)
    const found = (await foreignPlugins(file))[key]
    if (found !== undefined) return found
    throw notFound(`${key} is a plugin of the standard set, which every hub has`, 'Name it under `plugins:`.')
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** Name and version of each package that was installed beside it. */
async function packagesIn(staged: string, name: string): Promise<readonly string[]> {
  const { packages } = JSON.parse(await readFile(join(staged, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly version?: string }>>
  }
  return Object.entries(packages)
    .filter(([path]) => path !== '' && path !== `node_modules/${name}`)
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`)
}

function rightsOf({ mezite }: Manifest): string {
  const rights = mezite?.rights
  if (rights === undefined) return 'not declared: the hub gives it any that it asks for'
  const list = [rights].flat().map(String)
  return `${list.join(', ') || 'none'} (a hub does not start it with another)`
}

function postureOf({ mezite }: Manifest): string {
  const say = (value: unknown) => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : 'not declared')
  return `reads bytes of callers that nobody has identified: ${say(mezite?.readsStrangers)}; fuzzed: ${say(mezite?.fuzzed)}`
}
