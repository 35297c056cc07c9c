import { Duplex } from 'node:stream'
import type { Pipe } from '../api/tunnel.ts'

/**
 * A pipe as a stream that node:http and node:http2 can use as a socket. Text is converted to bytes before
 * it reaches the HTTP/2 stream below, which would send garbage instead. A connection that does not end cleanly is an
 * error, never an end.
 */
export class PipeDuplex extends Duplex {
  readonly #pipe: Pipe
  #written: (() => void) | null = null
  #idle: NodeJS.Timeout | null = null
  /** As on sockets of node:net. */
  timeout = 0

  /**
   * `allowHalfOpen`: for a server, which may still respond when the other side has ended. A client ends then, as sockets
   * of node:http do, so that node:http drops an idle connection.
   */
  constructor(pipe: Pipe, { allowHalfOpen = false } = {}) {
    super({ allowHalfOpen, decodeStrings: true })
    this.on('error', () => {})
    this.#pipe = pipe
    pipe.pause()
    pipe.ondata = (chunk) => {
      this.#idle?.refresh()
      if (!this.push(chunk)) pipe.pause()
    }
    pipe.onend = () => this.push(null)
    pipe.ondrain = () => this.#drained()
    pipe.onclose = (error) => {
      if (error) this.destroy(error)
      else this.#drained()
    }
  }

  override _read(): void {
    this.#pipe.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#idle?.refresh()
    if (this.#pipe.write(chunk)) done()
    else this.#written = done
  }

  override _final(done: () => void): void {
    this.#pipe.end()
    // At once: node:http2 may still write, and would throw where nobody can catch it (ERR_INTERNAL_ASSERTION in JSStreamSocket).
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.setTimeout(0)
    // After both ends, the last bytes may still be in flight.
    if (error || !this.readableEnded || !this.writableFinished) this.#pipe.destroy()
    this.#drained()
    done(error)
  }

  #drained(): void {
    const done = this.#written
    this.#written = null
    done?.()
  }

  /** Emits `timeout` after this long without a byte; the agent of node:http drops idle connections then. 0 disables it. */
  setTimeout(ms: number): this {
    this.timeout = ms
    if (this.#idle) clearTimeout(this.#idle)
    this.#idle = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : null
    return this
  }

  /** Node.js calls these on sockets. */
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
