import { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Problem } from '../../api/problem.ts'
import type { AppHostProtocol, ConnectionInfo, StreamRequest } from '../../api/protocol.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { readStreamHead } from '../../wire/http2-head.ts'
import { readFraming } from '../../wire/request-framing.ts'
import { type HostRoute, routeHost } from './host-router.ts'
import { tooLarge, type WebLimits } from './http1-server.ts'
import { pathOf, type TransportPaths } from './transport-paths.ts'

export interface WebStreamsOptions {
  readonly publicNames: PublicNames
  /** Takes requests to app hosts that came over a connection whose side the handshake did not tell. */
  readonly appHosts?: Pick<AppHostProtocol, 'stream'>
  /** Paths of the hub's own host that belong to transports. */
  readonly paths?: TransportPaths
  readonly limits: WebLimits
}

/** Serves a request and an answer in Node.js's compatibility form, with what was made of its host. */
export type ServeStream = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  arrival: { readonly info: ConnectionInfo; readonly verdict: HostRoute },
) => void

/** Requests to the hub's own host over HTTP/2. */
export interface WebStreams {
  stream(request: StreamRequest, info: ConnectionInfo): void
  /** Waits for what is under way, and resets the rest when the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
}

/** A body without a length is no larger than this: more is refused before it is read. */
const BODY_BYTES = 1024 * 1024
/** Not `close`, which ends an answer first: with END_STREAM it would look whole. */
const CUT = new Error('the stream is cut')

export function createWebStreams(serve: ServeStream, options: WebStreamsOptions): WebStreams {
  const { publicNames, appHosts, paths, limits } = options
  const open = new Set<StreamRequest['stream']>()
  let idle: (() => void) | undefined

  function stream(asked: StreamRequest, info: ConnectionInfo): void {
    const { stream, rawHeaders, headers } = asked
    if (headers[':method'] === 'CONNECT') {
      const connect = transportAt(asked, info)
      if (connect) connect(asked, info)
      else stream.respond({ ':status': 501 }, { endStream: true })
      return
    }
    const verdict = judge(asked, info)
    if (verdict.kind === 'app' && appHosts?.stream) {
      appHosts.stream(asked, info)
      return
    }
    // Fastify reads the body: what may come is granted beforehand.
    const length = Number(headers['content-length'] ?? BODY_BYTES)
    if (!asked.ended) asked.took(Math.min(length, BODY_BYTES))
    const deadline = setTimeout(() => stream.destroy(CUT), limits.requestMs)
    if (asked.ended) clearTimeout(deadline)
    stream.once('end', () => clearTimeout(deadline))
    open.add(stream)
    stream.once('close', () => {
      clearTimeout(deadline)
      open.delete(stream)
      if (open.size === 0) idle?.()
    })
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders)
    const response = new Http2ServerResponse(stream)
    if (headers.expect !== undefined && verdict.kind === 'web') response.writeContinue()
    serve(request, response, { info, verdict })
  }

  /** The transport that takes an extended CONNECT (RFC 8441) to the hub's own host. */
  function transportAt(asked: StreamRequest, info: ConnectionInfo) {
    const { rawHeaders, headers } = asked
    if (!headers[':protocol']) return undefined
    // Its host is checked as that of any other request.
    const method = rawHeaders.indexOf(':method') + 1
    const { kind } = judge({ ...asked, rawHeaders: rawHeaders.with(method, 'GET') }, info)
    return kind === 'web' ? paths?.get(pathOf(headers[':path'] ?? ''))?.connect : undefined
  }

  function judge({ rawHeaders, headers }: StreamRequest, info: ConnectionInfo): HostRoute {
    const head = readStreamHead(rawHeaders)
    if (typeof head === 'string') return refused(400, 'request_invalid', head)
    const framing = readFraming({
      http10: false,
      length: headers['content-length'],
      encoding: undefined,
      expect: headers.expect,
    })
    if ('status' in framing) return refused(framing.status, framing.code, framing.detail)
    return tooLarge(head, limits) ?? routeHost(head, info, publicNames)
  }

  return {
    stream,
    async drain(signal) {
      if (open.size > 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          idle = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      for (const one of open) one.destroy(CUT)
    },
  }
}

function refused(status: number, code: string, detail: string): HostRoute {
  return { kind: 'refused', problem: new Problem(status, code, detail) }
}
