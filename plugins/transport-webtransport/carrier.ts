import type { Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { CapsuleReader, limitCapsules, streamHead } from './capsules.ts'
import { growingWindows, peerLimits, WINDOW } from './windows.ts'

/** The highest id of a client's first stream: WebTransport counts from 0, the library of the agent from 1. */
const FIRST_STREAM = 1

/**
 * The hub's end of a WebTransport session: its one stream, which the agent opens, as a byte stream. HTTP/2 holds the peer back
 * when the reader pauses; the limits of WebTransport above that are raised as bytes arrive.
 */
class Carrier extends Duplex {
  readonly #stream: Http2Stream
  #id: number | null = null
  #received = 0
  #granted = WINDOW
  #sent = 0
  readonly #limits: { session: number; stream: number }
  /** What waits for the peer to raise a limit. */
  #waiting: { readonly chunk: Buffer; readonly done: (error?: Error | null) => void } | null = null

  constructor(stream: Http2Stream, took: (bytes: number) => void, opened: () => void) {
    super({ allowHalfOpen: false })
    this.#stream = stream
    this.#limits = { ...peerLimits(stream) }
    this.on('error', () => this.destroy())
    // A peer that has ended takes nothing any more; Node.js then keeps what HTTP/2 has not sent, and its stream open.
    this.once('end', () => this.destroy())
    const reader = new CapsuleReader({
      data: (streamId, bytes) => {
        if (this.#id === null && streamId <= FIRST_STREAM) {
          this.#id = streamId
          // For peers that do not read the settings.
          if (stream.writable) stream.write(limitCapsules(streamId, WINDOW))
          opened()
        }
        if (this.#id !== streamId) return false
        if (bytes.length > 0 && !this.push(bytes)) stream.pause()
        return true
      },
      end: () => void this.push(null),
      limit: (of, bytes) => {
        this.#limits[of] = Math.max(this.#limits[of], bytes)
        this.#flush()
      },
      over: () => this.destroy(),
    })
    const grow = growingWindows(stream, () => !this.destroyed)
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => {
      took(chunk.length)
      reader.read(chunk)
      grow(chunk.length)
      this.#raise(chunk.length)
    })
    stream.once('end', () => this.push(null))
    stream.once('close', () => this.destroy())
  }

  #raise(bytes: number): void {
    this.#received += bytes
    if (this.#id === null || this.destroyed || this.#received < this.#granted - WINDOW / 2) return
    this.#granted = this.#received + WINDOW
    if (this.#stream.writable) this.#stream.write(limitCapsules(this.#id, this.#granted))
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#waiting = { chunk, done }
    this.#flush()
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', done)
  }

  #flush(): void {
    const credit = Math.min(this.#limits.session, this.#limits.stream) - this.#sent
    if (this.#waiting === null || this.#id === null || credit <= 0) return
    const { chunk, done } = this.#waiting
    const piece = chunk.subarray(0, credit)
    const rest = chunk.subarray(piece.length)
    this.#sent += piece.length
    this.#waiting = rest.length > 0 ? { chunk: rest, done } : null
    this.#stream.cork()
    this.#stream.write(streamHead(this.#id, piece.length))
    if (rest.length > 0) this.#stream.write(piece)
    else this.#stream.write(piece, done)
    this.#stream.uncork()
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#id !== null && this.#stream.writable) this.#stream.write(streamHead(this.#id, 0, true))
    this.#stream.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#stream.destroyed) this.#stream.close()
    done(error)
  }
}

/** The hub's end: `opened` is called once the agent has opened its stream, `took` with the length of each chunk. */
export function acceptCarrier(
  stream: Http2Stream,
  took: (bytes: number) => void,
  opened: (carrier: Duplex) => void,
): void {
  const carrier: Duplex = new Carrier(stream, took, () => opened(carrier))
}
