import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Problem } from '../../api/problem.ts'
import type { AppHostProtocol, ConnectionInfo } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { OwedAnswers, silence } from '../../wire/pending-responses.ts'
import { judgeFraming } from './framing-check.ts'
import { type HostRoute, routeHost } from './host-router.ts'
import { pathOf, type TransportPaths } from './transport-paths.ts'

export type WebLimits = Pick<
  ProxyLimits,
  'headerMs' | 'requestMs' | 'headerCount' | 'headerBytes' | 'uriBytes'
>

export interface WebServerOptions {
  readonly publicNames: PublicNames
  /** Takes requests to app hosts that came over a connection whose side the handshake did not tell. */
  readonly appHosts?: Pick<AppHostProtocol, 'request' | 'upgrade' | 'stream' | 'breakBody'>
  /** Paths of the hub's own host that belong to transports. */
  readonly paths?: TransportPaths
  readonly limits: WebLimits
}

/** What is known of a request before Fastify sees it. */
export interface Arrival {
  readonly info: ConnectionInfo | null
  readonly verdict: HostRoute
  /** Came over the admin socket. */
  readonly operator: boolean
}

export interface WebServer {
  readonly server: Server
  accept(socket: TLSSocket, info: ConnectionInfo): void
  /** Deny by default: a request of unknown origin is refused. */
  arrivalOf(request: IncomingMessage): Arrival
}

const LINGER_MS = 500

const UNKNOWN: ConnectionInfo = { clientIp: '', clientPort: 0, trustedProxy: false, serverName: null }

/** An HTTP/1.1 server that never listens; the front hands it finished TLS sockets. */
export function createWebServer(handler: RequestListener, options: WebServerOptions): WebServer {
  const { publicNames, appHosts, paths, limits } = options
  const connections = new WeakMap<Duplex, ConnectionInfo>()
  const verdicts = new WeakMap<IncomingMessage, HostRoute>()
  const owed = new OwedAnswers()

  const judge = (request: IncomingMessage): { info: ConnectionInfo; verdict: HostRoute } => {
    const info = connections.get(request.socket) ?? UNKNOWN
    const verdict =
      verdicts.get(request) ??
      tooLarge(request, limits) ??
      judgeFraming(request) ??
      routeHost(request, info, publicNames)
    verdicts.set(request, verdict)
    return { info, verdict }
  }
  /** The transport that takes an upgrade of this request to the hub's own host. */
  const transportAt = (request: IncomingMessage) =>
    judge(request).verdict.kind === 'web' ? paths?.get(pathOf(request.url ?? ''))?.upgrade : undefined
  const take: RequestListener = (request, response) => {
    if (!owed.take(request, response)) return
    const { info, verdict } = judge(request)
    // What could not be read ends its connection, and of what follows an upgrade that is not taken Node.js loses bytes.
    if (verdict.kind === 'refused' || asksForUpgrade(request)) response.shouldKeepAlive = false
    if (verdict.kind === 'app' && appHosts?.request) return appHosts.request(request, response, info)
    limitBody(request, response)
    // An absolute target names the same host, see judgeHost; routes know paths only.
    if (verdict.kind === 'web') request.url = request.url?.replace(/^https?:\/\/[^/?#]*(?=\/)/i, '') ?? '/'
    handler(request, response)
  }

  /** Of the hub's own requests: what goes to an app may take as long as it goes on. */
  const limitBody: RequestListener = (request, response) => {
    if (!hasBody(request)) return
    const late = setTimeout(() => {
      if (!request.complete) broken(request.socket, 'ERR_HTTP_REQUEST_TIMEOUT')
    }, limits.requestMs)
    response.once('close', () => clearTimeout(late))
  }

  const server = createServer({
    headersTimeout: limits.headerMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.headerMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headerMs),
    // Twice what tooLarge allows: between the two the caller is told, beyond it is cut off.
    maxHeaderSize: 2 * limits.headerBytes,
    // Two Host headers are judged by parseHost, which says why.
    requireHostHeader: false,
    shouldUpgradeCallback: (request) => {
      const { kind } = judge(request).verdict
      return kind === 'app' ? appHosts?.upgrade !== undefined : transportAt(request) !== undefined
    },
  })
  server.maxHeadersCount = 2 * limits.headerCount
  server.on('request', take)
  server.on('checkContinue', (request, response) => {
    if (judge(request).verdict.kind === 'web') response.writeContinue()
    take(request, response)
  })
  // Node.js would answer itself; judgeFraming says why.
  server.on('checkExpectation', take)
  server.on('upgrade', (request, socket, head) => {
    if (owed.isBusy(socket)) return void socket.destroy()
    const { info, verdict } = judge(request)
    if (verdict.kind === 'app') return void appHosts?.upgrade?.(request, socket, head, info)
    socket.on('error', () => socket.destroy())
    const upgrade = transportAt(request)
    if (upgrade) upgrade(request, socket, head, info)
    else socket.destroy()
  })
  server.on('connect', (_request, socket) => {
    if (owed.isBusy(socket)) socket.destroy()
    else refuse(socket, '405 Method Not Allowed')
  })
  const broken = (socket: Duplex, code: string): void => {
    if (!socket.writable) return void socket.destroy()
    owed.refuse(
      socket,
      () =>
        refuse(
          socket,
          code === 'HPE_HEADER_OVERFLOW'
            ? '431 Request Header Fields Too Large'
            : code === 'ERR_HTTP_REQUEST_TIMEOUT'
              ? '408 Request Timeout'
              : '400 Bad Request',
        ),
      () => appHosts?.breakBody?.(socket, code) ?? false,
    )
  }
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket) => broken(socket, code))
  // Never listens, but without the event its deadlines stay off.
  server.emit('listening')

  return {
    server,
    accept(socket, info) {
      connections.set(socket, info)
      server.emit('connection', socket)
    },
    arrivalOf(request) {
      const { info, verdict } = judge(request)
      return { info: connections.has(request.socket) ? info : null, verdict, operator: false }
    },
  }
}

/** Refuses more of a head than the limits say. */
export function tooLarge(
  { rawHeaders, url = '' }: { readonly rawHeaders: readonly string[]; readonly url?: string | undefined },
  limits: WebLimits,
): HostRoute | undefined {
  if (url.length > limits.uriBytes)
    return { kind: 'refused', problem: new Problem(414, 'target_too_long', 'The URL is too long.') }
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length + 2, url.length)
  if (rawHeaders.length <= 2 * limits.headerCount && bytes <= limits.headerBytes) return undefined
  const problem = new Problem(431, 'headers_too_large', 'The headers, perhaps the cookies, are too large.')
  return { kind: 'refused', problem }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function asksForUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '')
}

/** Answers and closes; what still comes in is read away, since a reset would swallow the answer. */
function refuse(socket: Duplex, status: string): void {
  if (socket.writableEnded || !socket.writable) return
  silence(socket)
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
