import { formatAddress } from '../../api/address.ts'
import type { HubParts } from '../../hub/hub-parts.ts'
import { certificateForDevelopment } from './development-certificate.ts'
import { createRedirectServer } from './redirect-server.ts'

/** What `mezhub` adds to each of its hubs. */
export const hubParts: HubParts = {
  developmentCertificate: (names, { config, clock, log }) =>
    certificateForDevelopment(names, {
      dataDir: config.data_dir,
      clock,
      log,
      listenAddr: formatAddress(config.proxy.listen_addr),
      allowed: config.developmentCertificate,
    }),
  redirectServer: createRedirectServer,
}
