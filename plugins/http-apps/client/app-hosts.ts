import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Problem } from '@mezite/core'
import {
  type AppHostProtocol,
  type ConnectionInfo,
  OwedAnswers,
  readStreamHead,
  type StreamRequest,
} from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { limits } from '../limits.ts'
import { RefusalLog } from '../request/refusal-log.ts'
import { RequestHandler } from '../request/request-handler.ts'
import { CookieRescue, tooLargeResponse } from '../session/cookie-reset.ts'
import { Http1Client } from './http1-client.ts'
import { Http2Client } from './http2-client.ts'
import { refuseBytes, respondBytes } from './refusal.ts'

const noop = () => {}

/** Takes browser connections to apps' hosts. Owns an HTTP server that never listens. */
export class AppHosts implements AppHostProtocol {
  readonly name = 'http-apps'
  readonly takes = 'app-hosts'
  readonly #deps: Deps
  readonly #path: RequestHandler
  readonly #server: Server
  /** For browsers that have to get rid of their cookies. */
  readonly #rescueServer: Server
  readonly #rescue: CookieRescue
  readonly #refusals: RefusalLog
  readonly #infos = new WeakMap<Duplex, ConnectionInfo>()
  readonly #owed = new OwedAnswers()
  readonly #sockets = new Set<Duplex>()
  #draining = false
  readonly #isDraining = () => this.#draining

  constructor(deps: Deps) {
    this.#deps = deps
    this.#server = this.#listenTo(deps.proxyLimits.headerBytes)
    this.#rescueServer = this.#listenTo(limits.rescueHeaderBytes)
    this.#rescue = new CookieRescue(deps.deadlines)
    this.#refusals = new RefusalLog(deps.audit)
    this.#path = new RequestHandler(deps, this.#refusals)
  }

  accept(socket: TLSSocket, info: ConnectionInfo): void {
    socket.on('error', noop)
    if (socket.destroyed) return
    this.#infos.set(socket, info)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!this.#rescue.opened(info)) {
      this.#server.emit('connection', socket)
      return
    }
    socket.once('close', () => this.#rescue.closed())
    this.#rescueServer.emit('connection', socket)
  }

  /** A stream of msh: the same path, only that a certificate and not a cookie says who it is. */
  acceptCertified(stream: Duplex, info: ConnectionInfo): void {
    stream.on('error', noop)
    if (stream.destroyed) return
    this.#infos.set(stream, info)
    this.#sockets.add(stream)
    stream.once('close', () => this.#sockets.delete(stream))
    this.#server.emit('connection', stream)
  }

  stream(request: StreamRequest, info: ConnectionInfo): void {
    const client = new Http2Client(request, this.#deps.deadlines)
    const head = readStreamHead(request.rawHeaders)
    const version = { httpVersionMajor: 2, httpVersionMinor: 0, bodyFollows: !request.ended }
    if (typeof head === 'string') {
      const problem = new Problem(400, 'request_invalid', head)
      this.#path.refuse(client, { rawHeaders: request.rawHeaders, ...version }, info, problem)
    } else this.#path.serve(client, { ...head, ...version }, info)
  }

  request(message: IncomingMessage, response: ServerResponse, info: ConnectionInfo): void {
    response.on('error', noop)
    message.on('error', noop)
    if (!this.#owed.take(message, response)) return
    const client = new Http1Client(message, response, null, this.#isDraining, this.#deps.proxyLimits)
    // HTTP/0.9 and HTTP/2.0 in the words of HTTP/1.1 are no such thing.
    if (message.httpVersionMajor === 1) this.#path.serve(client, message, info)
    else this.#path.refuse(client, message, info, versionUnsupported())
  }

  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void {
    socket.on('error', noop)
    if (this.#owed.isBusy(socket)) return void socket.destroy()
    const response = new ServerResponse(message)
    response.on('error', noop)
    response.shouldKeepAlive = false
    try {
      response.assignSocket(socket as never)
    } catch {
      // Node.js throws when an earlier answer has the connection still: two must not mix.
      return void socket.destroy()
    }
    socket.on('drain', () => response.emit('drain'))
    response.once('finish', () => {
      socket.resume()
      socket.end()
      setTimeout(() => socket.destroy(), limits.closeMs).unref()
    })
    this.#path.serve(
      new Http1Client(message, response, { socket, head }, this.#isDraining, this.#deps.proxyLimits),
      message,
      info,
    )
  }

  breakBody(socket: Duplex, code: string): boolean {
    return this.#path.breakBody(socket, bodyProblem(code))
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true
    const closeIdle = () => {
      this.#server.closeIdleConnections()
      this.#rescueServer.closeIdleConnections()
    }
    closeIdle()
    const tick = setInterval(closeIdle, 100)
    await new Promise<void>((resolve) => {
      const check = setInterval(() => {
        if (this.#path.isBusy() && !signal.aborted) return
        clearInterval(check)
        resolve()
      }, 20)
    })
    clearInterval(tick)
    this.#path.shutDown()
    const end = performance.now() + limits.closeMs
    while (this.#path.isBusy() && performance.now() < end) await new Promise((done) => setTimeout(done, 20))
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close(noop)
    this.#rescueServer.close(noop)
    this.#deps.pool.close()
  }

  /** An HTTP server that never listens. */
  #listenTo(maxHeaderSize: number): Server {
    const server = createServer({
      maxHeaderSize,
      headersTimeout: this.#deps.proxyLimits.headerMs,
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
      insecureHTTPParser: false,
      highWaterMark: 64 * 1024,
    })
    // Counted by us: Node would drop the rest silently.
    server.maxHeadersCount = 0
    const serve = (message: IncomingMessage, response: ServerResponse) => {
      const info = this.#infos.get(message.socket)
      if (info === undefined) message.socket.destroy()
      else this.request(message, response, info)
    }
    server.on('request', serve)
    server.on('checkContinue', serve)
    server.on('checkExpectation', serve)
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      const info = this.#infos.get(socket)
      if (info === undefined) socket.destroy()
      else this.upgrade(message, socket, head, info)
    })
    server.on('connect', (_, socket: Duplex) => this.#refuseConnect(socket))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#broken(error, socket))
    // Never listening, so this is what arms the timeouts.
    server.emit('listening')
    return server
  }

  #refuseConnect(socket: Duplex): void {
    if (this.#owed.isBusy(socket)) return void socket.destroy()
    const info = this.#infos.get(socket)
    if (info !== undefined) this.#refusals.note(info.clientIp, 'method_not_allowed', null)
    refuseBytes(socket, 405)
  }

  #broken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { code = '' } = error
    const isOurs = code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE'
    const late = code === 'ERR_HTTP_REQUEST_TIMEOUT'
    // Who has gone, or ended in the middle of a request that is being served, is told nothing.
    if (!socket.writable || (!isOurs && !late && this.#path.isBusy(socket))) return void socket.destroy()
    const info = this.#infos.get(socket)
    const overflow = code === 'HPE_HEADER_OVERFLOW'
    this.#owed.refuse(
      socket,
      () => {
        if (info !== undefined && code.startsWith('HPE_'))
          this.#refusals.note(info.clientIp, overflow ? 'headers_too_large' : 'request_invalid', null)
        if (!overflow) return refuseBytes(socket, late ? 408 : 400)
        if (info !== undefined) this.#rescue.expect(info)
        respondBytes(socket, tooLargeResponse())
      },
      () => this.breakBody(socket, code),
    )
  }
}

function bodyProblem(code: string): Problem {
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new Problem(
      413,
      'chunk_extensions_too_long',
      'The chunks of the request have too long extensions.',
    )
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem(431, 'trailers_too_large', 'The trailers of the request are too large.')
  return new Problem(400, 'request_invalid', 'The body of the request is not valid HTTP.')
}

function versionUnsupported(): Problem {
  return new Problem(505, 'version_unsupported', 'Only HTTP/1.1 and HTTP/1.0 are understood here.')
}
