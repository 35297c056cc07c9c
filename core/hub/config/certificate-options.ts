import { formatAddress } from './address.ts'
import type { HubConfig } from './hub-config.ts'

/** What the public port's certificates need of the configuration. */
export const certificateOptions = ({ publicNames, proxy, dataDir }: HubConfig) => ({
  publicNames,
  main: proxy.httpsKeypair,
  apps: proxy.appsKeypair,
  listenAddr: formatAddress(proxy.listen),
  allowDevelopment: proxy.httpsKeypair === null,
  dataDir,
})
