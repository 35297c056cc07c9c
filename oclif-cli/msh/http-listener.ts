import {
  type ClientRequest,
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { resetSocket } from '@mezite/core/protocol'
import { isPasskeyRefusal } from './confirmation.ts'
import { type OriginNames, towardsApp, towardsClient } from './header-mapping.ts'
import { AppAgent, relayHttp2 } from './http2-relay.ts'
import type { HubConnection } from './hub-connection.ts'
import { relayInterim } from './interim-responses.ts'
import { hasBody, keepBody } from './kept-body.ts'
import { describeFailure, failureStatus } from './refusal.ts'
import { isWebSocket, rejectionOf, toOriginForm } from './request-rejection.ts'

/** How long a client may take to send the head of a request. */
const HEAD_MS = 60_000
const IDLE_MS = 65_000

/** An HTTP app and the hub connection through which its local origin reaches it. */
export interface LocalOrigin {
  readonly app: string
  readonly publicHost: string
  readonly hub: Pick<HubConnection, 'open'>
  /** The only values of `Host` that are served at a port; default: 127.0.0.1 and localhost with the port. */
  readonly hosts?: ((port: number) => readonly string[]) | undefined
  /** Clients are programs that use this port as a proxy: `http`, requests may name the whole URL; `https`, within a tunnel. */
  readonly via?: 'http' | 'https'
  /** Whether a connection may use the port; default: each may. */
  readonly admits?: (socket: Socket) => Promise<boolean>
  /**
   * Asks the person for the passkey that a request needs, which was sent at this time of `performance.now()`, in ms; resolves to
   * whether they confirmed since.
   */
  readonly confirm: (sentAt: number) => Promise<boolean>
}

/**
 * The local origin of an HTTP app, not yet listening. Its clients act as the user, so it rejects pages of other origins.
 * Requests reach the app under its public name, and responses return under the local one.
 */
export function serveHttp(origin: LocalOrigin): Server {
  const agent = new AppAgent(origin.app, origin.hub, { keepAlive: true, maxFreeSockets: 64 })
  const http1 = serveHttp1(origin, agent)
  const http2 = relayHttp2(origin, agent)
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, async (socket) => {
    socket.on('error', () => socket.destroy())
    if (origin.admits && !(await origin.admits(socket))) return resetSocket(socket)
    sniffVersion(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
  })
  server.on('close', () => agent.destroy())
  return server
}

/**
 * First bytes of a client with prior knowledge of HTTP/2 (RFC 9113 section 3.4); HTTP/1.1 has no method of this name.
 */
const PREFACE = 'PRI '

/** Calls `done` once the first bytes of a connection show the version of HTTP; they stay unread. */
function sniffVersion(socket: Socket, done: (isHttp2: boolean) => void): void {
  const drop = (): void => void socket.destroy()
  socket.on('error', drop)
  const deadline = setTimeout(drop, HEAD_MS)
  socket.once('close', () => clearTimeout(deadline))
  let held = Buffer.alloc(0)
  const onreadable = (): void => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    held = Buffer.concat([held, chunk])
    const start = held.toString('latin1', 0, PREFACE.length)
    if (start.length < PREFACE.length && PREFACE.startsWith(start)) return
    clearTimeout(deadline)
    socket.removeListener('readable', onreadable)
    socket.unshift(held)
    done(start === PREFACE)
  }
  socket.on('readable', onreadable)
  socket.once('end', () => {
    if (held.length < PREFACE.length) drop()
  })
}

function serveHttp1(origin: LocalOrigin, agent: AppAgent): HttpServer {
  const server = createServer({
    keepAliveTimeout: IDLE_MS,
    headersTimeout: HEAD_MS,
    // Uploads may take any time.
    requestTimeout: 0,
    noDelay: true,
    maxHeaderSize: 64 * 1024,
    // Node.js before 24.9 ignores this option and emits every upgrade.
    shouldUpgradeCallback: isWebSocket,
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  // It never listens itself, so this arms its timeouts.
  server.emit('listening')
  server.on('request', (incoming, outgoing) => {
    outgoing.on('error', () => outgoing.destroy())
    incoming.on('error', () => {})
    if (origin.via === 'http' && toOriginForm(incoming)) {
      // The next request of such a client may be for another app.
      outgoing.shouldKeepAlive = false
    }
    const rejection = rejectionOf(incoming, origin)
    if (rejection !== null) return sendRejection(outgoing, rejection.status, rejection.text)
    const names = namesOf(incoming, origin)
    let upstream: ClientRequest | null = null
    outgoing.once('close', () => upstream?.destroy())
    const kept = keepBody(incoming)

    const send = (retry: boolean, again: Buffer | null = null): void => {
      const sent = forward(incoming, names, agent)
      const sentAt = performance.now()
      upstream = sent
      if (incoming.httpVersion !== '1.0')
        relayInterim(sent, names, (status, lines) => outgoing.writeInformation(status, [...lines]))
      let responded = false
      let asking = false
      sent.once('response', async (response) => {
        responded = true
        if (again !== null || !isPasskeyRefusal(response)) return relayResponse(response, outgoing, names)
        const confirmed = origin.confirm(sentAt)
        if (kept === null) return relayResponse(response, outgoing, names)
        response.on('error', () => {})
        asking = true
        if (!(await confirmed)) {
          if (!response.destroyed) return relayResponse(response, outgoing, names)
          return sendRejection(outgoing, 403, `${origin.app} needs your passkey (confirmation_required).`)
        }
        response.resume()
        const body = await kept()
        if (!outgoing.destroyed) send(false, body)
      })
      sent.on('error', (error) => {
        if (asking) return
        if (outgoing.destroyed || responded) return void outgoing.destroy()
        // The hub may have just closed an idle connection; the app has not received the request.
        if (retry && sent.reusedSocket && isRepeatable(incoming)) return send(false)
        sendRejection(outgoing, failureStatus(error), describeFailure(error, origin.app))
      })
      if (again !== null) return void sent.end(again)
      if (!hasBody(incoming)) return void sent.end()
      // The end of the refused request must not end the client's, whose body is sent again.
      if (kept !== null) return void incoming.pipe(sent)
      pipeline(incoming, sent, (error) => {
        if (error && incoming.errored) sent.destroy()
      })
    }
    send(true)
  })
  serveUpgrades(server, origin)
  return server
}

function isRepeatable(incoming: IncomingMessage): boolean {
  return /^(GET|HEAD|OPTIONS)$/.test(incoming.method ?? '') && !hasBody(incoming)
}

function namesOf(incoming: IncomingMessage, { publicHost, via }: LocalOrigin): OriginNames {
  return { publicHost, localHost: incoming.headers.host ?? '', https: via === 'https' }
}

const BODYLESS = /^(GET|HEAD|OPTIONS|TRACE|DELETE)$/

/** Starts the request to the app; the caller sends the body. */
function forward(
  incoming: IncomingMessage,
  names: OriginNames,
  agent: AppAgent,
  more: readonly string[] = [],
): ClientRequest {
  const headers = [...towardsApp(incoming.rawHeaders, names), ...more]
  if (incoming.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked')
  else if (incoming.headers['content-length'] === undefined && !BODYLESS.test(incoming.method ?? '')) {
    headers.push('Content-Length', '0')
  }
  return request({ agent, method: incoming.method, path: incoming.url, headers })
}

/** Relays a response as it arrives. A response that breaks off breaks the client's connection too. */
function relayResponse(response: IncomingMessage, outgoing: ServerResponse, names: OriginNames): void {
  const cut = (): void => {
    if (!outgoing.writableFinished && outgoing.socket) resetSocket(outgoing.socket)
  }
  outgoing.sendDate = false
  try {
    const headers = towardsClient(response.rawHeaders, names)
    outgoing.writeHead(response.statusCode ?? 502, response.statusMessage ?? '', headers)
    outgoing.flushHeaders()
  } catch {
    // Node.js refuses to send one of the headers.
    response.destroy()
    cut()
    return
  }
  response.on('error', cut)
  response.once('aborted', cut)
  response.once('end', () => {
    const { rawTrailers } = response
    if (!response.complete || rawTrailers.length === 0) return
    const pairs = rawTrailers.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name, rawTrailers[at + 1]!]] : [],
    )
    outgoing.addTrailers(pairs)
  })
  response.pipe(outgoing)
}

const REJECTION_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  connection: 'close',
} as const

function sendRejection(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, REJECTION_HEADERS)
  outgoing.end(`${text}\n`)
}

/** Gives each WebSocket its own connection, which relays bytes both ways once the app has accepted it. */
function serveUpgrades(server: HttpServer, origin: LocalOrigin): void {
  const agent = new AppAgent(origin.app, origin.hub, { keepAlive: false })
  server.on('close', () => agent.destroy())
  server.on('upgrade', (incoming: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket
    socket.on('error', () => socket.destroy())
    const reject = (status: number, text: string): void => {
      const body = `${text}\n`
      const headers = { ...REJECTION_HEADERS, 'content-length': String(Buffer.byteLength(body)) }
      socket.end(headOf(status, STATUS_CODES[status], Object.entries(headers).flat()) + body)
    }
    if (origin.via === 'http') toOriginForm(incoming)
    const rejection = rejectionOf(incoming, origin)
    if (rejection !== null) return reject(rejection.status, rejection.text)
    const names = namesOf(incoming, origin)
    const upgrade = ['Connection', 'Upgrade', 'Upgrade', incoming.headers.upgrade ?? '']
    const upstream = forward(incoming, names, agent, upgrade)
    const sentAt = performance.now()
    const drop = () => upstream.destroy()
    socket.once('close', drop)
    upstream.on('error', (error) => {
      if (socket.destroyed || socket.bytesWritten > 0) return void socket.destroy()
      reject(failureStatus(error), describeFailure(error, origin.app))
    })
    upstream.once('upgrade', ({ statusMessage, headers, rawHeaders }, app, rest) => {
      socket.removeListener('close', drop)
      const accepted = ['Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? '']
      socket.write(headOf(101, statusMessage, [...towardsClient(rawHeaders, names), ...accepted]), 'latin1')
      socket.write(rest)
      if (head.length > 0) app.write(head)
      socket.setTimeout(0)
      joinSockets(socket, app)
    })
    upstream.once('response', (response) => {
      if (isPasskeyRefusal(response)) void origin.confirm(sentAt)
      const { statusCode = 502, statusMessage, rawHeaders } = response
      // The app declined. A second request on this connection would bypass the checks above.
      const headers = [...towardsClient(rawHeaders, names), 'Connection', 'close']
      socket.write(headOf(statusCode, statusMessage, headers), 'latin1')
      pipeline(response, socket, () => socket.destroy())
    })
    upstream.end()
  })
}

function joinSockets(socket: Socket, app: Duplex): void {
  const over = (error?: Error | null): void => {
    if (!error) return
    app.destroy()
    resetSocket(socket)
  }
  pipeline(socket, app, over)
  pipeline(app, socket, over)
}

function headOf(status: number, message = 'Refused', headers: readonly string[]): string {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}`] : []))
  return [`HTTP/1.1 ${status} ${message}`, ...lines, '', ''].join('\r\n')
}
