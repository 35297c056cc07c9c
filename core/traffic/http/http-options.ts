import type { Pages } from '../../api/pages.ts'
import type { AppHostProtocol } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { ServeWeb } from '../../web/server/api-server.ts'
import type { HostRouter } from './host-router.ts'
import type { Refusal } from './refusal.ts'
import type { TransportPaths } from './transport-paths.ts'

/** What the servers of both versions of HTTP are made of. */
export interface HttpOptions {
  readonly router: HostRouter
  /** Paths of the hub's own host that belong to transports. */
  readonly paths: TransportPaths
  readonly pages: Pages
  readonly web: ServeWeb
  /** Serves the hosts of apps, if there is one. */
  readonly app: AppHostProtocol | undefined
  readonly limits: ProxyLimits
  readonly refused: (refusal: Refusal) => void
  readonly clock: Clock
  readonly log: Log
}
