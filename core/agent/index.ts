/** What the program mezd is made of; plugin authors import `@mezite/core`. */
export {
  type CheckedValue,
  type ConfigProblem,
  checkConfig,
  checkPluginConfig,
  configError,
  type ValueProblem,
} from '../kernel/config-check.ts'
export { type ConfigFile, readConfigFile } from '../kernel/config-file.ts'
export { createLog, type LogFormat, type LogLevel, type LogOptions } from '../kernel/create-log.ts'
export { createKernel, type Kernel, type KernelOptions, type PluginStatus } from '../kernel/kernel.ts'
export { type LoadedPlugin, type LoadOptions, loadPlugins } from '../kernel/load.ts'
export type { AnyPlugin } from '../kernel/plugin.ts'
export { printError } from '../kernel/print-error.ts'
