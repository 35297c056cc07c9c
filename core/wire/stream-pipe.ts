import { constants, type Http2Stream } from 'node:http2'
import type { Pipe } from '../api/tunnel.ts'
import { collectForEach } from '../kernel/collected-bytes.ts'
import type { StreamMeter } from './bulk-streams.ts'
import type { StreamAccount, UnreadBudget } from './unread-budget.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_CONNECT_ERROR } = constants
const nothing = (): void => {}
/** Of all streams, the bytes that were received since the last collection: the most garbage that they can be. */
const countReceived = collectForEach(16 << 20, 'minor')

/**
 * Bytes in both directions over one accepted HTTP/2 stream. Reading starts after the current microtasks, when the owner
 * has set its callbacks. Write only Buffers: a corked string followed by an empty one would be sent as garbage.
 */
export class StreamPipe implements Pipe {
  readonly agent: string
  alpn: string | null = null
  isGoing?: () => boolean
  setIdle?: (idle: boolean) => void
  /** A reset with this code means that the link to the agent is lost; null: there is none. */
  lostCode: number | null = null
  ondata: (chunk: Buffer) => void = nothing
  onend: () => void = nothing
  ondrain: () => void = nothing
  onclose: (error: Error | null) => void = nothing
  readonly #stream: Http2Stream
  /** Stored here, because a closed stream no longer has it. */
  readonly #session: Http2Stream['session']
  readonly #account: StreamAccount | undefined
  readonly #meter: StreamMeter | undefined
  #ended = false
  #paused = false
  #closed = false
  #error: Error | null = null

  /** `budget`: the budget of the stream's session; `meter`: counts the bytes of both directions. */
  constructor(stream: Http2Stream, agent: string, budget?: UnreadBudget, meter?: StreamMeter) {
    this.#stream = stream
    this.#account = budget?.account()
    this.#meter = meter
    this.#session = stream.session
    this.agent = agent
    // Node.js takes this much of a stream that is not being read in addition to its window, and has no option for it: 64 KiB
    // for each of many slow readers.
    ;(stream as unknown as { _readableState: { highWaterMark: number } })._readableState.highWaterMark = 1
    stream.on('error', (error) => {
      this.#error ??= error
    })
    stream.on('drain', () => this.ondrain())
    stream.once('end', () => this.#atEnd())
    stream.once('close', () => this.#atClose())
    queueMicrotask(() => {
      stream.on('data', (chunk: Buffer) => {
        countReceived(chunk.length)
        this.#account?.received(chunk.length)
        this.#meter?.moved(chunk.length)
        this.ondata(chunk)
      })
      if (this.#paused) stream.pause()
    })
  }

  /** `end` is also emitted when the session is lost or the peer resets the stream; the checks below detect that. */
  #atEnd(): void {
    if (this.#stream.aborted || this.#stream.rstCode !== NGHTTP2_NO_ERROR || this.#error) return
    this.#ended = true
    this.onend()
  }

  #atClose(): void {
    this.#account?.released()
    this.#meter?.released()
    this.#paused = false
    this.#closed = true
    const { writableEnded, writableFinished, rstCode } = this.#stream
    // Once the last frame is in flight, the stream may close before Node.js reports it as finished.
    const sent = writableFinished || (writableEnded && !this.#session?.destroyed)
    const clean = this.#ended && sent && !this.#error && rstCode === NGHTTP2_NO_ERROR
    if (clean) return void this.onclose(null)
    // The whole link is gone, so another agent may be tried; a reset by the app is final.
    if (this.#session?.destroyed || rstCode === this.lostCode) return void this.onclose(linkLost(this.#error))
    this.onclose(this.#error ?? new Error(`the stream was reset (code ${rstCode})`))
  }

  write(chunk: Buffer): boolean {
    const stream = this.#stream
    if (stream.destroyed || stream.closed || stream.writableEnded) return true
    this.#meter?.moved(chunk.length)
    return stream.write(chunk)
  }

  /**
   * As `write`, for a chunk that is the whole of its ArrayBuffer and that nobody else reads: its memory is freed once it has
   * been sent. A garbage collection would free it many megabytes later.
   */
  writeOwned(chunk: Buffer<ArrayBuffer>): boolean {
    const stream = this.#stream
    if (stream.destroyed || stream.closed || stream.writableEnded) return true
    return stream.write(chunk, (error) => {
      // Node.js may still be sending from it when it gives up the stream.
      if (!error && !stream.destroyed) chunk.buffer.transfer(0)
    })
  }

  end(): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.end()
  }

  destroy(): void {
    resetStream(this.#stream)
  }

  pause(): void {
    if (this.#paused || this.#closed) return
    this.#paused = true
    this.#account?.paused()
    this.#stream.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#account?.resumed()
    this.#stream.resume()
  }
}

function linkLost(cause: Error | null): Error {
  return Object.assign(new Error('the link is gone', { cause }), { code: 'MEZ_LINK_LOST' })
}

/**
 * Resets a stream at once. `close()` of Node.js ends the writable side first, which sends END_STREAM before RST_STREAM:
 * the peer would mistake a cut response for a complete one. So `end` is replaced by a function that does nothing. The
 * default code means that the TCP connection behind a CONNECT failed (RFC 9113, 8.5). CANCEL would also fit, but Node.js
 * delays a CANCEL that is sent from inside a callback.
 */
export function resetStream(stream: Http2Stream, code: number = NGHTTP2_CONNECT_ERROR): void {
  if (stream.destroyed) return
  if (stream.closed) {
    // Both ends were sent, but the last bytes are still unread: a paused stream would stay open for ever.
    if (stream.rstCode === NGHTTP2_NO_ERROR) stream.destroy()
    return
  }
  if (!stream.writableEnded) stream.end = () => stream
  stream.close(code)
  // Node.js frees a stream once both its sides have finished, but if the peer has already closed it, ours never does.
  const release = (): unknown => setImmediate(() => stream.destroy())
  if (stream.pending) stream.once('ready', release)
  else release()
}
