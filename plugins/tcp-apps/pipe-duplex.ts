import { Duplex } from 'node:stream'
import type { StreamPipe } from '@mezite/core/protocol'

/**
 * Presents a stream of a client as a socket to an HTTP server. Converts text to bytes, because the HTTP/2 stream would
 * corrupt it. An end that is not clean destroys the stream instead of ending it.
 */
export class PipeDuplex extends Duplex {
  readonly #pipe: StreamPipe
  #written: (() => void) | null = null

  constructor(pipe: StreamPipe) {
    super({ allowHalfOpen: true, highWaterMark: 64 * 1_024 })
    this.#pipe = pipe
    this.on('error', () => {})
    pipe.ondata = (chunk) => {
      if (!this.push(chunk)) pipe.pause()
    }
    pipe.onend = () => void this.push(null)
    pipe.ondrain = () => this.#drained()
    pipe.onclose = () => {
      this.#drained()
      this.destroy()
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
    done(error)
  }

  #drained(): void {
    const written = this.#written
    this.#written = null
    written?.()
  }
}
