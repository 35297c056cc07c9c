import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, isAbsolute, join, resolve, sep } from 'node:path'
import { programFolder } from '@mezite/core/launch'
import { nearMiss } from '../../kernel/config-check.ts'
import { MezError } from '../../kernel/error.ts'
import { coreRangeFault } from './core-range.ts'
import type { LoadOptions } from './plugin-loader.ts'

export interface PluginFile {
  readonly path: string
  /** Of a package or a folder with a package.json. */
  readonly folder?: string
  /** The version in its package.json, if any. */
  readonly version?: string
  /** What its package.json says under `mezite`. */
  readonly declared?: unknown
}

/** A checkout runs its sources unbuilt; a published kernel is JavaScript and loads published plugins. */
const FROM_SOURCE = extname(import.meta.filename) === '.ts'
const CONDITIONS = [...(FROM_SOURCE ? ['mezite-source'] : []), 'node', 'import', 'default']

type Where = Pick<LoadOptions, 'side' | 'standard' | 'folder' | 'program'>

/**
 * Finds the file of a plugin by its key under `plugins:`: a path (absolute or relative to the configuration file), a
 * scoped package, or a short name for `@mezite/plugin-<name>` or `mezite-plugin-<name>`. Plugins of the standard set
 * always load from the program: a package beside a configuration file cannot replace them.
 */
export async function locatePlugin(key: string, where: Where): Promise<PluginFile> {
  if (/^(\.{0,2}\/)/.test(key)) return locatePath(key, where)
  const names = key.startsWith('@')
    ? [key]
    : [`@mezite/plugin-${key}`, key.startsWith('mezite-plugin-') ? key : `mezite-plugin-${key}`]
  const bases = where.standard.includes(key) ? [where.program] : [where.folder, where.program]
  // Where the core is installed beside the program, the plugins that the program brings along are inside of it.
  const places = [...bases, programFolder() ?? where.program]
  if (names.every((name) => /^(@[\w.-]+\/)?[\w.-]+$/.test(name))) {
    for (const name of names) {
      for (const base of places) {
        const folder = await packageFolder(name, base)
        if (folder) return locateHalf(key, folder, { ...where, groupWrites: true })
      }
    }
  }
  const known = [...where.standard, ...(await installed(where.folder)), ...(await installed(where.program))]
  const meant = nearMiss(key, known)
  const tried = `${names.join(' and ')} from ${bases.join(' and ')}`
  throw new MezError('MEZ_PLUGIN_NOT_FOUND', `plugin '${key}' is not installed; looked for ${tried}`, {
    hint: meant
      ? `Did you mean '${meant}'?`
      : `Run npm install ${names.at(-1)} in ${bases[0]}, or correct the name under \`plugins:\`.`,
  })
}

async function locatePath(key: string, where: Where): Promise<PluginFile> {
  const path = resolve(where.folder, key)
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) return locateHalf(key, path, { ...where, groupWrites: false })
  if (found) return { path: await safePluginFile(key, path, { ...where, groupWrites: false }) }
  const meant = nearMiss(basename(path), await readdir(dirname(path)).catch(() => []))
  throw new MezError('MEZ_PLUGIN_NOT_FOUND', `plugin '${key}': ${path} does not exist`, {
    hint: meant ? `Did you mean '${join(dirname(key), meant)}'?` : `Paths are relative to ${where.folder}.`,
  })
}

/** The file that the package.json of a folder exports as `./hub` or `./agent`. */
async function locateHalf(
  key: string,
  folder: string,
  { side, program, groupWrites }: Where & { readonly groupWrites: boolean },
): Promise<PluginFile> {
  const manifest = join(folder, 'package.json')
  const read = async () =>
    JSON.parse(await readFile(manifest, 'utf8')) as {
      exports?: unknown
      version?: unknown
      mezite?: unknown
      peerDependencies?: Readonly<Record<string, unknown>>
    }
  const { exports, version, mezite, peerDependencies } = await read().catch((cause: unknown) => {
    throw new MezError('MEZ_PLUGIN_NOT_FOUND', `plugin '${key}': ${folder} has no readable package.json`, {
      hint: `Give it a package.json that exports './${side}', or name the file itself.`,
      cause,
    })
  })
  await safePluginFile(key, manifest, { program, groupWrites })
  const range = peerDependencies?.['@mezite/core']
  const fault = range === undefined ? null : await coreRangeFault(range)
  if (fault !== null) throw new MezError('MEZ_PLUGIN_API', `plugin '${key}' (${folder}) ${fault}`)
  const half = (name: string) => targets((exports as Record<string, unknown> | undefined)?.[`./${name}`])
  for (const target of half(side)) {
    const path = join(folder, target)
    if (!(await stat(path).catch(() => null))?.isFile()) continue
    const file = await safePluginFile(key, path, { program, groupWrites })
    return { path: file, folder, declared: mezite, ...(typeof version === 'string' && { version }) }
  }
  const other = side === 'hub' ? 'agent' : 'hub'
  if (half(side).length === 0 && half(other).length > 0) {
    throw new MezError('MEZ_PLUGIN_SIDE', `plugin '${key}' (${folder}) has only a half for the ${other}`)
  }
  const problem =
    half(side).length === 0
      ? `does not export './${side}'`
      : `exports './${side}' from a file that does not exist`
  throw new MezError('MEZ_PLUGIN_NOT_FOUND', `plugin '${key}': ${manifest} ${problem}`, {
    hint: `Add "exports": { "./${side}": "./${side}.js" } to it, or build the plugin.`,
  })
}

/** The targets that apply, in order of precedence. */
function targets(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry]
  if (typeof entry !== 'object' || entry === null) return []
  return Object.entries(entry).flatMap(([condition, inner]) =>
    CONDITIONS.includes(condition) ? targets(inner) : [],
  )
}

/** The folder of a package as Node.js finds it from `base`; null if it is not installed. */
export async function packageFolder(name: string, base: string): Promise<string | null> {
  for (let folder = resolve(base); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (await stat(join(candidate, 'package.json')).catch(() => null)) return candidate
    if (folder === dirname(folder)) return null
  }
}

/** The plugins that `packageFolder` finds by a short name, for suggestions. */
async function installed(base: string): Promise<string[]> {
  const found: string[] = []
  for (let folder = resolve(base); ; folder = dirname(folder)) {
    for (const prefix of ['mezite-plugin-', '@mezite/plugin-']) {
      const modules = join(folder, 'node_modules', dirname(prefix))
      for (const name of await readdir(modules).catch(() => [])) {
        if (name.startsWith(basename(prefix))) found.push(name.slice(basename(prefix).length))
      }
    }
    if (folder === dirname(folder)) return found
  }
}

const GROUP_WRITES = 0o020
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

interface PluginTrust {
  /** Folder of the program. Users who own it, or can change a folder above it, are trusted already. */
  readonly program: string
  /** Whether members of a file's group may write it, as package managers with umask 002 leave packages. */
  readonly groupWrites: boolean
}

/**
 * The real path of a file that is loaded as code. A user who can write it, or replace it or a folder or link on its
 * path, has the rights of the program: throws `MEZ_PLUGIN_UNSAFE` unless only root, the user of this process and the
 * owner of the program can. In a folder with the sticky bit, such as /tmp, users can replace only their own files.
 */
async function safePluginFile(key: string, path: string, trust: PluginTrust): Promise<string> {
  const real = await realpath(path)
  // Windows has neither owners nor modes.
  if (!process.getuid) return real
  const program = await realpath(trust.program)
  const owners = [0, process.getuid(), statSync(program).uid]
  for (const [step, stats] of stepsTo(path)) {
    if (stats.isDirectory() && `${program}${sep}`.startsWith(join(step, sep))) continue
    if (!owners.includes(stats.uid)) {
      const whose = `${step} belongs to the user ${stats.uid}, who is neither root nor the user of this program`
      throw unsafe(key, whose, `If you trust what is in it, run chown -h root ${step}.`)
    }
    const writers = OTHERS_WRITE | (stats.isDirectory() || trust.groupWrites ? 0 : GROUP_WRITES)
    const sticky = stats.isDirectory() && (stats.mode & STICKY) !== 0
    if (stats.isSymbolicLink() || sticky || (stats.mode & writers) === 0) continue
    const hint = `Run chmod go-w ${step}, and make sure that nobody changed what is in it.`
    throw unsafe(key, `${step} can be written by users other than its owner`, hint)
  }
  return real
}

const unsafe = (key: string, what: string, hint: string): MezError =>
  new MezError('MEZ_PLUGIN_UNSAFE', `plugin '${key}': ${what}`, { hint })

/** Every folder and link on the path, including links to links, and finally the file. */
function* stepsTo(path: string): Generator<[string, Stats]> {
  let at = '/'
  const rest = path.split(sep)
  while (rest.length > 0) {
    const step = join(at, rest.shift()!)
    const stats = lstatSync(step)
    yield [step, stats]
    const target = stats.isSymbolicLink() ? readlinkSync(step) : null
    if (target !== null) rest.unshift(...target.split(sep))
    if (target === null) at = step
    else if (isAbsolute(target)) at = '/'
  }
}
