import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

const noop = () => {}

/**
 * The answers that the connections of an HTTP/1.1 server owe. Node.js reads ahead on a pipelined connection: it hands over
 * requests behind one that ends the connection, tells of broken bytes before earlier answers are out, and when it reads
 * a TLS connection on its own it takes its own pause for a broken request. With this, answers keep their order, a refusal
 * comes last, and nothing behind it is served (RFC 9112 sections 9.3.2 and 9.6).
 */
export class OwedAnswers {
  readonly #owed = new WeakMap<Duplex, ServerResponse[]>()
  readonly #last = new WeakMap<Duplex, ServerResponse>()
  readonly #refused = new WeakSet<Duplex>()

  /** Call for each request. False: the connection ends with an earlier answer, so this one must be left alone. */
  take(message: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = message
    if (this.#ends(socket)) {
      setImmediate(silence, socket)
      return false
    }
    let owed = this.#owed.get(socket)
    if (owed === undefined) {
      owed = []
      this.#owed.set(socket, owed)
    } else if (owed.length > 0) readThroughStream(socket)
    const those = owed
    those.push(response)
    this.#last.set(socket, response)
    response.on('close', () => those.splice(those.indexOf(response), 1))
    return true
  }

  /** An answer is on its way, or the connection ends with an earlier one: nothing else may be written. */
  isBusy(socket: Duplex): boolean {
    return this.count(socket) > 0 || this.#ends(socket)
  }

  count(socket: Duplex): number {
    return this.#owed.get(socket)?.length ?? 0
  }

  /**
   * Bytes have come that are no HTTP, or none for too long. Between requests, `between` is called once nothing is owed:
   * answer and end the connection. Within a body, `inside` may answer the request that it belongs to and say so; else
   * that request gets a bare 400, or is cut when its answer has begun.
   */
  refuse(socket: Duplex, between: () => void, inside: () => boolean = () => false): void {
    const [over, ends] = [this.#isOver(socket), this.#ends(socket)]
    silence(socket)
    const last = this.#last.get(socket)
    if (last !== undefined && this.count(socket) > 0 && !last.req.complete) {
      this.#refused.add(socket)
      // Also when the connection was to end with this very request: its body is what is broken.
      if (!over && !inside()) {
        // An answer that ends the connection was given in knowledge of it.
        if (last.headersSent && !ends) return void socket.destroy()
        if (!last.headersSent) last.writeHead(400, ['Connection', 'close', 'Content-Length', '0'])
      }
      // Nobody waits any more for a body that cannot come.
      if (last.headersSent) last.end()
      return
    }
    if (ends) return
    this.#refused.add(socket)
    if (last === undefined || this.count(socket) === 0) between()
    else last.once('close', between)
  }

  #isOver(socket: Duplex): boolean {
    return this.#refused.has(socket) || socket.writableEnded || socket.destroyed
  }

  #ends(socket: Duplex): boolean {
    if (this.#isOver(socket)) return true
    const last = this.#last.get(socket)
    return last !== undefined && this.count(socket) > 0 && !last.shouldKeepAlive
  }
}

/** Takes a connection from the parser, which would go on to fail on everything that comes; the rest is read away. */
export function silence(socket: Duplex): void {
  // Called for each of many pipelined requests: one listener for them all.
  socket.off('error', noop)
  socket.on('error', noop)
  readThroughStream(socket)
  socket.removeAllListeners('data')
  socket.on('data', noop)
  socket.resume()
}

/** Node.js lets the parser of a connection read below the stream until somebody listens. */
function readThroughStream(socket: Duplex): void {
  socket.on('data', noop)
  socket.off('data', noop)
}
