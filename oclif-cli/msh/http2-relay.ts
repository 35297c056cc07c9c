import { Agent, type AgentOptions, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { grpcErrorLines, isGrpcCall, PipeDuplex, resetStream } from '@mezite/core/protocol'
import { crossOriginProblem } from './browser-guard.ts'
import { isPasskeyRefusal } from './confirmation.ts'
import { type OriginNames, towardsApp, towardsClient } from './header-mapping.ts'
import type { LocalOrigin } from './http-listener.ts'
import type { HubConnection } from './hub-connection.ts'
import { interimFields, relayInterim } from './interim-responses.ts'
import { describeFailure, failureStatus } from './refusal.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = constants
const noop = () => {}

/**
 * The local origin of an HTTP app for clients that speak HTTP/2 without TLS, as gRPC does. Each stream becomes one request
 * of HTTP/1.1 to the hub, streaming in both directions and with trailers. It receives connections and never listens.
 */
export function relayHttp2(origin: LocalOrigin, agent: AppAgent): Http2Server {
  const server = createServer({ settings: { enablePush: false, initialWindowSize: 1 << 20 } })
  server.on('sessionError', noop)
  server.on('session', (session) => session.on('error', noop))
  server.on('stream', (stream, headers, _flags, rawHeaders: readonly string[]) => {
    stream.on('error', noop)
    const method = String(headers[':method'])
    const path = String(headers[':path'] ?? '')
    const localHost = String(headers[':authority'] ?? headers.host ?? '')
    const lines = ['host', localHost, ...fieldsOf(rawHeaders)]
    const { localPort = 0 } = stream.session?.socket ?? {}
    const problem = path.startsWith('/')
      ? crossOriginProblem(lines, localPort, origin.hosts?.(localPort), origin.via)
      : 'This port is not a proxy.'
    if (problem !== null) return reject(stream, 403, problem, isGrpcCall(lines))
    const names: OriginNames = { publicHost: origin.publicHost, localHost, https: origin.via === 'https' }
    const mapped = towardsApp(lines, names)
    const hasBody = !stream.endAfterHeaders
    if (headers['content-length'] === undefined && hasBody) mapped.push('Transfer-Encoding', 'chunked')
    const upstream = request({ agent, method, path, headers: mapped })
    const sentAt = performance.now()
    // The client sends its call again: its messages are gone.
    upstream.once('response', (response) => {
      if (isPasskeyRefusal(response)) void origin.confirm(sentAt)
    })
    relay(stream, upstream, names, origin.app, { method, lines, hasBody })
  })
  return server
}

function relay(
  stream: ServerHttp2Stream,
  upstream: ClientRequest,
  names: OriginNames,
  app: string,
  {
    method,
    lines,
    hasBody,
  }: { readonly method: string; readonly lines: readonly string[]; readonly hasBody: boolean },
): void {
  let responded = false
  stream.once('close', () => upstream.destroy())
  upstream.on('error', (error) => {
    // Once the response is complete, it does not matter that the hub stops reading the request.
    if (responded) return
    if (stream.headersSent) resetStream(stream, NGHTTP2_INTERNAL_ERROR)
    else reject(stream, failureStatus(error), describeFailure(error, app), isGrpcCall(lines))
  })
  relayInterim(upstream, names, (status, lines) => stream.additionalHeaders(interimFields(status, lines)))
  upstream.once('response', (response) => {
    response.once('end', () => {
      responded = response.complete
    })
    respond(stream, response, names, method)
  })
  if (!hasBody) return void upstream.end()
  // A client may wait for the head of the response before it sends anything.
  upstream.flushHeaders()
  let trailers: readonly string[] = []
  stream.on('trailers', (_headers, _flags, rawHeaders: readonly string[]) => {
    trailers = rawHeaders
  })
  stream.pipe(upstream, { end: false })
  stream.once('end', () => {
    // A reset ends the readable side as well.
    if (stream.aborted || stream.rstCode !== NGHTTP2_NO_ERROR) return
    const pairs = trailers.flatMap((name, at): [string, string][] =>
      at % 2 === 0 && !name.startsWith(':') ? [[name, trailers[at + 1] as string]] : [],
    )
    if (pairs.length > 0) upstream.addTrailers(pairs)
    upstream.end()
  })
}

function respond(
  stream: ServerHttp2Stream,
  response: IncomingMessage,
  names: OriginNames,
  method: string,
): void {
  const { statusCode = 502, headers, rawHeaders } = response
  const cut = (): void => resetStream(stream, NGHTTP2_INTERNAL_ERROR)
  response.on('error', cut)
  response.once('aborted', cut)
  const endStream =
    method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0'
  const lines = towardsClient(rawHeaders, names).map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))
  try {
    stream.respond([':status', String(statusCode), ...lines] as never, {
      endStream,
      waitForTrailers: !endStream,
    })
  } catch {
    response.destroy()
    cut()
    return
  }
  // The app may respond in full before it has read the request.
  const stopReading = (): void => {
    if (!stream.readableEnded) stream.close(NGHTTP2_NO_ERROR)
  }
  if (endStream) {
    response.resume()
    stopReading()
    return
  }
  stream.once('wantTrailers', () => {
    stream.sendTrailers(response.trailers)
    // Not now: nghttp2 drops trailers that it has not sent when the stream is reset.
    setImmediate(stopReading)
  })
  response.pipe(stream)
}

/** Fields without pseudo-headers and `host`, cookies joined into one. */
function fieldsOf(rawHeaders: readonly string[]): string[] {
  const fields: string[] = []
  const cookies: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string]
    if (name === 'cookie') cookies.push(value)
    else if (!name.startsWith(':') && name !== 'host') fields.push(name, value)
  }
  return cookies.length > 0 ? [...fields, 'cookie', cookies.join('; ')] : fields
}

function reject(stream: ServerHttp2Stream, status: number, text: string, isGrpc: boolean): void {
  if (stream.destroyed || stream.closed) return
  if (isGrpc) {
    const lines = grpcErrorLines(status, text).map((part, at) => (at % 2 === 0 ? part.toLowerCase() : part))
    stream.respond([':status', '200', ...lines] as never, { endStream: true })
    return
  }
  const headers = {
    ':status': status,
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
  stream.respond(headers)
  stream.end(`${text}\n`)
}

/** An agent of node:http whose connections go to one HTTP app through the hub. A failed `open` fails the request. */
export class AppAgent extends Agent {
  readonly #app: string
  readonly #hub: Pick<HubConnection, 'open'>

  constructor(app: string, hub: Pick<HubConnection, 'open'>, options: AgentOptions) {
    super(options)
    this.#app = app
    this.#hub = hub
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#hub.open(this.#app, 'http').then(
      ({ pipe }) => callback?.(null, new PipeDuplex(pipe)),
      (error: Error) => callback?.(error, undefined as never),
    )
  }
}
