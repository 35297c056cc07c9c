import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type AppHostProtocol, type ConnectionInfo, Problem } from '@mezite/core'
import { type Admitted, admit, admitCertified, type Verdict } from './admit.ts'
import { type Answer, problemAnswer, sendAnswer } from './answer.ts'
import { type AppRequest, readRequest } from './app-request.ts'
import type { Client } from './client.ts'
import { CookieRescue, isTooLarge, tooLargeAnswer } from './cookie-rescue.ts'
import { HttpExchange } from './http-exchange.ts'
import { hubRoute, isHubPath } from './hub-routes.ts'
import { limits } from './limits.ts'
import { publicOrigin } from './origin.ts'
import type { Parts } from './parts.ts'
import { RefusalLog } from './refusal-log.ts'
import { answerBytes, refuseBytes } from './refuse-bytes.ts'

const noop = () => {}

/** Takes browser connections to apps' hosts. Owns an HTTP server that never listens. */
export class AppHosts implements AppHostProtocol {
  readonly name = 'http-apps'
  readonly takes = 'app-hosts'
  readonly #parts: Parts
  readonly #server: Server
  /** For browsers that have to get rid of their cookies. */
  readonly #rescueServer: Server
  readonly #rescue: CookieRescue
  readonly #refusals: RefusalLog
  readonly #infos = new WeakMap<Duplex, ConnectionInfo>()
  readonly #exchanges = new Map<Duplex, Set<HttpExchange>>()
  readonly #sockets = new Set<Duplex>()
  #draining = false
  readonly #isDraining = () => this.#draining

  constructor(parts: Parts) {
    this.#parts = parts
    this.#server = this.#listenTo(limits.headerBytes)
    this.#rescueServer = this.#listenTo(limits.rescueHeaderBytes)
    this.#rescue = new CookieRescue(parts.deadlines)
    this.#refusals = new RefusalLog(parts.audit, parts.deadlines)
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

  request(message: IncomingMessage, response: ServerResponse, info: ConnectionInfo): void {
    response.on('error', noop)
    message.on('error', noop)
    this.#serve({ message, response, upgrade: null, draining: this.#isDraining }, info)
  }

  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer, info: ConnectionInfo): void {
    socket.on('error', noop)
    // An earlier request is still being answered: two answers must not mix.
    if ((this.#exchanges.get(socket)?.size ?? 0) > 0) return void socket.destroy()
    const response = new ServerResponse(message)
    response.on('error', noop)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    socket.on('drain', () => response.emit('drain'))
    response.once('finish', () => {
      socket.resume()
      socket.end()
      setTimeout(() => socket.destroy(), limits.closeMs).unref()
    })
    this.#serve({ message, response, upgrade: { socket, head }, draining: this.#isDraining }, info)
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
        if (this.#busy() && !signal.aborted) return
        clearInterval(check)
        resolve()
      }, 20)
    })
    clearInterval(tick)
    for (const set of [...this.#exchanges.values()]) for (const exchange of [...set]) exchange.shutDown()
    const end = performance.now() + limits.closeMs
    while (this.#busy() && performance.now() < end) await new Promise((done) => setTimeout(done, 20))
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close(noop)
    this.#rescueServer.close(noop)
    this.#refusals.close()
    this.#parts.pool.close()
  }

  /** An HTTP server that never listens. */
  #listenTo(maxHeaderSize: number): Server {
    const server = createServer({
      maxHeaderSize,
      headersTimeout: limits.headMs,
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
    server.on('connect', (_, socket: Duplex) => refuseBytes(socket, 405))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#broken(error, socket))
    // Never listening, so this is what arms the timeouts.
    server.emit('listening')
    return server
  }

  #serve(client: Client, info: ConnectionInfo): void {
    const requestId = randomUUID()
    const { message } = client
    try {
      const request = readRequest(message, info, client.upgrade !== null)
      if (request instanceof Problem) {
        this.#refusals.note(info.clientIp, request.code, requestId)
        this.#answer(client, problemAnswer(askerOf(message), request, requestId))
        return
      }
      const misdirected = this.#misdirected(request, info)
      if (misdirected !== null) {
        this.#refusals.note(request.clientIp, misdirected.code, requestId)
        this.#answer(client, problemAnswer(request, misdirected, requestId))
        return
      }
      if (isTooLarge(message)) {
        this.#refusals.note(request.clientIp, 'headers_too_large', requestId)
        this.#answer(
          client,
          this.#rescue.answer(request, publicOrigin(request.host.host, this.#parts.publicNames)),
        )
        return
      }
      if (isHubPath(request.target) && info.certified === undefined) {
        hubRoute(this.#parts, request, requestId).then(
          (answer) => this.#answer(client, answer),
          (error: unknown) => this.#failed(client, requestId, error),
        )
        return
      }
      const verdict =
        info.certified === undefined
          ? admit(this.#parts, request, requestId)
          : admitCertified(this.#parts, request, requestId, info.certified)
      if (!(verdict instanceof Promise)) {
        this.#act(client, verdict)
        return
      }
      verdict
        .then((late) => this.#act(client, late))
        .catch((error: unknown) => this.#failed(client, requestId, error))
    } catch (error) {
      this.#failed(client, requestId, error)
    }
  }

  #act(client: Client, verdict: Verdict): void {
    if (verdict.kind === 'answer') this.#answer(client, verdict)
    else this.#forward(client, verdict)
  }

  #forward(client: Client, admitted: Admitted): void {
    const socket = client.upgrade?.socket ?? client.message.socket
    if (socket.destroyed) return
    const exchanges = this.#exchangesOf(socket)
    if (exchanges.size >= limits.pipelined) {
      const problem = new Problem(429, 'pipeline_too_long', 'Too many requests wait on this connection.')
      this.#answer(client, problemAnswer(admitted.request, problem, admitted.requestId))
      return
    }
    const exchange = new HttpExchange(this.#parts, admitted, client, exchanges)
    exchanges.add(exchange)
    exchange.start()
  }

  #exchangesOf(socket: Duplex): Set<HttpExchange> {
    const known = this.#exchanges.get(socket)
    if (known !== undefined) return known
    const made = new Set<HttpExchange>()
    this.#exchanges.set(socket, made)
    // Answers that wait their turn on a pipelined connection hear of its end only here.
    socket.once('close', () => {
      for (const exchange of [...made]) exchange.clientGone()
      this.#exchanges.delete(socket)
    })
    return made
  }

  #busy(): boolean {
    for (const { size } of this.#exchanges.values()) if (size > 0) return true
    return false
  }

  #misdirected(request: AppRequest, info: ConnectionInfo): Problem | null {
    const { appsDomain, portSuffix, signInOrigin, hubOrigin } = this.#parts.publicNames
    const { host, port } = request.host
    const served = appsDomain !== null && host.endsWith(`.${appsDomain}`)
    const own = `https://${host}${portSuffix}`
    const named = info.trustedProxy || info.serverName === null || info.serverName === host
    const rightPort = port === null || `:${port}` === (portSuffix || ':443')
    if (served && named && rightPort && own !== signInOrigin && own !== hubOrigin) return null
    return new Problem(421, 'misdirected', 'This connection does not serve the host of the request.')
  }

  #answer(client: Client, answer: Answer): void {
    sendAnswer(client.message, client.response, answer)
  }

  #failed(client: Client, requestId: string, error: unknown): void {
    this.#parts.log.error({ error: String(error), request_id: requestId }, 'a request could not be served')
    const problem = new Problem(500, 'internal', 'The gateway made a mistake. It has been logged.')
    this.#answer(client, problemAnswer(askerOf(client.message), problem, requestId))
  }

  #broken(error: NodeJS.ErrnoException, socket: Duplex): void {
    if ((this.#exchanges.get(socket)?.size ?? 0) > 0 || !socket.writable) return void socket.destroy()
    const info = this.#infos.get(socket)
    const overflow = error.code === 'HPE_HEADER_OVERFLOW'
    if (info !== undefined && error.code?.startsWith('HPE_'))
      this.#refusals.note(info.clientIp, overflow ? 'headers_too_large' : 'request_invalid', null)
    if (!overflow) {
      refuseBytes(socket, error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400)
      return
    }
    if (info !== undefined) this.#rescue.expect(info)
    answerBytes(socket, tooLargeAnswer())
  }
}

function askerOf({ headers }: IncomingMessage) {
  return {
    mode: headers['sec-fetch-mode'] as string | undefined,
    site: headers['sec-fetch-site'] as string | undefined,
    dest: headers['sec-fetch-dest'] as string | undefined,
    accept: headers.accept,
  }
}
