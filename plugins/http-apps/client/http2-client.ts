import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { AppHostProtocol, HubResponse } from '@mezite/core/protocol'
import type { Deadlines, Waiting } from '../deadlines.ts'
import { limits } from '../limits.ts'
import { fieldsOf } from '../request/header-names.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { BodyReader, Client, ClientWatcher } from './client.ts'

/** A stream of a browser's connection with the head of its request. */
export type StreamRequest = Parameters<AppHostProtocol['stream']>[1]

const { NGHTTP2_NO_ERROR } = constants
/** Becomes INTERNAL_ERROR, because some clients take CANCEL for a clean end. */
const CUT = new Error('the stream is cut')

/** One request over HTTP/2: a stream of a browser's connection. */
export class Http2Client implements Client, Waiting {
  readonly #stream: ServerHttp2Stream
  readonly #took: (bytes: number) => void
  readonly #deadlines: Deadlines
  readonly #headOnly: boolean
  readonly connection: Duplex
  /** On apps' hosts WebSockets use HTTP/1.1. */
  readonly upgrade = null
  #watcher: ClientWatcher | null = null
  #reader: BodyReader | null = null
  #trailersIn: readonly string[] = []
  #trailersOut: [string, string][] = []
  #drainHeard = false
  /** The stream must not close before the trailers that the response announced. */
  #owesTrailers = false
  #abandoned = false
  complete: boolean
  /** For responses of the hub itself; a response of an app has the deadlines of its exchange. */
  deadline = Number.POSITIVE_INFINITY
  index = -1

  constructor({ stream, headers, ended, socket, took }: StreamRequest, deadlines: Deadlines) {
    this.#stream = stream
    this.#took = took
    this.#deadlines = deadlines
    this.#headOnly = headers[':method'] === 'HEAD'
    this.connection = socket
    this.complete = ended
    if (ended) return
    stream.on('trailers', (_headers, _flags, rawHeaders) => {
      this.#trailersIn = rawHeaders
    })
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  watch(watcher: ClientWatcher): void {
    this.#watcher = watcher
    this.#stream.on('close', () => {
      const watcher = this.#watcher
      // Node.js keeps some closed streams in memory for a while; they must not retain the objects of the request.
      this.#watcher = null
      this.#reader = null
      watcher?.onclientgone()
    })
  }

  readBody(reader: BodyReader): void {
    this.#reader = reader
    const stream = this.#stream
    stream.on('data', (chunk: Buffer) => {
      this.#took(chunk.length)
      this.#reader?.onrequestdata(chunk)
    })
    // An empty body ends even if it is not read.
    if (stream.readableEnded) process.nextTick(() => this.#bodyEnded())
    else stream.on('end', () => this.#bodyEnded())
  }

  #bodyEnded(): void {
    // A reset ends the readable side as well.
    if (this.gone || this.#stream.aborted) return
    this.complete = true
    this.#reader?.onrequestend(this.#trailersIn)
  }

  pauseBody(): void {
    this.#stream.pause()
  }

  resumeBody(): void {
    this.#stream.resume()
  }

  /** Asks the browser to stop sending once it has the response (RFC 9113 section 8.1). */
  abandonBody(): void {
    if (this.#reader === null) this.#stream.on('data', (chunk: Buffer) => this.#took(chunk.length))
    this.#reader = null
    this.#stream.resume()
    this.#abandoned = true
    // The trailers follow the last byte of the body: a reset before them would lose the status of a gRPC call.
    if (this.#owesTrailers) return
    if (this.#stream.writableEnded) this.#stream.close(NGHTTP2_NO_ERROR)
    else this.#stream.once('finish', () => this.#stream.close(NGHTTP2_NO_ERROR))
  }

  welcomeBody(): void {
    this.inform(100, [])
  }

  inform(status: number, lines: string[]): void {
    if (this.gone || this.#stream.headersSent) return
    try {
      this.#stream.additionalHeaders({ ...fieldsOf(lines), ':status': status })
    } catch {
      // A hint that cannot be written must not cost the response.
    }
  }

  head({ status, hasBody, length }: ResponseHead, lines: string[]): boolean {
    // The browser is gone; the stream will report it.
    if (this.gone) return true
    const endStream = !hasBody || length === 0
    const waitForTrailers = hasBody && length === null
    this.#owesTrailers = waitForTrailers
    if (waitForTrailers) this.#stream.on('wantTrailers', () => this.#sendTrailers())
    try {
      this.#stream.respond([':status', status, ...lines] as never, { endStream, waitForTrailers })
      return true
    } catch {
      return false
    }
  }

  write(chunk: Buffer): boolean {
    if (this.gone || this.#stream.write(chunk)) return true
    if (!this.#drainHeard) this.#stream.on('drain', () => this.#watcher?.onclientdrain())
    this.#drainHeard = true
    return false
  }

  end(chunk: Buffer | null, trailers: [string, string][]): void {
    if (this.gone) return
    this.#trailersOut = trailers
    if (chunk === null) this.#stream.end()
    else this.#stream.end(chunk)
  }

  /** Refuses the rest of the body. */
  respond({ status, lines, body }: HubResponse): void {
    const stream = this.#stream
    if (this.gone) return
    if (stream.headersSent) {
      this.cut()
      return
    }
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    try {
      const fields = [':status', status, ...lines, 'content-length', String(bytes.length)]
      // gRPC finds its status in a head that ends the stream.
      stream.respond(fields as never, { endStream: bytes.length === 0 })
    } catch {
      this.cut()
      return
    }
    this.deadline = this.#deadlines.now + limits.lingerMs
    this.#deadlines.add(this)
    stream.once('close', () => this.#deadlines.remove(this))
    if (!this.#headOnly && bytes.length > 0) stream.end(bytes)
    if (!this.complete) this.abandonBody()
  }

  switchProtocols(): void {
    this.cut()
  }

  /** Not `close`, which ends the response first: with END_STREAM it would look complete. */
  cut(): void {
    this.#stream.destroy(CUT)
  }

  onlate(): void {
    this.deadline = Number.POSITIVE_INFINITY
    this.cut()
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(fieldsOf(this.#trailersOut.flat()))
      this.#owesTrailers = false
      // Not now: nghttp2 drops trailers that it has not sent when the stream is reset.
      if (this.#abandoned) setImmediate(() => this.#stream.close(NGHTTP2_NO_ERROR))
    } catch {
      this.cut()
    }
  }
}
