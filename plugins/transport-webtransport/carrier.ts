import type { Http2Session, Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { CapsuleReader, limitCapsules, streamHead } from './capsules.ts'

/** Bytes in flight on an established tunnel: with the 64 KiB of HTTP/2, a round trip of 50 ms allows 1.3 MB/s. */
const WINDOW = 16 << 20
/**
 * The windows of HTTP/2 grow once this many bytes have been read. A TLS handshake takes less (OpenSSL reads at most 128 KiB of
 * a ClientHello, 100 KiB of certificates and 64 KiB of a signature), so the peer's certificate has been verified: until then, a peer can
 * make this end hold little. More would end the start of TCP on a long way, which then takes seconds to become fast.
 */
const VERIFIED_BYTES = 384 << 10
/**
 * The first stream that a client opens. WebTransport counts from 0, but hubs before version 0.2, whose library counts from 1,
 * fail with 0; a hub accepts both.
 */
const FIRST_STREAM = 1

/**
 * The one stream of a WebTransport session as a byte stream. HTTP/2 holds the peer back when the reader pauses; the limits of
 * WebTransport above that are raised as bytes arrive.
 */
class Carrier extends Duplex {
  readonly #stream: Http2Stream
  readonly #took: (bytes: number) => void
  #id: number | null
  #received = 0
  #granted = WINDOW
  #grown = false
  #sent = 0
  readonly #limits = { session: WINDOW, stream: WINDOW }
  /** What waits for the peer to raise a limit. */
  #waiting: { readonly chunk: Buffer; readonly done: (error?: Error | null) => void } | null = null

  constructor(stream: Http2Stream, id: number | null, took: (bytes: number) => void, opened: () => void) {
    super({ allowHalfOpen: false })
    this.#stream = stream
    this.#id = id
    this.#took = took
    this.on('error', () => this.destroy())
    const reader = new CapsuleReader({
      data: (streamId, bytes) => {
        if (this.#id === null && streamId <= FIRST_STREAM) {
          this.#id = streamId
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
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => {
      this.#took(chunk.length)
      reader.read(chunk)
      this.#accept(chunk.length)
    })
    stream.once('end', () => this.push(null))
    stream.once('close', () => this.destroy())
    // Opens the stream, so that the hub need not wait for the first byte.
    if (id !== null) stream.write(streamHead(id, 0))
  }

  #accept(bytes: number): void {
    this.#received += bytes
    const { session } = this.#stream
    if (!this.#grown && this.#received > VERIFIED_BYTES && session && !session.destroyed) {
      this.#grown = true
      // TLS has read these bytes by then, and has ended the carrier if they are not what it expects.
      setImmediate(() => {
        if (!this.destroyed && !session.destroyed) growWindows(session)
      })
    }
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

function growWindows(session: Http2Session): void {
  session.settings({ initialWindowSize: WINDOW })
  const { setLocalWindowSize } = session as Http2Session & { setLocalWindowSize?(bytes: number): void }
  setLocalWindowSize?.call(session, WINDOW)
}

/** The hub's end: `opened` is called once the agent has opened its stream, `took` with the length of each chunk. */
export function acceptCarrier(
  stream: Http2Stream,
  took: (bytes: number) => void,
  opened: (carrier: Duplex) => void,
): void {
  const carrier: Duplex = new Carrier(stream, null, took, () => opened(carrier))
}

/** The agent's end. */
export const createCarrier = (stream: Http2Stream): Duplex =>
  new Carrier(
    stream,
    FIRST_STREAM,
    () => {},
    () => {},
  )
