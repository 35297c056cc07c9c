import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Problem } from '../../api/problem.ts'
import { tooLargeResponse } from './cookie-reset.ts'
import type { RefusedRoute } from './host-router.ts'
import type { HttpOptions } from './http-options.ts'
import { discardRest, type Http1Connection } from './http1-connection.ts'
import {
  HELD_MS,
  type HubResponse,
  problemDocument,
  REFUSED_BODY_MS,
  refuseBytes,
  sendBytes,
} from './refusal.ts'

export type Http1Refusals = ReturnType<typeof createHttp1Refusals>

/** Refuses requests over HTTP/1.1, and connections that have none. */
export function createHttp1Refusals({ router, pages, limits, refused }: HttpOptions) {
  /** Reports a refusal and returns the id of its request. */
  function note({ problem, record }: Pick<RefusedRoute, 'problem' | 'record'>, clientIp: string): string {
    const requestId = randomUUID()
    refused({ clientIp, problem, requestId, record })
    return requestId
  }
  return {
    note,
    /** Sends a response that ends the connection. A reset could discard it at a client that is still sending. */
    send(request: IncomingMessage, response: ServerResponse, { status, lines, body }: HubResponse): void {
      const late = setTimeout(() => request.socket.destroy(), limits.requestMs)
      late.unref()
      response.once('close', () => clearTimeout(late))
      response.shouldKeepAlive = false
      const length = String(Buffer.byteLength(body))
      response.writeHead(status, STATUS_CODES[status], [...lines, 'Content-Length', length])
      const shown = request.method === 'HEAD' ? undefined : body
      if (request.complete) return void response.end(shown)
      if (shown === undefined) response.flushHeaders()
      else response.write(shown)
      discardRest(request, REFUSED_BODY_MS, () => response.end())
    },
    /** Refuses a request of a client that sends more than it may. Nothing behind it is read, and the connection ends a while later. */
    hold(connection: Http1Connection, response: ServerResponse, problem: Problem): void {
      const requestId = note({ problem, record: 'request.failed' }, connection.info.clientIp)
      connection.hold()
      const { status, lines, body } = problemDocument(problem, requestId)
      response.writeHead(status, STATUS_CODES[status], [...lines, 'Content-Length', String(body.length)])
      response.write(body)
      const over = setTimeout(() => response.end(), HELD_MS)
      response.once('close', () => clearTimeout(over))
    },
    /** Sends a refusal on a connection without a request. */
    refuseBare({ socket, info }: Http1Connection, problem: Problem): void {
      const requestId = note({ problem, record: router.recordFor(info.serverName) }, info.clientIp)
      if (problem.status === 431) sendBytes(socket, tooLargeResponse(pages))
      else refuseBytes(socket, problem, requestId)
    },
  }
}
