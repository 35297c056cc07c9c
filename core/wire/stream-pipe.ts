import { constants, type Http2Stream } from 'node:http2'
import type { Pipe } from '../hub/tunnel/tunnel.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_CONNECT_ERROR } = constants
const nothing = (): void => {}

/**
 * Bytes in both directions over one HTTP/2 stream that has been answered. Reading begins after the current
 * microtasks, when the owner has set its callbacks. Only Buffers reach the stream: a corked string followed
 * by an empty one would be sent as garbage.
 */
export class StreamPipe implements Pipe {
  readonly agent: string
  ondata: (chunk: Buffer) => void = nothing
  onend: () => void = nothing
  ondrain: () => void = nothing
  onclose: (error: Error | null) => void = nothing
  readonly #stream: Http2Stream
  #ended = false
  #paused = false
  #error: Error | null = null

  constructor(stream: Http2Stream, agent: string) {
    this.#stream = stream
    this.agent = agent
    stream.on('error', (error) => {
      this.#error ??= error
    })
    stream.on('drain', () => this.ondrain())
    stream.once('end', () => this.#atEnd())
    stream.once('close', () => this.#atClose())
    queueMicrotask(() => {
      stream.on('data', (chunk: Buffer) => this.ondata(chunk))
      if (this.#paused) stream.pause()
    })
  }

  /** `end` also comes when the session dies or the peer resets: then the stream says so. */
  #atEnd(): void {
    if (this.#stream.aborted || this.#stream.rstCode !== NGHTTP2_NO_ERROR || this.#error) return
    this.#ended = true
    this.onend()
  }

  #atClose(): void {
    const { writableFinished, rstCode } = this.#stream
    const clean = this.#ended && writableFinished && !this.#error && rstCode === NGHTTP2_NO_ERROR
    this.onclose(clean ? null : (this.#error ?? new Error(`the stream was reset (code ${rstCode})`)))
  }

  write(chunk: Buffer): boolean {
    const stream = this.#stream
    if (stream.destroyed || stream.closed || stream.writableEnded) return true
    return stream.write(chunk)
  }

  end(): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.end()
  }

  destroy(): void {
    resetStream(this.#stream, NGHTTP2_CANCEL)
  }

  /** Resets as the far side of a CONNECT whose TCP connection was reset or lost (RFC 9113, 8.5). */
  connectionLost(): void {
    resetStream(this.#stream, NGHTTP2_CONNECT_ERROR)
  }

  pause(): void {
    this.#paused = true
    this.#stream.pause()
  }

  resume(): void {
    this.#paused = false
    this.#stream.resume()
  }
}

/**
 * Resets a stream at once. `close()` of Node.js ends the writable side first, which sends END_STREAM before
 * RST_STREAM: the peer would take a cut answer for a complete one. So that call is made to do nothing.
 */
export function resetStream(stream: Http2Stream, code: number): void {
  if (stream.destroyed || stream.closed) return
  if (!stream.writableEnded) stream.end = () => stream
  stream.close(code)
}
