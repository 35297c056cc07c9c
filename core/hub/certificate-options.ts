import { formatAddress } from './config/address.ts'
import type { HubConfig } from './config/hub-config.ts'

/** What the public port's certificates need of the configuration. */
export const certificateOptions = ({ publicNames, proxy, dataDir }: HubConfig) => ({
  publicNames,
  main: proxy.httpsKeypair,
  apps: proxy.appsKeypair,
  listenAddr: formatAddress(proxy.listen),
  allowDevelopment: proxy.httpsKeypair === null,
  dataDir,
})
