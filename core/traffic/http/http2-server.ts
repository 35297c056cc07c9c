import { randomUUID } from 'node:crypto'
import { constants, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Problem } from '../../api/problem.ts'
import type { ConnectionInfo, StreamRequest } from '../../api/protocol.ts'
import { problemFor } from '../../api/reasons.ts'
import { messageOf } from '../../kernel/error.ts'
import { resetOf, tooLargeResponse } from './cookie-reset.ts'
import type { RefusedRoute } from './host-router.ts'
import type { HttpOptions } from './http-options.ts'
import { createBrowserSessions } from './http2-connections.ts'
import { readStreamHead } from './http2-head.ts'
import { clientOf, refusalResponse, sendOnStream } from './refusal.ts'
import { pathOf } from './transport-paths.ts'

/** The largest body without a declared length; the rest is rejected before it is read. */
const BODY_BYTES = 1024 * 1024
/** Destroys a stream with an error, because `close` would first end the response, which would then look complete. */
const CUT = new Error('the stream is cut')
const SECOND_CARRIER = problemFor('not_found', 'This connection has already opened a tunnel.')

/**
 * The HTTP/2 server for browsers, which routes each request by its host. Apps get raw streams; only the hub's own host
 * uses the compatibility API of Node.js.
 */
export function createHttp2Server(options: HttpOptions) {
  const { router, paths, pages, web, app, limits, refused, log } = options
  const open = new Set<StreamRequest['stream']>()
  let idle: (() => void) | undefined
  const sessions = createBrowserSessions(options)
  const settings = Object.assign({}, ...[...paths.values()].map((path) => path.settings))

  function serve(request: StreamRequest, info: ConnectionInfo, opener: { used: boolean }): void {
    const { stream, rawHeaders, headers, ended } = request
    const record = router.recordFor(info.serverName)
    if (headers[':method'] === 'CONNECT') {
      if (openCarrier(request, info, opener)) return
      const status = headers[':protocol'] === undefined ? 405 : 501
      const problem = new Problem(status, 'method_not_allowed', 'This method is not supported.')
      return void refuse(request, { kind: 'refused', problem, record }, info)
    }
    const head = readStreamHead(rawHeaders)
    if (typeof head === 'string') {
      const problem = problemFor('request_invalid', head)
      return void refuse(request, { kind: 'refused', problem, record }, info)
    }
    const route = router.route(head, info, !ended)
    const reset = resetOf(route, head, info, pages, router)
    if (reset !== undefined) return void sendOnStream(request, reset)
    if (route.kind === 'app') return void app?.stream(route, request)
    if (route.kind === 'refused') return void refuse(request, route, info)
    limitBody(request)
    track(stream)
    const message = new Http2ServerRequest(stream, headers, {}, rawHeaders as string[])
    const response = new Http2ServerResponse(stream)
    // Node.js leaves `destroyed` undefined: whoever does not see that the stream is gone waits for its `close` for ever. Its
    // `destroy` ends the stream first: a response that breaks off, such as an export, would look complete.
    Object.defineProperties(response, {
      destroyed: { get: () => stream.destroyed },
      destroy: { value: () => stream.destroy(CUT) },
    })
    if (route.expectsContinue) response.writeContinue()
    // Fastify accepts both forms, and the hub's own host uses only their common members.
    web(message as never, response as never, { info, origin: route.origin })
  }

  /** Passes an extended CONNECT (RFC 8441) to the transport that accepts it at this path; false if nobody has responded. */
  function openCarrier(request: StreamRequest, info: ConnectionInfo, opener: { used: boolean }): boolean {
    if (request.headers[':protocol'] === undefined) return false
    const head = readStreamHead(request.rawHeaders)
    const route = typeof head === 'string' ? undefined : router.route(head, info, !request.ended)
    const connect = route?.kind === 'web' ? paths.get(pathOf(route.target))?.connect : undefined
    const refuseIt = (problem: Problem) => refuse(request, { kind: 'refused', problem, record: null }, info)
    // The WebSocket of an app, here because one certificate has both names: after this code alone it comes over HTTP/1.1.
    if (route?.kind === 'refused' && route.record === null)
      request.stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
    else if (route?.kind !== 'web' || connect === undefined) return false
    else if (opener.used) refuseIt(SECOND_CARRIER)
    else {
      opener.used = true
      connect(request, { route, info, refuse: refuseIt })
    }
    return true
  }

  function refuse(request: StreamRequest, { problem, record }: RefusedRoute, info: ConnectionInfo): void {
    const requestId = randomUUID()
    const head = { rawHeaders: request.rawHeaders, httpVersionMajor: 2, httpVersionMinor: 0 }
    refused({ clientIp: clientOf(head, info), problem, requestId, record })
    sendOnStream(
      request,
      problem.status === 431 ? tooLargeResponse(pages) : refusalResponse(head, problem, requestId, options),
    )
  }

  /** Limits how long the body of a request to the hub's own host may take, even after the response. */
  function limitBody({ stream, headers, ended, took }: StreamRequest): void {
    if (ended) return
    // Fastify reads the body, so its bytes are granted in advance.
    took(Math.min(Number(headers['content-length'] ?? BODY_BYTES), BODY_BYTES))
    const late = setTimeout(() => stream.destroy(CUT), limits.requestMs)
    for (const over of ['end', 'close']) stream.once(over, () => clearTimeout(late))
  }

  function track(stream: StreamRequest['stream']): void {
    open.add(stream)
    stream.once('close', () => {
      open.delete(stream)
      if (open.size === 0) idle?.()
    })
  }

  return {
    accept(socket: TLSSocket, info: ConnectionInfo): void {
      /** Each connection may ask for a carrier once. */
      const opener = { used: false }
      const take = (request: StreamRequest): void => {
        try {
          serve(request, info, opener)
        } catch (error) {
          log.error({ error: messageOf(error) }, 'failed to serve an HTTP/2 request')
          request.stream.destroy(CUT)
        }
      }
      // On apps' hosts browsers must use HTTP/1.1 for WebSockets.
      sessions.open(socket, info, take, router.isHub(info.serverName) ? settings : null)
    },
    /** Asks clients to stop opening streams, but still serves new ones. */
    announceShutdown: sessions.announceShutdown,
    /** Rejects new streams, waits for those of the hub's own host, and cuts them when the signal aborts. */
    async drain(signal: AbortSignal): Promise<void> {
      sessions.drain()
      if (open.size > 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          idle = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      for (const stream of open) stream.destroy(CUT)
    },
    close: sessions.close,
  }
}
