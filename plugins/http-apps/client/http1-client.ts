import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { discardRest, type HubResponse, type ProxyLimits } from '@mezite/core/protocol'
import { limits } from '../limits.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { BodyReader, Client, ClientWatcher, Upgrade } from './client.ts'
import { dropTrailer } from './lane-client.ts'

type Waits = Pick<ProxyLimits, 'headerMs' | 'requestMs'>

/** One request over HTTP/1.1. */
export class Http1Client implements Client {
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly upgrade: Upgrade | null
  readonly #waits: Waits
  #watcher: ClientWatcher | null = null
  #reader: BodyReader | null = null
  #drainHeard = false
  #bodyBegun = false

  constructor(message: IncomingMessage, response: ServerResponse, upgrade: Upgrade | null, waits: Waits) {
    this.#message = message
    this.#response = response
    this.upgrade = upgrade
    this.#waits = waits
  }

  get connection(): Duplex {
    return this.upgrade?.socket ?? this.#message.socket
  }

  get gone(): boolean {
    return this.connection.destroyed
  }

  get complete(): boolean {
    return this.#message.complete
  }

  watch(watcher: ClientWatcher): void {
    this.#watcher = watcher
    this.#response.on('close', () => watcher.onclientgone())
  }

  readBody(reader: BodyReader): void {
    this.#reader = reader
    const message = this.#message
    message.on('data', (chunk: Buffer) => this.#reader?.onrequestdata(chunk))
    message.on('end', () => {
      if (message.complete) this.#reader?.onrequestend(message.rawTrailers)
    })
  }

  pauseBody(): void {
    this.#message.pause()
  }

  resumeBody(): void {
    this.#message.resume()
  }

  /** Discards the rest of the body for a while, then cuts the connection. */
  abandonBody(): void {
    // It must not learn of the end either: without the rest, the body would look complete.
    this.#reader = null
    discardRest(this.#message, limits.lingerMs, () => {
      if (!this.#message.complete) this.#message.socket.destroy()
    })
  }

  welcomeBody(): void {
    this.#response.writeContinue()
  }

  inform(status: number, lines: string[]): void {
    if (this.#response.headersSent || this.#response.destroyed) return
    try {
      this.#response.writeInformation(status, lines)
    } catch {
      // A hint that cannot be written must not cost the response.
    }
  }

  head(head: ResponseHead, lines: string[]): boolean {
    const chunked = head.hasBody && head.length === null && this.#message.httpVersionMinor !== 0
    if (!chunked) dropTrailer(lines)
    try {
      this.#response.writeHead(head.status, head.reason, lines)
    } catch {
      return false
    }
    // An event stream may be silent for minutes: its head must not wait for its body.
    if (head.hasBody && !head.bodyFollows) queueMicrotask(() => this.#flushHead())
    return true
  }

  write(chunk: Buffer): boolean {
    this.#bodyBegun = true
    if (this.#response.write(chunk)) return true
    if (!this.#drainHeard) this.#response.on('drain', () => this.#watcher?.onclientdrain())
    this.#drainHeard = true
    return false
  }

  end(chunk: Buffer | null, trailers: [string, string][]): void {
    this.#bodyBegun = true
    if (trailers.length > 0) this.#response.addTrailers(trailers)
    if (chunk === null) this.#response.end()
    else this.#response.end(chunk)
  }

  /**
   * Closes the connection after the last response, and when the client still has to send a body, unless that body is small
   * and certain to follow (after `Expect` it is not). The response is then written at once and the rest of the body read for
   * a while, because a client that is still sending would lose the response to a reset.
   */
  respond(given: HubResponse, last = false): void {
    const message = this.#message
    const response = this.#response
    if (response.headersSent || response.destroyed) return void response.destroy()
    const { headers } = message
    const body = typeof given.body === 'string' ? Buffer.from(given.body) : given.body
    const lines = [...given.lines, 'Content-Length', String(body.length)]
    const small = Number(headers['content-length'] ?? 0) <= limits.discardBytes
    const closes =
      last || headers['transfer-encoding'] !== undefined || headers.expect !== undefined || !small
    if (closes) {
      lines.push('Connection', 'close')
      response.shouldKeepAlive = false
    }
    this.#hurry()
    // The reason phrase is explicit, because the one of a head that could not be passed on is still set.
    response.writeHead(given.status, STATUS_CODES[given.status], lines)
    const shown = message.method === 'HEAD' ? undefined : body
    if (!closes || message.complete) {
      response.end(shown)
      return
    }
    if (shown === undefined || shown.length === 0) response.flushHeaders()
    else response.write(shown)
    discardRest(message, last ? limits.closeMs : limits.lingerMs, () => response.end())
  }

  switchProtocols(head: string): void {
    const { connection } = this
    this.#response.detachSocket(connection as never)
    connection.write(head, 'latin1')
  }

  cut(): void {
    this.connection.destroy()
  }

  /** A rejected client gets `requestMs` to read the response, then `headerMs` to send another request. */
  #hurry(): void {
    const { headerMs, requestMs } = this.#waits
    const { connection } = this
    const late = setTimeout(() => connection.destroy(), requestMs)
    late.unref()
    this.#response.once('close', () => clearTimeout(late))
    this.#response.once('finish', () => (connection as Partial<Socket>).setTimeout?.(headerMs))
  }

  #flushHead(): void {
    if (!this.#bodyBegun) this.#response.flushHeaders()
  }
}
