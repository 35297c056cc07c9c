import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Problem } from '../../api/problem.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import { problemFor } from '../../api/reasons.ts'
import { CookieRescue, resetOf, tooLargeResponse } from './cookie-reset.ts'
import type { HttpOptions } from './http-options.ts'
import { asksForUpgrade, clearAfterBody, Http1Connection, hasBody } from './http1-connection.ts'
import { createHttp1Refusals } from './http1-refusals.ts'
import { createHttp1Upgrades } from './http1-upgrades.ts'
import { Lane, type LaneServer } from './lane.ts'
import { KEEP_ALIVE_MS, SlowClients } from './lane-response.ts'
import { clientOf, refusalResponse } from './refusal.ts'

/** How long protocols may take after a drain is aborted, for example to send WebSocket close frames. */
const CUT_MS = 700
const POLL_MS = 50
const noop = () => {}

const REQUEST_INVALID = problemFor('request_invalid', 'The request is not valid HTTP.')
const METHOD_NOT_ALLOWED = problemFor('method_not_allowed')
const REQUEST_TIMEOUT = problemFor('request_timeout')
const PIPELINE_TOO_LONG = problemFor('pipeline_too_long')
const HEADERS_TOO_LARGE = problemFor('headers_too_large', 'The headers of the request are too large.')

/**
 * The HTTP/1.1 side of every browser connection, which routes each request by its host. Its `node:http` server never listens; it
 * receives established TLS sockets.
 */
export function createHttp1Server(options: HttpOptions) {
  const { router, pages, web, app, limits, clock } = options
  const connections = new Map<Duplex, Http1Connection>()
  const refusals = createHttp1Refusals(options)
  const upgrades = createHttp1Upgrades(options, connections, refusals)
  const { note, send, refuseBare } = refusals
  const rescue = new CookieRescue(clock)
  let draining = false

  function serve(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', noop)
    response.on('error', noop)
    const connection = connections.get(request.socket)
    if (connection === undefined) return void request.socket.destroy()
    if (!connection.take(request, response)) return
    // One more than apps take: their protocol refuses that one itself, and records for which app.
    if (connection.pending > limits.requestsPerConnection + 1)
      return void refusals.hold(connection, response, PIPELINE_TOO_LONG)
    connection.turns.run(() => response.destroyed || answer(connection, request, response))
  }

  function answer(connection: Http1Connection, request: IncomingMessage, response: ServerResponse): void {
    if (draining) response.shouldKeepAlive = false
    const { info } = connection
    const route = upgrades.routeOf(request) ?? router.route(request, info)
    const reset = resetOf(route, request, info, pages, router)
    if (reset !== undefined) return void send(request, response, reset)
    if (route.kind === 'app') return void app?.request(route, request, response)
    if (route.kind === 'refused') {
      const requestId = note(route, clientOf(request, info))
      const tooLarge = route.problem.status === 431
      return void send(
        request,
        response,
        tooLarge ? tooLargeResponse(pages) : refusalResponse(request, route.problem, requestId, options),
      )
    }
    limitBody(connection, request, response)
    response.once('finish', () => request.socket.setTimeout(limits.headerMs))
    // Node.js loses the bytes after a rejected upgrade.
    if (asksForUpgrade(request)) response.shouldKeepAlive = false
    if (route.expectsContinue) response.writeContinue()
    request.url = route.target
    web(request, response, { info, origin: route.origin })
  }

  /** Limits how long the body of a request to the hub's own host may take, even after the response. */
  function limitBody(connection: Http1Connection, request: IncomingMessage, response: ServerResponse): void {
    if (!hasBody(request)) return
    const late = setTimeout(() => {
      if (request.complete) return
      if (response.writableEnded) request.socket.destroy()
      else fail(connection, 'ERR_HTTP_REQUEST_TIMEOUT')
    }, limits.requestMs)
    clearAfterBody(late, request, request.socket)
  }

  /** Handles a connection whose bytes are not HTTP or timed out; `code` is the error code of Node.js. */
  function fail(connection: Http1Connection, code: string): void {
    const { socket, info } = connection
    const malformed = code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE'
    const late = code === 'ERR_HTTP_REQUEST_TIMEOUT'
    // A client that has disconnected, or ended in the middle of a request, gets no response.
    if (!socket.writable || (!malformed && !late && connection.pending > 0)) return void socket.destroy()
    const tooLarge = code === 'HPE_HEADER_OVERFLOW'
    connection.refuse(
      () => {
        if (tooLarge) rescue.expect(info)
        refuseBare(connection, tooLarge ? HEADERS_TOO_LARGE : late ? REQUEST_TIMEOUT : REQUEST_INVALID)
      },
      () => app?.breakBody?.(socket, code) ?? false,
    )
  }

  const checkMs = Math.min(1_000, limits.headerMs)
  const clockwork = setInterval(() => {
    const now = performance.now()
    for (const connection of connections.values())
      if (connection.isLate(now)) fail(connection, 'ERR_HTTP_REQUEST_TIMEOUT')
  }, checkMs)
  clockwork.unref()

  const server = openServer(limits, checkMs, { connections, upgrades, serve, fail, refuseBare })

  /** Lets node:http read the connection, with a raised limit of its heads if it is rescued. */
  function parse(socket: Duplex, rescued: number | null): void {
    // Node.js reads this when it creates the parser of the connection. It is twice the limit, so that the router can send a
    // proper refusal for sizes in between.
    ;(server as { maxHeaderSize?: number }).maxHeaderSize = rescued ?? 2 * limits.headerBytes
    server.emit('connection', socket)
  }

  const lanes: LaneServer | null =
    app?.bodyless === undefined ? null : { router, app, limits, slow: new SlowClients(), handOver }

  /** Passes a connection from its lane to node:http, with the bytes that it must read first. */
  function handOver(socket: Duplex, bytes: Buffer, headBy: number): void {
    const connection = connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    connection.lane = null
    connection.headBy = headBy
    parse(socket, null)
    // All at once: of an upgrade, Node.js passes on what is behind it in the same chunk.
    socket.emit('data', bytes)
  }

  const close = (): void => {
    clearInterval(clockwork)
    for (const socket of connections.keys()) socket.destroy()
    server.close(noop)
  }
  const inFlight = (): boolean =>
    [...connections.values()].some(
      ({ pending, upgraded, isNew, socket }) => (pending > 0 || upgraded || isNew) && !socket.destroyed,
    )

  return {
    accept(socket: Duplex, info: ConnectionInfo) {
      socket.on('error', noop)
      if (socket.destroyed) return
      const connection = new Http1Connection(socket, info, limits.requestMs)
      connections.set(socket, connection)
      const rescued = rescue.opened(info)
      socket.once('close', () => {
        connections.delete(socket)
        connection.abandon()
        if (rescued !== null) rescue.closed()
      })
      if (rescued !== null || draining || router.isHub(info.serverName) || lanes === null)
        return parse(socket, rescued)
      connection.lane = new Lane(socket, info, lanes)
    },
    /** From now on, closes each connection with its next response. */
    announceShutdown(): void {
      draining = true
      for (const connection of connections.values()) connection.closeSoon()
    },
    /** Waits until no request is in flight or the signal aborts, then closes every connection. */
    async drain(signal: AbortSignal): Promise<void> {
      let end = Number.POSITIVE_INFINITY
      while (performance.now() < end) {
        server.closeIdleConnections()
        for (const { lane, socket } of connections.values()) if (lane?.idle) socket.destroy()
        if (!inFlight()) break
        if (signal.aborted) end = Math.min(end, performance.now() + CUT_MS)
        await pause(POLL_MS)
      }
      close()
    },
    close,
  }
}

/** The server of node:http, without a port: it reads the connections that it is given. */
function openServer(
  limits: HttpOptions['limits'],
  checkMs: number,
  on: {
    readonly connections: ReadonlyMap<Duplex, Http1Connection>
    readonly upgrades: ReturnType<typeof createHttp1Upgrades>
    serve(request: IncomingMessage, response: ServerResponse): void
    fail(connection: Http1Connection, code: string): void
    refuseBare(connection: Http1Connection, problem: Problem): void
  },
): Server {
  const { connections, upgrades } = on
  const server = createServer({
    headersTimeout: limits.headerMs,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: checkMs,
    // The router explains why it rejects a head without a host or with two hosts.
    requireHostHeader: false,
    highWaterMark: 64 * 1024,
    shouldUpgradeCallback: upgrades.accepts,
  })
  // Node.js drops lines beyond this limit; the router rejects half as many.
  server.maxHeadersCount = 2 * limits.headerCount
  server.on('request', on.serve)
  server.on('checkContinue', on.serve)
  server.on('checkExpectation', on.serve)
  server.on('upgrade', upgrades.take)
  server.on('connect', (_request, socket: Duplex) => {
    const connection = connections.get(socket)
    if (connection === undefined || connection.busy) socket.destroy()
    else on.refuseBare(connection, METHOD_NOT_ALLOWED)
  })
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, socket: Duplex) => {
    const connection = connections.get(socket)
    if (connection === undefined) socket.destroy()
    else on.fail(connection, code)
  })
  // The event starts its timeouts, because the server never listens.
  server.emit('listening')
  return server
}
