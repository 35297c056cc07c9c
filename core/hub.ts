/**
 * Exports for programs that run a hub; plugin authors import `@mezite/core`.
 *
 * @internal
 */

export { type LoadedConfig, loadConfig } from './hub/config/config-loader.ts'
export type { HubConfig } from './hub/config/hub-config.ts'
export { createHub, type Hub, type HubOptions } from './hub/hub.ts'
