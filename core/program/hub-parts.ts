import { formatAddress } from '../hub/config/address.ts'
import type { HubParts } from '../hub/hub-parts.ts'
import { certificateForDevelopment } from './development-certificate.ts'
import { createRedirectServer } from './redirect-server.ts'

/** What `mezhub` adds to each of its hubs. */
export const hubParts: HubParts = {
  developmentCertificate: (names, { config: { dataDir, proxy }, clock, log }) =>
    certificateForDevelopment(names, {
      ...{ dataDir, clock, log },
      listenAddr: formatAddress(proxy.listen),
      allowed: proxy.developmentCertificate,
    }),
  redirectServer: createRedirectServer,
}
