import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { ownLines, pageElsewhere } from '../../api/page-lines.ts'
import { html, type Pages } from '../../api/pages.ts'
import type { Problem } from '../../api/problem.ts'
import type { ConnectionInfo, RequestHead, StreamRequest } from '../../api/protocol.ts'
import { grpcErrorLines, isGrpcCall } from '../../wire/grpc-status.ts'
import type { RefusalRecord } from './host-router.ts'
import type { HttpOptions } from './http-options.ts'
import { silence } from './http1-connection.ts'

/** A complete response of the hub itself. */
export interface HubResponse {
  readonly kind: 'response'
  readonly status: number
  /** Alternating names and values, without the length. */
  readonly lines: readonly string[]
  readonly body: string | Buffer
}

/** A rejected request, for the metrics and the audit trail. */
export interface Refusal {
  readonly clientIp: string
  /** Status and reason code. */
  readonly problem: Problem
  readonly requestId: string
  readonly record: RefusalRecord
}

/** How long a client may take to finish a body after its request was rejected, in milliseconds. */
export const REFUSED_BODY_MS = 500
/** How long a client that has sent a flood may take to read the refusal. */
export const HELD_MS = 3_000
/** How long a client may take to close the connection after that. */
const CLOSE_MS = 5_000

/** The headers that distinguish a navigation from a request of a script: Fetch Metadata, or `Accept` without it. */
export interface Requester {
  readonly mode: string | undefined
  readonly site: string | undefined
  readonly dest: string | undefined
  readonly accept: string | undefined
  /** The request asks for a WebSocket. */
  readonly upgrade?: boolean
  /** Alternating names and values, in which pages find the person's language. */
  readonly lines?: readonly string[]
}

/** True if a person sees the response. */
export function isNavigation({ mode, site, dest, accept, upgrade }: Requester): boolean {
  if (upgrade === true) return false
  if (mode !== undefined) return mode === 'navigate'
  if (site !== undefined || dest !== undefined) return false
  return accept?.toLowerCase().includes('text/html') ?? false
}

export function requesterOf({ rawHeaders }: Pick<RequestHead, 'rawHeaders'>): Requester {
  const first = (name: string): string | undefined => valuesOf(rawHeaders, name)[0]
  return {
    mode: first('sec-fetch-mode'),
    site: first('sec-fetch-site'),
    dest: first('sec-fetch-dest'),
    accept: first('accept'),
    lines: rawHeaders,
  }
}

/** The address of the client that a request comes from. */
export function clientOf({ rawHeaders }: Pick<RequestHead, 'rawHeaders'>, info: ConnectionInfo): string {
  if (!info.clientOf || !info.trustedProxy) return info.clientIp
  const lines = valuesOf(rawHeaders, 'x-forwarded-for')
  return info.clientOf(lines.length === 0 ? undefined : lines.join())
}

/** A refusal as a page for people, as problem+json (RFC 9457) for programs, and as a status for gRPC calls. */
export function refusalResponse(
  head: RequestHead,
  problem: Problem,
  requestId: string,
  { pages, refusalPage }: Pick<HttpOptions, 'pages' | 'refusalPage'>,
): HubResponse {
  const { status, code, message } = problem
  if (isGrpcCall(head.rawHeaders)) {
    const lines = grpcErrorLines(status, `${message} (${code}, request ${requestId})`)
    return { kind: 'response', status: 200, lines: [...ownLines, ...lines], body: '' }
  }
  if (!isNavigation(requesterOf(head))) return problemDocument(problem, requestId)
  const language = pages.languageOf(valuesOf(head.rawHeaders, 'accept-language')[0])
  return { kind: 'response', status, ...pageElsewhere(pages, refusalPage(problem, requestId, language)) }
}

/** A refusal for programs. */
export function problemDocument({ status, code, message }: Problem, requestId: string): HubResponse {
  const title = STATUS_CODES[status] ?? 'Refused'
  const body = JSON.stringify({ title, status, code, detail: message, request_id: requestId })
  return { kind: 'response', status, lines: [...ownLines, 'Content-Type', 'application/problem+json'], body }
}

/** Sends a refusal on an HTTP/1.1 connection without a request, and closes it. */
export function refuseBytes(socket: Duplex, problem: Problem, requestId: string): void {
  sendBytes(socket, problemDocument(problem, requestId))
}

/** Sends a response on a raw connection, and closes the connection once the client could read it. */
export function sendBytes(socket: Duplex, { status, lines, body }: HubResponse): void {
  if (socket.writableEnded || !socket.writable) return void socket.destroy()
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
  for (let i = 0; i + 1 < lines.length; i += 2) head += `${lines[i]}: ${lines[i + 1]}\r\n`
  silence(socket)
  socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`)
  socket.end(body)
  setTimeout(() => socket.destroy(), CLOSE_MS).unref()
}

/** Sends the https address to a client that speaks plain HTTP to the TLS port, and closes the connection. */
export function refusePlainHttp(
  socket: Duplex,
  bytes: Buffer,
  originOf: (host: string) => string,
  pages: Pages,
): void {
  const host = /\r?\nhost:[ \t]*([^\r\n]*?)[ \t]*\r?\n/i.exec(bytes.toString('latin1'))?.[1] ?? ''
  const address = `${originOf(host)}/`
  const body = html`<div class="card">
    <h1>Use https</h1>
    <p>This port only accepts HTTPS. The address is:</p>
    <div class="actions"><a class="button" href=${address}>${address}</a></div>
  </div>`
  sendBytes(socket, { kind: 'response', status: 400, ...pageElsewhere(pages, { title: 'Use https', body }) })
}

/** The values of all lines with the name, which is given in lower case. */
export function valuesOf(rawHeaders: readonly string[], wanted: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === wanted) values.push(rawHeaders[i + 1] as string)
  return values
}

/** Sends a response on an HTTP/2 stream, and rejects the rest of the request body (RFC 9113 section 8.1). */
export function sendOnStream(request: StreamRequest, { status, lines, body }: HubResponse): void {
  const { stream, headers, ended, took } = request
  if (stream.destroyed || stream.closed) return
  const headOnly = headers[':method'] === 'HEAD'
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const fields = [':status', status, ...lines, 'content-length', String(bytes.length)]
  try {
    stream.respond(fields as never, { endStream: headOnly || bytes.length === 0 })
  } catch {
    return void stream.close()
  }
  if (!headOnly && bytes.length > 0) stream.end(bytes)
  const late = setTimeout(() => stream.close(), CLOSE_MS)
  late.unref()
  stream.once('close', () => clearTimeout(late))
  if (ended) return
  stream.on('data', (chunk: Buffer) => took(chunk.length))
  if (stream.writableFinished) stream.close()
  else stream.once('finish', () => stream.close())
}
