/** What programs around the hub need; plugin authors import `@mezite/core`. */

export { type LoadedConfig, loadConfig } from './config/config-loader.ts'
export type { Address, HubConfig, Keypair } from './config/hub-config.ts'
export { createHub, type Hub, type HubOptions } from './hub.ts'
