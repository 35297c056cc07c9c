import { dirname, join, resolve } from 'node:path'
import { certificates } from '../../api/certificates.ts'
import {
  bareName,
  type LoadedPlugin,
  type LoadOptions,
  loadEachPlugin,
  loadPlugins,
} from '../../base/loader/plugin-loader.ts'
import { locatePlugin } from '../../base/loader/plugin-locator.ts'
import { type LockedPlugin, lockedPlugin } from '../../base/loader/plugin-lock.ts'
import { runtimeProblems } from '../../base/loader/runtime-check.ts'
import {
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  type ValueProblem,
} from '../../kernel/config-check.ts'
import { readConfigFile } from '../../kernel/config-file.ts'
import { isMezError, MezError } from '../../kernel/error.ts'
import { orderPlugins } from '../../kernel/order.ts'
import { applyEnvironment } from './environment.ts'
import { checkFiles } from './file-check.ts'
import { completeConfig, type HubConfig } from './hub-config.ts'
import { type HubFile, hubSchema } from './hub-schema.ts'
import { hubServices } from './hub-services.ts'
import { standardPlugins, standardProviders } from './standard-plugins.ts'

export interface LoadConfigOptions {
  readonly file: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default: the standard set. */
  readonly standard?: readonly string[]
  /** Problems of the runtime. Default: the result of `runtimeProblems`. */
  readonly runtime?: readonly string[]
}

/** A valid configuration. */
export interface LoadedConfig {
  readonly config: HubConfig
  /** The plugins, each with its own configuration as written, which is valid. */
  readonly plugins: readonly LoadedPlugin[]
  /** Warnings to log once the log exists. */
  readonly warnings: readonly string[]
}

function loadOptions(
  file: string,
  value: unknown,
  standard: readonly string[] = standardPlugins,
): LoadOptions {
  const named = (value as { plugins?: unknown } | null)?.plugins ?? {}
  const plugins = typeof named === 'object' ? (named as Record<string, unknown>) : {}
  // Executables, Debian packages and images have no folder of a module that has become part of another file.
  const program = join(import.meta.dirname, '../..')
  return { side: 'hub', standard, plugins, folder: dirname(resolve(file)), program }
}

/** The configured plugins outside the standard set as they are on the disk, by their keys. Runs nothing of them. */
export async function foreignPlugins(file: string): Promise<Readonly<Record<string, LockedPlugin>>> {
  const { value, problems } = await readConfigFile(file)
  if (problems.length > 0) throw configError(problems)
  const load = loadOptions(file, value)
  const keys = Object.keys(load.plugins).filter(
    (key) => load.plugins[key] !== false && !load.standard.includes(bareName(key)),
  )
  const found = await Promise.all(
    keys.map(bareName).map(async (key) => {
      // Agents check the list beside their own configuration.
      const half = await locatePlugin(key, load).catch((error) => {
        if (isMezError(error, 'MEZ_PLUGIN_SIDE')) return locatePlugin(key, { ...load, side: 'agent' })
        throw error
      })
      return [key, await lockedPlugin(half)] as const
    }),
  )
  return Object.fromEntries(found)
}

/**
 * Reads the configuration (defaults, then the file, then `MEZITE_*` variables) and loads its plugins. Throws all
 * problems together: MEZ_CONFIG_INVALID with all problems of values, and the errors of plugins.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<LoadedConfig> {
  const read = await readConfigFile(options.file)
  if (read.problems.length > 0) throw configError(read.problems)
  const environment = applyEnvironment(read.value, options.env ?? process.env)
  const locate = (problem: ValueProblem) => environment.locate(problem) ?? read.locate(problem)
  const { runtime = runtimeProblems() } = options
  const problems: ConfigProblem[] = []
  const errors: unknown[] = []
  const warnings = [...environment.warnings]

  const failed: unknown[] = []
  const load = loadOptions(options.file, read.value, options.standard)
  const plugins = await loadPlugins(load).catch((error: unknown) => {
    failed.push(...(error instanceof AggregateError ? error.errors : [error]))
    return loadEachPlugin(load)
  })
  // A plugin of the standard set may provide certificates once it is configured.
  const certified = plugins.some(
    ({ plugin, config }) =>
      config !== undefined && Object.values(plugin.provides ?? {}).some(({ id }) => id === certificates.id),
  )

  const checked = checkConfig(hubSchema, environment.value)
  problems.push(...checked.problems.map(locate))
  let config: HubConfig | undefined
  // Values are compared with each other, and files read, once each of them fits the schema.
  if (checked.fits) {
    const completed = completeConfig(options.file, { read: checked.value as HubFile, certified })
    const urlFromFile = environment.locate({ path: ['database', 'url'], message: '' }) === null
    const files = await checkFiles(completed.config, urlFromFile, certified)
    problems.push(...[...completed.problems, ...files.problems].map(locate))
    warnings.push(...completed.warnings, ...files.warnings)
    config = completed.config
    if (config.strict_runtime) errors.push(...runtime.map((what) => new MezError('MEZ_RUNTIME_UNSAFE', what)))
    else warnings.push(...runtime)
  }
  errors.push(...failed)
  // If plugins failed to load, do not also report the services that are missing as a result.
  if (errors.length === 0) {
    try {
      const definitions = plugins.map(({ plugin }) => plugin)
      orderPlugins(definitions, {
        provided: Object.values(hubServices).map(({ id }) => id),
        suggestions: standardProviders,
      })
    } catch (error) {
      errors.push(error)
    }
  }
  for (const { plugin, config, key } of plugins)
    problems.push(...checkPluginConfig(plugin, config, key).problems.map(locate))

  if (problems.length > 0) errors.unshift(configError(problems.toSorted((a, b) => a.line - b.line)))
  if (errors.length > 1) throw new AggregateError(errors, 'the configuration is not valid')
  if (errors.length === 1) throw errors[0]
  return { config: config!, plugins, warnings }
}

/** The configuration without its plugins and files; null if a value is not valid, which `loadConfig` reports. */
export async function readConfig(file: string, env = process.env): Promise<HubConfig | null> {
  const { value, problems } = await readConfigFile(file)
  if (problems.length > 0) return null
  const checked = checkConfig(hubSchema, applyEnvironment(value, env).value)
  if (checked.problems.length > 0) return null
  const completed = completeConfig(file, { read: checked.value as HubFile, certified: true })
  return completed.problems.length > 0 ? null : completed.config
}
