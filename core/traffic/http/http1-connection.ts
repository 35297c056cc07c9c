import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { Lane } from './lane.ts'
import { Turns } from './turns.ts'

const noop = () => {}
/** How long a new connection of a hub that stops may take to send its first request. */
const NEW_MS = 1_000

/**
 * One HTTP/1.1 connection and its pending responses. Node.js reads ahead on a pipelined connection: it emits requests
 * after one that ends the connection, and reports malformed bytes before earlier responses have been sent. This class
 * keeps responses in order, sends a refusal last, and ignores everything after it (RFC 9112 sections 9.3.2 and 9.6).
 */
export class Http1Connection {
  readonly socket: Duplex
  readonly info: ConnectionInfo
  readonly turns = new Turns()
  /** True once the connection is no longer HTTP and a protocol owns its bytes. */
  upgraded = false
  /** Reads the connection until it passes to node:http. */
  lane: Lane | null = null
  /** When the head that the lane passed on must be complete, on the clock of `performance.now()`. */
  headBy = Number.POSITIVE_INFINITY
  readonly #bodyMs: number
  readonly #pending: ServerResponse[] = []
  #last: ServerResponse | null = null
  #refused = false
  #held = false
  readonly #opened = performance.now()

  /** `bodyMs`: how long a body may continue after the response to its request. */
  constructor(socket: Duplex, info: ConnectionInfo, bodyMs: number) {
    this.socket = socket
    this.info = info
    this.#bodyMs = bodyMs
  }

  /**
   * Call it for each request. False if the connection ends with an earlier response, so that this request must be
   * ignored.
   */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    this.headBy = Number.POSITIVE_INFINITY
    if (this.#ends) {
      if (!this.#held) setImmediate(silence, this.socket)
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

  /** Reads no more, and ignores what has been read behind the last request. Its response must end the connection. */
  hold(): void {
    this.#held = true
    if (this.#last !== null) this.#last.shouldKeepAlive = false
    const { socket } = this
    readThroughStream(socket)
    socket.removeAllListeners('data')
    // Node.js resumes it for the bodies of earlier requests.
    socket.on('data', () => socket.pause())
    socket.pause()
    this.info.flooded?.()
  }

  #limitRest(request: IncomingMessage): void {
    const late = setTimeout(() => {
      if (!request.complete) this.socket.destroy()
    }, this.#bodyMs)
    clearAfterBody(late, request, this.socket)
  }

  /** True if the client has just connected and not sent a request yet. */
  get isNew(): boolean {
    const silent = this.#last === null && this.lane?.served !== true
    return silent && performance.now() - this.#opened < NEW_MS
  }

  /** Number of responses that are not complete yet. */
  get pending(): number {
    return this.#pending.length + (this.lane?.busy ? 1 : 0)
  }

  /** True if nothing else may be written: a response is pending, or the connection ends with an earlier one. */
  get busy(): boolean {
    return this.#pending.length > 0 || this.#ends
  }

  /**
   * Whether a head is late that node:http does not time, because the lane reads it or has passed it on. Also closes a lane
   * whose client is late with something else.
   */
  isLate(now: number): boolean {
    const { lane } = this
    if (lane === null ? now <= this.headBy : now <= lane.deadline) return false
    if (lane?.served) {
      this.socket.destroy()
      return false
    }
    lane?.leave()
    this.lane = null
    this.headBy = Number.POSITIVE_INFINITY
    return true
  }

  /**
   * Call it once the connection has closed. After a CONNECT or an upgrade Node.js no longer ends the responses that wait behind
   * another, and whoever holds something for them waits for their `close`.
   */
  abandon(): void {
    for (const response of [...this.#pending]) response.destroy()
  }

  /** Closes the connection after its last pending response. */
  closeSoon(): void {
    this.lane?.closeSoon()
    for (const response of this.#pending) response.shouldKeepAlive = false
  }

  /**
   * Call it if the received bytes are not HTTP or the client timed out. Between requests, calls `between`, which responds
   * and ends the connection, once no response is pending. Within a body, `inside` may respond to the request of that body
   * and return true; otherwise the request gets a bare 400, or is cut if its response has started.
   */
  refuse(between: () => void, inside: () => boolean): void {
    const [over, ends] = [this.#over, this.#ends]
    silence(this.socket)
    const last = this.#last
    if (last !== null && this.#pending.length > 0 && !last.req.complete) {
      this.#refused = true
      // Even if the connection was going to end with this request, because its body is malformed.
      if (!over && !inside()) {
        // A response that ends the connection was sent with knowledge of the body.
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

/** Detaches a connection from the parser, which would fail on all further bytes, and discards them. */
export function silence(socket: Duplex): void {
  // Called for each of many pipelined requests, which share one listener.
  socket.off('error', noop)
  socket.on('error', noop)
  readThroughStream(socket)
  socket.removeAllListeners('data')
  socket.on('data', noop)
  socket.resume()
}

/** Reads and discards the rest of a request for at most `ms`, then calls `done`. */
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

/** By default the parser of Node.js reads from the connection below the stream; a data listener changes that. */
function readThroughStream(socket: Duplex): void {
  socket.on('data', noop)
  socket.off('data', noop)
}

/** Clears the deadline of a body when the body or its connection ends; leaves no listener on a connection that is kept. */
export function clearAfterBody(deadline: NodeJS.Timeout, request: IncomingMessage, socket: Duplex): void {
  deadline.unref()
  const clear = (): void => {
    clearTimeout(deadline)
    socket.removeListener('close', clear)
  }
  request.once('end', clear)
  socket.once('close', clear)
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

export function asksForUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '')
}
