import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Pages } from '../../api/pages.ts'
import type { AppHostProtocol, CertifiedHttp, ConnectionInfo, Protocol } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { defaultLimits } from '../../base/limits/limits.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { createHostRouter, type HostRouter } from './host-router.ts'
import type { RefusalPage, ServeWeb } from './http-options.ts'
import { createHttp1Server } from './http1-server.ts'
import { createHttp2Server } from './http2-server.ts'
import { type Refusal, refusePlainHttp } from './refusal.ts'
import type { TransportPaths } from './transport-paths.ts'

export interface BrowserServerOptions {
  readonly publicNames: PublicNames
  readonly pages: Pages
  readonly refusalPage: RefusalPage
  /** Paths of the hub's own host that belong to transports. */
  readonly paths?: TransportPaths
  /** Serves the hub's own host. */
  readonly web: ServeWeb
  /** The protocol that serves the hosts of apps, if there is one; without it they get 421. */
  readonly protocols: readonly Protocol[]
  readonly limits?: Partial<ProxyLimits>
  /** Called once for each request that the router or the parser rejects. */
  readonly refused?: (refusal: Refusal) => void
  readonly clock?: Clock
  readonly log: Log
}

/** Handles every HTTP request from a browser, on any connection. */
export interface BrowserServer extends CertifiedHttp {
  readonly router: HostRouter
  accept(socket: TLSSocket | Duplex, info: ConnectionInfo): void
  /** Responds to plain HTTP on the TLS port with the https address; `bytes` are the first received bytes. */
  refusePlainHttp(socket: Duplex, bytes: Buffer): void
  /** From now on, closes each connection with its next response, and sends GOAWAY to HTTP/2 clients. */
  announceShutdown(): void
  /** Waits for requests in flight, and cuts the rest when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
  close(): void
}

/** One HTTP/1.1 and one HTTP/2 server behind one host router. Throws `MEZ_SERVICE_TWICE` for two app-host protocols. */
export function createBrowserServer(options: BrowserServerOptions): BrowserServer {
  const { web, pages, refusalPage, clock = systemClock, log, refused = () => {} } = options
  const app = appHostProtocol(options.protocols)
  const limits = { ...defaultLimits, ...options.limits }
  const names = app === undefined ? { ...options.publicNames, appsDomains: [] } : options.publicNames
  const router = createHostRouter(names, limits)
  const common = {
    router,
    paths: options.paths ?? new Map(),
    pages,
    refusalPage,
    web,
    app,
    limits,
    refused,
    clock,
    log,
  }
  const http1 = createHttp1Server(common)
  const http2 = createHttp2Server(common)
  return {
    router,
    accept(socket, info) {
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') http2.accept(socket, info)
      else http1.accept(socket, info)
    },
    refusePlainHttp: (socket, bytes) => refusePlainHttp(socket, bytes, router.originOf, pages),
    announceShutdown() {
      http1.announceShutdown()
      http2.announceShutdown()
    },
    async drain(signal) {
      http1.announceShutdown()
      await Promise.all([http1.drain(signal), http2.drain(signal)])
    },
    close() {
      http1.close()
      http2.close()
    },
  }
}

function appHostProtocol(protocols: readonly Protocol[]): AppHostProtocol | undefined {
  const found = protocols.filter((protocol): protocol is AppHostProtocol => protocol.takes === 'app-hosts')
  if (found.length > 1) {
    const names = found.map(({ name }) => `"${name}"`).join(' and ')
    throw new MezError('MEZ_SERVICE_TWICE', `the protocols ${names} both claim the hosts of apps`)
  }
  return found[0]
}
