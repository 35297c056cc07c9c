import type { Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { Lane, Library, Parser, SessionEvents } from './library.ts'
import { growingWindows, peerLimits, WINDOW } from './windows.ts'

/**
 * How long a capsule may be that is not data of the stream: two numbers take 16 bytes, the reason of a close 1,024. The library
 * holds it until it is complete, and copies it for each chunk.
 */
const CAPSULE_BYTES = 4_096
/** Chunks are passed on in pieces, because the library copies what is left of one each time that the hub raises a limit. */
const PIECE_BYTES = 16 << 10

/**
 * The agent's end of a WebTransport session, which the library runs: its one stream as a byte stream. Whatever the library
 * throws ends this carrier alone. A hub can make it hold no more than HTTP/2 has in flight: its bytes reach the library only while
 * somebody reads, datagrams are dropped, and it may open no stream.
 */
export class AgentCarrier extends Duplex {
  readonly #stream: Http2Stream
  readonly #parser: Parser
  /** Our stream, once the hub lets us open it. */
  #lane: Lane | null = null
  #waiting: { readonly chunk: Buffer; readonly done: () => void } | null = null
  /** How much of it the library has been given. */
  #given = 0
  /** True while the library waits for the hub before it passes on a piece. */
  #held = false
  #passing = false

  constructor({ Http2CapsuleParser, Http2WebTransportSession }: Library, stream: Http2Stream) {
    super({ allowHalfOpen: false })
    this.#stream = stream
    this.on('error', () => this.destroy())
    // A peer that has ended takes nothing any more; Node.js then keeps what HTTP/2 has not sent, and its stream open.
    this.once('end', () => this.destroy())
    stream.on('error', () => {})
    stream.once('end', () => this.push(null))
    stream.once('close', () => this.destroy())
    const peer = peerLimits(stream)
    const end = (): void => void this.destroy()
    const connection = {
      rstCode: 0,
      // This class passes the events on, so that no error of a listener is thrown into HTTP/2.
      on() {},
      write: (bytes: Buffer) => !stream.writable || stream.write(bytes),
      end,
      close: end,
      destroy: end,
    }
    let parser: Parser | undefined
    const session = new Http2WebTransportSession({
      stream: connection,
      isclient: true,
      createParser: (nativesession) => {
        parser = new Http2CapsuleParser({
          ...{ stream: connection, nativesession, isclient: true },
          initialStreamSendWindowOffsetBidi: peer.stream,
          initialStreamSendWindowOffsetUnidi: 0,
          initialStreamReceiveWindowOffset: WINDOW,
          streamShouldAutoTuneReceiveWindow: false,
          streamReceiveWindowSizeLimit: WINDOW,
        })
        return parser
      },
      sendWindowOffset: peer.session,
      receiveWindowOffset: WINDOW,
      shouldAutoTuneReceiveWindow: false,
      receiveWindowSizeLimit: WINDOW,
      initialBidirectionalSendStreams: peer.streams,
      initialBidirectionalReceiveStreams: 0,
      initialUnidirectionalSendStreams: 0,
      initialUnidirectionalReceiveStreams: 0,
    })
    this.#parser = parser as unknown as Parser
    const drain = this.#parser.drainWrites
    // The library calls it in a promise too, and keeps an error there to itself.
    this.#parser.drainWrites = () => this.#run(() => drain.call(this.#parser))
    session.jsobj = {
      state: 'connected',
      onReady() {},
      onClose: end,
      onStream: ({ incoming, stream: lane }) => this.#open(lane, incoming, session),
      onDatagramReceived() {},
      onGoAwayReceived() {},
    } satisfies SessionEvents
    const grow = growingWindows(stream, () => !this.destroyed)
    stream.on('data', (chunk: Buffer) => {
      this.#run(() => this.#parser.parseData(chunk))
      if ((this.#parser.saveddata?.length ?? 0) > CAPSULE_BYTES) this.destroy()
      grow(chunk.length)
    })
    stream.on('drain', () => {
      this.#parser.blocked = false
      this.#parser.drainWrites()
      this.#next()
    })
    this.#run(() => session.orderBidiStream({ waitUntilAvailable: true }))
  }

  /** Runs a part of the library. */
  #run(part: () => void): void {
    if (this.destroyed) return
    this.#stream.cork()
    try {
      part()
    } catch (cause) {
      this.destroy(new Error('the session of the hub has failed', { cause }))
    } finally {
      this.#stream.uncork()
    }
  }

  #open(lane: Lane, incoming: boolean, session: Lane['jsobj']['parentobj']['objint']): void {
    lane.jsobj = {
      parentobj: { state: 'connected', objint: session },
      getReadBuffer: ({ byteSize }) => ({
        buffer: Buffer.allocUnsafeSlow(byteSize),
        readBytes: 0,
        fin: false,
      }),
      commitReadBuffer: ({ buffer, fin }) => {
        if (this.destroyed) return {}
        if (buffer && buffer.length > 0 && !this.push(buffer)) this.#stream.pause()
        if (fin) this.push(null)
        return {}
      },
      onStreamWrite: () => {
        this.#held = false
        this.#next()
      },
      onStreamRecvSignal: () => void this.destroy(),
      onStreamNetworkFinish() {},
    }
    // The hub has opened it, or used an id that belongs to the agent.
    if (incoming || this.#lane !== null) return void this.destroy()
    this.#lane = lane
    lane.startReading()
    this.#next()
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting = { chunk, done }
    this.#given = 0
    this.#next()
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', done)
  }

  /** Passes on what waits, piece by piece, while the hub and HTTP/2 take it. */
  #next(): void {
    if (this.#passing) return
    this.#passing = true
    while (this.#waiting && this.#lane && !this.#held && !this.#stream.writableNeedDrain && !this.destroyed) {
      const { chunk, done } = this.#waiting
      if (this.#given >= chunk.length) {
        this.#waiting = null
        done()
      } else this.#pass(this.#lane, chunk.subarray(this.#given, this.#given + PIECE_BYTES))
    }
    this.#passing = false
  }

  #pass(lane: Lane, piece: Buffer): void {
    this.#given += piece.length
    this.#held = true
    this.#run(() => lane.writeChunk(piece))
    this.#parser.drainWrites()
  }

  override _final(done: () => void): void {
    const lane = this.#lane
    if (lane !== null) this.#run(() => lane.streamFinal())
    this.#parser.drainWrites()
    this.#stream.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#stream.destroyed) this.#stream.close()
    done(error)
  }
}
