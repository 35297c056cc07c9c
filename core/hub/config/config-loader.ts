import { dirname, resolve } from 'node:path'
import {
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  type ValueProblem,
} from '../../kernel/config-check.ts'
import { readConfigFile } from '../../kernel/config-file.ts'
import { MezError } from '../../kernel/error.ts'
import { orderPlugins } from '../../kernel/order.ts'
import { runtimeProblems } from '../../kernel/runtime-check.ts'
import { type LoadedPlugin, loadEachPlugin, loadPlugins } from '../../loader/plugin-loader.ts'
import { hubServices, standardPlugins, standardProviders } from '../plugins.ts'
import { completeConfig } from './config-defaults.ts'
import { applyEnvironment } from './environment.ts'
import { checkFiles } from './file-check.ts'
import type { HubConfig } from './hub-config.ts'
import { hubSchema, type RawHubConfig } from './schema.ts'

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
  /** The plugins, each with its own checked configuration, defaults filled in. */
  readonly plugins: readonly LoadedPlugin[]
  /** Warnings to log once the log exists. */
  readonly warnings: readonly string[]
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

  const checked = checkConfig(hubSchema, environment.value)
  problems.push(...checked.problems.map(locate))
  let config: HubConfig | undefined
  // Values are compared with each other, and files read, once each of them fits the schema.
  if (checked.problems.length === 0) {
    const raw = checked.value as RawHubConfig
    const completed = completeConfig(options.file, raw)
    const urlFromFile = environment.locate({ path: ['database', 'url'], message: '' }) === null
    const files = await checkFiles(completed.config, urlFromFile)
    problems.push(...[...completed.problems, ...files.problems].map(locate))
    warnings.push(...completed.warnings, ...files.warnings)
    config = completed.config
    if (raw.strict_runtime) errors.push(...runtime.map((what) => new MezError('MEZ_RUNTIME_UNSAFE', what)))
    else warnings.push(...runtime)
  }

  const named = (read.value as { plugins?: unknown } | null)?.plugins ?? {}
  const load = {
    side: 'hub',
    standard: options.standard ?? standardPlugins,
    plugins: typeof named === 'object' ? (named as Record<string, unknown>) : {},
    folder: dirname(resolve(options.file)),
    program: import.meta.dirname,
  } as const
  const plugins = await loadPlugins(load).catch((error: unknown) => {
    errors.push(...(error instanceof AggregateError ? error.errors : [error]))
    return loadEachPlugin(load)
  })
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
  const withSlices = plugins.map((loaded) => {
    const slice = checkPluginConfig(loaded.plugin, loaded.config, loaded.key)
    problems.push(...slice.problems.map(locate))
    return { ...loaded, config: slice.value }
  })

  if (problems.length > 0) errors.unshift(configError(problems.toSorted((a, b) => a.line - b.line)))
  if (errors.length > 1) throw new AggregateError(errors, 'the configuration is not valid')
  if (errors.length === 1) throw errors[0]
  return { config: config!, plugins: withSlices, warnings }
}
