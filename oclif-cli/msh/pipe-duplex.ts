import { Duplex } from 'node:stream'
import type { StreamPipe } from '@mezite/core/wire'

/**
 * A stream to an app as what node:http takes for a socket. Text becomes bytes before it reaches the HTTP/2 stream,
 * which would send garbage for it. An end that is not clean is an error, never an end.
 */
export class PipeDuplex extends Duplex {
  readonly #pipe: StreamPipe
  #written: (() => void) | null = null

  constructor(pipe: StreamPipe) {
    super({ allowHalfOpen: true, decodeStrings: true })
    this.#pipe = pipe
    pipe.pause()
    pipe.ondata = (chunk) => {
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
    if (this.#pipe.write(chunk)) done()
    else this.#written = done
  }

  override _final(done: () => void): void {
    this.#pipe.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pipe.destroy()
    this.#drained()
    done(error)
  }

  #drained(): void {
    const done = this.#written
    this.#written = null
    done?.()
  }

  /** What node:http calls on sockets; the hub keeps the time. */
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
