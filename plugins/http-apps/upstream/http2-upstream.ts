import { STATUS_CODES } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
} from 'node:http2'
import { type App, messageOf } from '@mezite/core'
import { type Pipe, PipeDuplex } from '@mezite/core/protocol'
import { limits } from '../limits.ts'
import { fieldsOf } from '../request/header-names.ts'
import type { RequestHead } from './upstream.ts'
import { isSecure, type Upstream, type UpstreamUser } from './upstream.ts'
import { connectionGone, type UpstreamFailure } from './upstream-failure.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } = constants
const NO_HTTP2 = 'the app does not speak HTTP/2; set http.version of the app to 1.1'

/**
 * An HTTP/2 connection to an app over a pipe. It carries one request at a time, like an HTTP/1.1 connection, so that the
 * requests of a session spread over agents, each can be cut alone, and people never share a connection.
 */
export class Http2Upstream implements Upstream {
  readonly app: App
  readonly sessionKey: string
  readonly pipe: Pipe
  readonly version = '2'
  readonly #duplex: PipeDuplex
  readonly #session: ClientHttp2Session
  #stream: ClientHttp2Stream | null = null
  #user: UpstreamUser | null = null
  #headOnly = false
  #informational = 0
  #trailersIn: readonly string[] = []
  #trailersOut: readonly string[] = []
  #lost: UpstreamFailure | null = null
  /** The app has sent its settings: it speaks HTTP/2. */
  #settled = false
  /** Both sides of the last request are complete. */
  #sent = false
  #ended = false
  gone = false
  responding = false
  reused = false
  idleSince = 0
  ongone: (upstream: Upstream) => void = () => {}

  constructor(pipe: Pipe, app: App, sessionKey: string) {
    this.pipe = pipe
    this.app = app
    this.sessionKey = sessionKey
    this.#duplex = new PipeDuplex(pipe)
    this.#duplex.on('error', (error) => {
      this.#lost = connectionGone(error)
    })
    this.#session = connect('http://app', {
      createConnection: () => this.#duplex,
      maxHeaderListPairs: limits.responseLines,
      // Node.js would throw for a field that a client sends in two lines, such as If-None-Match, which is a list.
      strictSingleValueFields: false,
      settings: {
        enablePush: false,
        initialWindowSize: limits.http2WindowBytes,
        maxHeaderListSize: limits.responseHeadBytes,
      },
    } as ClientSessionOptions)
    this.#session.on('error', (error: NodeJS.ErrnoException) => this.#fail(error))
    this.#session.on('close', () => this.#fail(null))
    this.#session.once('remoteSettings', () => {
      this.#settled = true
    })
    this.#session.once('connect', () => {
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(limits.http2WindowBytes)
    })
    this.#session.on('goaway', () => {
      if (this.#user === null) this.destroy()
    })
  }

  get agent(): string {
    return this.pipe.agent
  }

  get going(): boolean {
    return this.pipe.isGoing?.() === true || this.#session.closed
  }

  get reusable(): boolean {
    return !this.gone && !this.#session.closed && this.#sent && this.#ended
  }

  begin(user: UpstreamUser, { method }: RequestHead): void {
    this.#user = user
    this.#headOnly = method === 'HEAD'
    this.#sent = false
    this.#ended = false
    this.responding = false
    this.#informational = 0
    this.#trailersIn = []
    this.#trailersOut = []
  }

  send(head: RequestHead): void {
    const endStream = head.length === undefined
    this.#sent = endStream
    let stream: ClientHttp2Stream
    try {
      stream = this.#session.request(headOf(head, this.app), {
        endStream,
        waitForTrailers: head.length === null,
      })
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#stream = stream
    // The user is notified of the end of the stream; one that has left is not.
    const current = (run: (user: UpstreamUser) => void) => {
      if (this.#stream === stream && this.#user !== null) run(this.#user)
    }
    let error: NodeJS.ErrnoException | null = null
    stream.on('error', (reason) => {
      error = reason
    })
    stream.on('headers', (headers, _flags, raw: string[]) =>
      current((user) => {
        this.#informational += 1
        if (this.#informational > limits.informational)
          this.#fail(new Error('too many interim responses'), true)
        else user.oninformational(headers[':status'] as number, plainLines(raw))
      }),
    )
    stream.on('response', (headers, flags, raw: string[]) => {
      current((user) => this.#onhead(user, headers, flags, raw))
      // Node.js emits data that came with the head before the head, if a listener is already attached.
      stream.on('data', (chunk: Buffer) => current((user) => user.onbody(chunk, false)))
    })
    stream.on('trailers', (_headers, _flags, raw: string[]) => {
      this.#trailersIn = plainLines(raw)
    })
    stream.on('wantTrailers', () => {
      try {
        stream.sendTrailers(fieldsOf(this.#trailersOut))
      } catch (error) {
        // Trailers that cannot be sent, or a stream that is already gone: the app must not take the body for complete.
        stream.destroy(error as Error)
      }
    })
    stream.on('drain', () => current((user) => user.ondrain()))
    let ended = false
    stream.on('aborted', () => {
      // An app may respond in full and then ask the hub to stop sending (RFC 9113 section 8.1). Nothing public tells a
      // response that ended before the reset from one that the reset cut.
      ended = (stream as unknown as { _readableState: { ended: boolean } })._readableState.ended
    })
    stream.on('end', () => {
      // A reset ends the readable side as well.
      const cut = stream.aborted && !ended
      if (cut || stream.rstCode !== NGHTTP2_NO_ERROR || !this.responding) return
      current((user) => this.#onend(user))
    })
    stream.on('close', () =>
      current(() => {
        if (this.#ended) return
        // A connection that ends resets its streams on this side.
        const gone = this.#session.destroyed && stream.rstCode === NGHTTP2_CANCEL
        const reset = error === null || error.code === 'ERR_HTTP2_STREAM_ERROR'
        this.#fail(gone ? null : reset ? resetBy(stream.rstCode) : error)
      }),
    )
  }

  writeBody(chunk: Buffer): boolean {
    const stream = this.#stream
    return stream === null || stream.destroyed || stream.writableEnded || stream.write(chunk)
  }

  endBody(trailers: readonly string[]): void {
    this.#trailersOut = trailers
    this.#sent = true
    this.#stream?.end()
  }

  leave(): void {
    this.#user = null
    this.#stream = null
  }

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  destroy(): void {
    if (this.gone) return
    this.gone = true
    this.#user = null
    this.#session.destroy()
    this.#duplex.destroy()
    this.ongone(this)
  }

  #onhead(
    user: UpstreamUser,
    headers: { readonly [name: string]: unknown },
    flags: number,
    raw: string[],
  ): void {
    this.responding = true
    const status = headers[':status'] as number
    const lines = plainLines(raw)
    const given = headers['content-length']
    const length = typeof given === 'string' ? Number(given) : null
    const ends = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    const bodiless = this.#headOnly || status === 204 || status === 304
    // A response that ends with its head has no body on any version of HTTP; gRPC sends errors in that form.
    if (ends && !bodiless && length === null) lines.push('content-length', '0')
    const hasBody = !bodiless && !ends
    user.onhead({
      status,
      reason: STATUS_CODES[status] ?? '',
      lines,
      length: ends && length === null ? 0 : length,
      hasBody,
      bodyFollows: false,
    })
    if (!hasBody) this.#onend(user)
  }

  #onend(user: UpstreamUser): void {
    if (this.#ended || this.#user !== user) return
    this.#ended = true
    user.onend(this.#trailersIn)
  }

  /** The connection is over. `broken`: the app sent something that is not HTTP/2. */
  #fail(
    error: NodeJS.ErrnoException | null,
    broken = /^ERR_HTTP2_(?:SESSION_)?ERROR$/.test(error?.code ?? ''),
  ): void {
    const user = this.#user
    if (this.gone) return
    this.destroy()
    const gone = this.#lost ?? (error === null ? connectionGone(null) : null)
    const detail = broken && !this.#settled ? NO_HTTP2 : messageOf(error)
    user?.onfail(gone ?? { broken, linkLost: false, detail })
  }
}

/** RFC 9113 section 7, by code. */
const ERRORS = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT'],
  ...['STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR'],
  ...['ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
]

const resetBy = (code: number): Error =>
  new Error(`the app ended the request with the HTTP/2 error ${ERRORS[code] ?? code}`)

function headOf(head: RequestHead, { uri }: App): string[] {
  const { method, target, host, first, requestId, lines, length, trailers } = head
  const scheme = isSecure(uri) ? 'https' : 'http'
  const fields = [':method', method, ':scheme', scheme, ':authority', host, ':path', target]
  const add = (lines: readonly string[]): void => {
    for (let i = 0; i + 1 < lines.length; i += 2)
      fields.push((lines[i] as string).toLowerCase(), lines[i + 1] as string)
  }
  add(first.lines)
  fields.push('x-request-id', requestId)
  add(lines)
  if (typeof length === 'number') fields.push('content-length', String(length))
  if (trailers) fields.push('te', 'trailers')
  return fields
}

/** Without pseudo-header fields. */
function plainLines(raw: readonly string[]): string[] {
  return raw.filter((_, i) => !(raw[i - (i % 2)] as string).startsWith(':'))
}
