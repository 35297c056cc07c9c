import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionInfo } from '../../api/protocol.ts'

const noop = () => {}

/**
 * One HTTP/1.1 connection and the responses that are still to be written on it. Node.js reads ahead on a pipelined
 * connection: it emits requests behind one that ends the connection, and reports malformed bytes before earlier
 * responses are out. With this, responses keep their order, a refusal comes last, and nothing behind it is served
 * (RFC 9112 sections 9.3.2 and 9.6).
 */
export class Http1Connection {
  readonly socket: Duplex
  readonly info: ConnectionInfo
  /** The connection has left HTTP: a protocol owns its bytes. */
  upgraded = false
  readonly #bodyMs: number
  readonly #pending: ServerResponse[] = []
  #last: ServerResponse | null = null
  #refused = false

  /** `bodyMs`: how long a body may go on after the response to its request. */
  constructor(socket: Duplex, info: ConnectionInfo, bodyMs: number) {
    this.socket = socket
    this.info = info
    this.#bodyMs = bodyMs
  }

  /** Call for each request. False: the connection ends with an earlier response, so this request must be ignored. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#ends) {
      setImmediate(silence, this.socket)
      return false
    }
    if (this.#pending.length > 0) readThroughStream(this.socket)
    this.#pending.push(response)
    this.#last = response
    response.on('close', () => {
      this.#pending.splice(this.#pending.indexOf(response), 1)
      if (!request.complete && !this.socket.destroyed) this.#limitRest(request)
    })
    return true
  }

  #limitRest(request: IncomingMessage): void {
    const late = setTimeout(() => {
      if (!request.complete) this.socket.destroy()
    }, this.#bodyMs)
    late.unref()
    request.once('end', () => clearTimeout(late))
    this.socket.once('close', () => clearTimeout(late))
  }

  /** Responses that are not complete yet. */
  get pending(): number {
    return this.#pending.length
  }

  /** Nothing else may be written: a response is pending, or the connection ends with an earlier one. */
  get busy(): boolean {
    return this.#pending.length > 0 || this.#ends
  }

  /** The connection closes with its last pending response. */
  closeSoon(): void {
    for (const response of this.#pending) response.shouldKeepAlive = false
  }

  /**
   * The bytes that arrived are not HTTP, or none arrived for too long. Between requests, `between` is called once no
   * response is pending; it responds and ends the connection. Within a body, `inside` may respond to the request that
   * the body belongs to and return true; otherwise that request gets a bare 400, or is cut when its response has begun.
   */
  refuse(between: () => void, inside: () => boolean): void {
    const [over, ends] = [this.#over, this.#ends]
    silence(this.socket)
    const last = this.#last
    if (last !== null && this.#pending.length > 0 && !last.req.complete) {
      this.#refused = true
      // Also when the connection was to end with this very request, because its body is malformed.
      if (!over && !inside()) {
        // A response that ends the connection was given in knowledge of the body.
        if (last.headersSent && !ends) return void this.socket.destroy()
        if (!last.headersSent) last.writeHead(400, ['Connection', 'close', 'Content-Length', '0'])
      }
      // The rest of the body cannot arrive any more.
      if (last.headersSent) last.end()
      return
    }
    if (ends) return
    this.#refused = true
    if (last === null || this.#pending.length === 0) between()
    else last.once('close', between)
  }

  get #over(): boolean {
    return this.#refused || this.socket.writableEnded || this.socket.destroyed
  }

  get #ends(): boolean {
    return this.#over || (this.#last !== null && this.#pending.length > 0 && !this.#last.shouldKeepAlive)
  }
}

/** Takes a connection from the parser, which would fail on everything that follows, and discards the rest. */
export function silence(socket: Duplex): void {
  // Called for each of many pipelined requests: one listener for them all.
  socket.off('error', noop)
  socket.on('error', noop)
  readThroughStream(socket)
  socket.removeAllListeners('data')
  socket.on('data', noop)
  socket.resume()
}

/** Reads the rest of a request for `ms` at most and discards it; then calls `done`. */
export function discardRest(message: IncomingMessage, ms: number, done: () => void): void {
  const timer = setTimeout(finish, ms)
  timer.unref()
  function finish(): void {
    clearTimeout(timer)
    message.off('end', finish)
    message.off('close', finish)
    done()
  }
  message.once('end', finish)
  message.once('close', finish)
  message.resume()
}

/** Node.js lets the parser of a connection read below the stream until a listener asks for data. */
function readThroughStream(socket: Duplex): void {
  socket.on('data', noop)
  socket.off('data', noop)
}
