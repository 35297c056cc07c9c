import module from 'node:module'
import { pathToFileURL } from 'node:url'
import { lookInProgram } from '@mezite/core/launch'
import { nearMiss } from '../../kernel/config-check.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { isMezError, MezError, messageOf } from '../../kernel/error.ts'
import type { AnyPlugin, PluginSide } from '../../kernel/plugin.ts'
import { checkPlugin } from '../../kernel/plugin-check.ts'
import { locatePlugin, type PluginFile } from './plugin-locator.ts'
import { requireLocked } from './plugin-lock.ts'

export interface LoadOptions {
  readonly side: PluginSide
  /** Names of `@mezite/plugin-<name>` that load without being configured. */
  readonly standard: readonly string[]
  /**
   * `plugins:` of the configuration: maps a name, package or path to the plugin's configuration; `false` turns it off.
   */
  readonly plugins: Readonly<Record<string, unknown>>
  /**
   * Folder of the configuration file: the base of paths, and the first place to look for packages outside the standard
   * set.
   */
  readonly folder: string
  /** Folder of the program, the next place to look for packages. */
  readonly program: string
  /** How long the import of one plugin may take, in milliseconds. */
  readonly deadlineMs?: number
}

/** A plugin with its file and its configuration. */
export interface LoadedPlugin {
  readonly plugin: AnyPlugin
  /** Its key under `plugins:`. */
  readonly key: string
  readonly file: string
  /** What its package.json says under `mezite`. */
  readonly declared?: unknown
  /** Its configuration, not yet checked; undefined if the configuration does not name the plugin. */
  readonly config: unknown
}

const OWN = '@mezite/plugin-'
const IMPORT_DEADLINE_MS = 15_000

/**
 * Loads the standard set and the configured plugins. Every plugin must load, because a missing policy could allow
 * access. Throws the error, or an AggregateError of all errors, each with the path and the next step.
 */
export async function loadPlugins(options: LoadOptions): Promise<readonly LoadedPlugin[]> {
  const { standard, plugins } = options
  const wanted = new Map<string, unknown>(standard.map((name) => [name, undefined]))
  const spelt = new Set<string>()
  for (const [key, config] of Object.entries(plugins)) {
    const name = bareName(key)
    if (spelt.has(name)) throw new MezError('MEZ_PLUGIN_TWICE', `'${name}' is named twice under plugins`)
    spelt.add(name)
    if (config !== false) wanted.set(name, config)
    else if (!wanted.delete(name)) refuseSlip(name, options)
  }
  if ([...wanted.keys()].some((name) => !standard.includes(name))) shareCore()
  const results = await Promise.allSettled(
    [...wanted].map(async ([key, config]): Promise<LoadedPlugin> => {
      const file = await locatePlugin(key, options)
      if (!standard.includes(key)) await requireLocked(key, file, options.folder)
      const { path, declared } = file
      return { key, config, file: path, declared, plugin: await importPlugin(key, file, options) }
    }),
  )
  const errors = results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => reason as unknown)
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '))
  if (errors.length === 1) throw errors[0]
  const loaded = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value)
  for (const { plugin, file } of loaded) {
    const twin = loaded.find((other) => other.plugin !== plugin && other.plugin.name === plugin.name)
    if (!twin) continue
    const message = `two plugins are named '${plugin.name}': ${file} and ${twin.file}`
    throw new MezError('MEZ_PLUGIN_TWICE', message, {
      hint: 'Remove one of them, or set it to false under `plugins:`.',
    })
  }
  return loaded
}

/**
 * Loads each configured plugin separately and omits the failing ones, so that the other configurations can be checked.
 */
export async function loadEachPlugin(options: LoadOptions): Promise<readonly LoadedPlugin[]> {
  const each = Object.entries(options.plugins).map(([key, config]) => {
    const standard = options.standard.filter((name) => name === bareName(key))
    return loadPlugins({ ...options, standard, plugins: { [key]: config } }).catch(() => [])
  })
  return (await Promise.all(each)).flat()
}

/** The key of a plugin without the scope of this project. */
export const bareName = (key: string): string => (key.startsWith(OWN) ? key.slice(OWN.length) : key)

/** Rejects a misspelled `name: false`, which would leave the plugin on. */
function refuseSlip(name: string, options: LoadOptions): void {
  const meant = nearMiss(name, options.standard)
  if (meant === null) return
  const message = `plugins: '${name}: false' names no plugin of the standard set`
  throw new MezError('MEZ_PLUGIN_NOT_FOUND', message, { hint: `Did you mean '${meant}: false'?` })
}

async function importPlugin(key: string, file: PluginFile, options: LoadOptions): Promise<AnyPlugin> {
  const who = `plugin '${key}' (${file.path})`
  const exported = await importInTime(who, file.path, options.deadlineMs ?? IMPORT_DEADLINE_MS)
  if (exported.default === undefined) {
    throw new MezError('MEZ_PLUGIN_INVALID', `${who} has no default export`)
  }
  checkPlugin(exported.default, options.side, [], file.path)
  const { version = file.version } = exported.default
  return Object.freeze({ ...exported.default, ...(version !== undefined && { version }) })
}

async function importInTime(who: string, path: string, deadlineMs: number): Promise<{ default?: unknown }> {
  const late = (ms: number) => new MezError('MEZ_PLUGIN_HANGS', `${who} was not imported within ${ms} ms`)
  try {
    return await withDeadline(() => import(pathToFileURL(path).href), deadlineMs, late)
  } catch (error) {
    if (isMezError(error, 'MEZ_PLUGIN_HANGS')) throw error
    throw importError(who, path, error)
  }
}

function importError(who: string, path: string, cause: unknown): MezError {
  const { code } = (cause ?? {}) as { code?: string }
  const missing = /Cannot find (?:package|module) '([^']+)'/.exec(messageOf(cause))?.[1]
  if ((code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && missing) {
    return new MezError('MEZ_PLUGIN_DEPENDENCY', `${who} imports '${missing}', which is not installed`, {
      cause,
    })
  }
  const message = `${who} failed on import: ${messageOf(cause)}`
  if (!(cause instanceof SyntaxError)) return new MezError('MEZ_PLUGIN_BROKEN', message, { cause })
  return new MezError('MEZ_PLUGIN_BROKEN', message, { cause, hint: `Run node --check ${path} to see where.` })
}

const CORE = /^@mezite\/core(?:\/|$)/
let shared = false

/**
 * Resolves `@mezite/core` and its entries to this program's own copy for every importer, so that a plugin beside a
 * configuration file does not need a copy, and `instanceof` works for errors. The hook runs for every module that is
 * loaded later, so the program installs it only before it loads third-party plugins.
 */
function shareCore(): void {
  if (shared) return
  shared = true
  lookInProgram()
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, CORE.test(specifier) ? { ...context, parentURL: import.meta.url } : context),
  })
}
