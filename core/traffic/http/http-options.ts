import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Language, PageLayout, Pages } from '../../api/pages.ts'
import type { Problem } from '../../api/problem.ts'
import type { AppHostProtocol, ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { HostRouter } from './host-router.ts'
import type { Refusal } from './refusal.ts'
import type { TransportPaths } from './transport-paths.ts'

/** Serves a request to the hub's own host. `origin`: the one that it named. */
export type ServeWeb = (
  request: IncomingMessage,
  response: ServerResponse,
  arrival: { readonly info: ConnectionInfo; readonly origin: string },
) => void

/** The page of a request that is refused before it reaches a route. */
export type RefusalPage = (problem: Problem, requestId: string, language: Language) => PageLayout

/** What the servers of both versions of HTTP are made of. */
export interface HttpOptions {
  readonly router: HostRouter
  /** Paths of the hub's own host that belong to transports. */
  readonly paths: TransportPaths
  readonly pages: Pages
  readonly refusalPage: RefusalPage
  readonly web: ServeWeb
  /** Serves the hosts of apps, if there is one. */
  readonly app: AppHostProtocol | undefined
  readonly limits: ProxyLimits
  readonly refused: (refusal: Refusal) => void
  readonly clock: Clock
  readonly log: Log
}
