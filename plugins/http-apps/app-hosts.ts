import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Problem } from '@mezite/core'
import type { AppHostProtocol, RoutedRequest } from '@mezite/core/protocol'
import { Http1Client } from './client/http1-client.ts'
import { Http2Client, type StreamRequest } from './client/http2-client.ts'
import { LaneClient, type LaneResponse } from './client/lane-client.ts'
import type { Deps } from './deps.ts'
import { limits } from './limits.ts'
import { problemFor } from './reasons.ts'
import { RefusalLog } from './request/refusal-log.ts'
import { RequestHandler } from './request-handler.ts'

const POLL_MS = 20
const noop = () => {}

/** Serves the requests of browsers to apps' hosts; the hub owns their connections. */
export class AppHosts implements AppHostProtocol {
  readonly name = 'http-apps'
  readonly takes = 'app-hosts'
  readonly #deps: Deps
  readonly #handler: RequestHandler

  constructor(deps: Deps) {
    this.#deps = deps
    this.#handler = new RequestHandler(deps, new RefusalLog(deps.audit))
  }

  request(routed: RoutedRequest, message: IncomingMessage, response: ServerResponse): void {
    this.#handler.serve(new Http1Client(message, response, null, this.#deps.proxyLimits), routed)
  }

  bodyless(routed: RoutedRequest, response: LaneResponse): void {
    this.#handler.serve(new LaneClient(response, routed.head), routed)
  }

  upgrade(routed: RoutedRequest, message: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', noop)
    const response = new ServerResponse(message)
    response.on('error', noop)
    response.shouldKeepAlive = false
    try {
      response.assignSocket(socket as never)
    } catch {
      // Node.js throws while an earlier response still uses the connection: the two must not mix.
      return void socket.destroy()
    }
    socket.on('drain', () => response.emit('drain'))
    response.once('finish', () => {
      socket.resume()
      socket.end()
      setTimeout(() => socket.destroy(), limits.closeMs).unref()
    })
    const client = new Http1Client(message, response, { socket, head }, this.#deps.proxyLimits)
    this.#handler.serve(client, routed)
  }

  stream(routed: RoutedRequest, request: StreamRequest): void {
    this.#handler.serve(new Http2Client(request, this.#deps.deadlines), routed)
  }

  breakBody(socket: Duplex, code: string): boolean {
    return this.#handler.breakBody(socket, bodyProblem(code))
  }

  async drain(signal: AbortSignal): Promise<void> {
    while (this.#handler.isBusy() && !signal.aborted) await new Promise((done) => setTimeout(done, POLL_MS))
    this.#handler.shutDown()
    const end = performance.now() + limits.closeMs
    while (this.#handler.isBusy() && performance.now() < end)
      await new Promise((done) => setTimeout(done, POLL_MS))
    this.#deps.pool.close()
  }
}

function bodyProblem(code: string): Problem {
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return problemFor('chunk_extensions_too_long')
  if (code === 'HPE_HEADER_OVERFLOW') return problemFor('trailers_too_large')
  return problemFor('request_invalid', 'The body of the request is not valid HTTP.')
}
