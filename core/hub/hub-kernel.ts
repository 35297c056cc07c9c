import { hubHooks } from '../api/hub-hooks.ts'
import type { Clock } from '../kernel/clock.ts'
import { createKernel } from '../kernel/kernel.ts'
import type { Log } from '../kernel/log.ts'
import type { LoadedPlugin } from '../loader/plugin-loader.ts'
import { hubPartChecks } from './plugin-checks.ts'
import { standardProviders } from './standard-plugins.ts'

/** The kernel of a hub with these plugins, each with its part of the configuration. */
export const hubKernel = (plugins: readonly LoadedPlugin[], log: Log, clock: Clock) =>
  createKernel({
    tree: hubHooks,
    side: 'hub',
    plugins: plugins.map(({ plugin }) => plugin),
    configs: Object.fromEntries(plugins.map(({ plugin, config }) => [plugin.name, config])),
    suggestions: standardProviders,
    checks: hubPartChecks,
    log,
    clock,
  })
