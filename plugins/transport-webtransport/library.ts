/**
 * The parts of `@fails-components/webtransport` that run a session on a stream of HTTP/2. Its public client takes neither our
 * connection nor our headers, and its entry looks for a native library and prints what it finds; so two of its modules are loaded
 * by file URL, past its `exports`. They are pure JavaScript, and their names belong to the exact version in package.json.
 */

/** A session: streams, their limits, and how they share the connection. */
interface Session {
  /** Whoever is told of events. The library says: the creator sets it. */
  jsobj: SessionEvents
  /** Opens a stream in both directions, now or when the peer lets us. */
  orderBidiStream(options: { readonly waitUntilAvailable: true }): boolean
}

export interface SessionEvents {
  readonly state: 'connected'
  onReady(): void
  /** The peer has closed the session, or broken its rules. */
  onClose(): void
  /** A stream that we asked for, or that the peer has opened. */
  onStream(opened: { readonly incoming: boolean; readonly stream: Lane }): void
  onDatagramReceived(): void
  onGoAwayReceived(): void
}

/** A stream of a session. */
export interface Lane {
  jsobj: LaneEvents
  startReading(): void
  writeChunk(bytes: Uint8Array): void
  /** Ends our direction after everything that has been written. */
  streamFinal(): void
}

export interface LaneEvents {
  /** Whose state and limits count. */
  readonly parentobj: { readonly state: 'connected'; readonly objint: Session }
  /** Memory for received bytes: the library writes from the beginning of its ArrayBuffer. */
  getReadBuffer(wanted: { readonly byteSize: number }): {
    readonly buffer: Uint8Array
    readBytes: number
    fin: boolean
  }
  commitReadBuffer(read: { readonly buffer?: Uint8Array; readonly fin?: boolean }): { stopReading?: boolean }
  /** A chunk has been passed to the connection. */
  onStreamWrite(): void
  /** The peer has reset the stream, or stops reading it. */
  onStreamRecvSignal(): void
  onStreamNetworkFinish(): void
}

/** Reads and writes the capsules of a session. */
export interface Parser {
  /** True while the connection takes no more. */
  blocked: boolean
  /** The beginning of a capsule that is not complete. */
  readonly saveddata?: Uint8Array
  parseData(chunk: Buffer): void
  drainWrites(): void
}

/** What the library uses of a stream of HTTP/2. */
export interface Connection {
  readonly rstCode: number
  on(event: string, listener: unknown): void
  write(bytes: Uint8Array): boolean
  end(bytes: Uint8Array): void
  close(): void
  destroy(): void
}

interface ReceiveWindow {
  readonly shouldAutoTuneReceiveWindow: false
  readonly receiveWindowSizeLimit: number
}

export interface Library {
  readonly Http2WebTransportSession: new (
    options: ReceiveWindow & {
      readonly stream: Connection
      readonly isclient: true
      readonly createParser: (session: Session) => Parser
      readonly sendWindowOffset: number
      readonly receiveWindowOffset: number
      readonly initialBidirectionalSendStreams: number
      readonly initialBidirectionalReceiveStreams: number
      readonly initialUnidirectionalSendStreams: number
      readonly initialUnidirectionalReceiveStreams: number
    },
  ) => Session
  readonly Http2CapsuleParser: new (options: {
    readonly stream: Connection
    readonly nativesession: Session
    readonly isclient: true
    readonly initialStreamSendWindowOffsetBidi: number
    readonly initialStreamSendWindowOffsetUnidi: number
    readonly initialStreamReceiveWindowOffset: number
    readonly streamShouldAutoTuneReceiveWindow: false
    readonly streamReceiveWindowSizeLimit: number
  }) => Parser
}

/** Loads the library when the first carrier is dialled. Rejects if it is not installed. */
export async function loadLibrary(): Promise<Library> {
  const entry = import.meta.resolve('@fails-components/webtransport')
  const [session, parser] = await Promise.all(
    ['./http2/session.js', './http2/node/capsuleparser.js'].map(
      (file): Promise<Library> => import(new URL(file, entry).href),
    ),
  )
  return { ...(session as Library), ...(parser as Library) }
}
