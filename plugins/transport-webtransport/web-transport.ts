import { connect, type ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

/** The path at which the hub accepts tunnels over WebTransport. */
export const PATH = '/v1/tunnel/webtransport'

/*
 * This file contains everything that depends on @fails-components/webtransport 1.6.8 (HTTP/2 mode). A tunnel needs one
 * stream, which the agent opens, so these faults of the package do not matter: only 100 streams per session (closed ones
 * count too), a leak of 5 kB per stream, and lost data on the first stream that a server opens.
 */

type Package = typeof import('@fails-components/webtransport')

/**
 * The package sets no HTTP/2 windows: at 64 KiB a stream of 50 ms round-trip time carries 1.3 MB/s. Hub and agent use the
 * same figures, so that neither depends on the settings that a listener of the hub announces.
 */
const WINDOW = 16 << 20
/** Bytes that may wait for the reader. */
const UNREAD_BYTES = 256 << 10
const windows = {
  initialStreamFlowControlWindow: WINDOW,
  initialSessionFlowControlWindow: WINDOW,
  streamFlowControlWindowSizeLimit: WINDOW,
  sessionFlowControlWindowSizeLimit: WINDOW,
}

/** The internals of the package that are used here. */
interface NativeClient {
  createTransport(): void
  clientInt: ReturnType<typeof connect>
  readonly jsobj: {
    onClientConnected(result: { success: boolean }): void
    onClientWebTransportSupport(support: object): void
  }
}
interface Session {
  readonly ready: Promise<void>
  readonly closed: Promise<unknown>
  readonly draining?: Promise<unknown>
  readonly incomingBidirectionalStreams: ReadableStream<ByteStream>
  createBidirectionalStream(): Promise<ByteStream>
  close(): void
}
interface ByteStream {
  readonly readable: ReadableStream
  readonly writable: WritableStream
}
interface StreamSession {
  addStreamObj(stream: {
    readonly readableController: { readonly desiredSize: number | null }
    commitReadBuffer(buffer: object): { stopReading?: boolean }
  }): void
}

let loaded: Promise<Package> | undefined

/**
 * Loads the package when it is first used. It prints some 25 lines when its native part for HTTP/3 is not installed,
 * which is the normal case; they are suppressed.
 */
function loadPackage(): Promise<Package> {
  loaded ??= quietly(async () => {
    const found = await import('@fails-components/webtransport')
    await found.quicheLoaded
    return found
  })
  return loaded
}

async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { log, error } = console
  console.log = () => {}
  console.error = () => {}
  try {
    return await run()
  } finally {
    // The server's half of the package reports one turn later.
    await new Promise((resolve) => setImmediate(resolve))
    Object.assign(console, { log, error })
  }
}

/** True when the operator has installed the native part for HTTP/3. */
export async function hasHttp3(): Promise<boolean> {
  const name = '@fails-components/webtransport-transport-http3-quiche'
  return import(name).then(
    () => true,
    () => false,
  )
}

/**
 * Opens a WebTransport session on a TLS connection to the hub, and the one stream that carries the tunnel. By itself the
 * package would connect to its URL without a proxy and with fixed TLS options and windows.
 */
export async function openCarrier(socket: TLSSocket, authority: string, path: string): Promise<Duplex> {
  const { WebTransport } = await loadPackage()
  class Client extends WebTransport {
    override createClient(args: never): never {
      const made = super.createClient(args) as unknown as {
        client: { args: { createReliableClient(client: unknown): NativeClient } }
      }
      const create = made.client.args.createReliableClient
      made.client.args.createReliableClient = (client) => {
        const native = create(client)
        native.createTransport = () => useConnection(native, socket, authority)
        return native
      }
      return made as never
    }
  }
  const options = { forceReliable: true, webTransportConnectTimeout: 10_000, ...windows }
  const session = new Client(`https://${authority}${path}`, options as never) as unknown as Session & {
    readonly sessionint: StreamSession
  }
  ignoreEnd(session)
  limitUnread(session.sessionint)
  const lost = new Promise<never>((_resolve, reject) =>
    socket.once('close', () => reject(new Error('the connection was closed during the handshake'))),
  )
  lost.catch(() => {})
  await Promise.race([session.ready, lost])
  const carrier = duplexOf(await Promise.race([session.createBidirectionalStream(), lost]))
  // The package does not notice a dead connection, and leaves it open.
  socket.once('close', () => carrier.destroy())
  carrier.once('close', () => socket.destroy())
  return carrier
}

function useConnection(native: NativeClient, socket: TLSSocket, authority: string): void {
  const session = connect(`https://${authority}`, {
    createConnection: () => socket,
    maxSessionMemory: 256,
    settings: { enablePush: false, initialWindowSize: WINDOW },
  })
  native.clientInt = session
  let connected = false
  session.once('connect', () => {
    connected = true
    session.setLocalWindowSize(WINDOW)
    native.jsobj.onClientConnected({ success: true })
  })
  session.on('error', () => {
    if (!connected) native.jsobj.onClientConnected({ success: false })
    connected = true
  })
  session.once('remoteSettings', (settings) => {
    if (settings.enableConnectProtocol) native.jsobj.onClientWebTransportSupport({})
  })
}

/** Makes carriers of the CONNECT streams that a hub's own HTTP/2 server has received. */
export interface CarrierServer {
  accept(stream: ServerHttp2Stream, headers: object, deliver: (carrier: Duplex) => void): void
}

/** The package's server without its listener, which would need a certificate and a key. */
export async function createCarrierServer(): Promise<CarrierServer> {
  const { Http2Server } = await loadPackage()
  const server = new Http2Server({
    ...{ port: 0, host: 'localhost', secret: '-', cert: [], privKey: [] },
    ...windows,
    initialBidirectionalStreams: 1,
  } as never) as unknown as {
    createTransportInt(): Promise<void>
    setRequestCallback(callback: (request: { header: Record<string, string> }) => Promise<object>): void
    sessionStream(path: string, options: object): ReadableStream<Session>
    readonly sessionController: Record<string, unknown>
    readonly sessionStreams: Record<string, unknown>
    readonly transportInt: { readonly serverInt: NodeJS.EventEmitter }
  }
  await server.createTransportInt()
  server.setRequestCallback(async ({ header }) => ({ header, path: header[':path'], status: 200 }))
  const inner = server.transportInt.serverInt
  let accepted = 0

  return {
    accept(stream, headers, deliver) {
      stream.on('error', () => {})
      const { session } = stream
      if (!session || stream.destroyed) return
      // The tunnel is alone on its connection, so it may use larger windows than browsers get.
      session.settings({ initialWindowSize: WINDOW })
      session.setLocalWindowSize(WINDOW)
      // The package distinguishes sessions by their path.
      accepted += 1
      const path = `/${accepted}`
      const sessions = server.sessionStream(path, { noAutoPaths: true }).getReader()
      const forget = (): void => {
        delete server.sessionController[path]
        delete server.sessionStreams[path]
      }
      stream.once('close', forget)
      firstStream(sessions).then(
        (bytes) => {
          const carrier = duplexOf(bytes)
          stream.once('close', () => carrier.destroy())
          carrier.once('close', () => session.destroy())
          deliver(carrier)
        },
        () => stream.destroy(),
      )
      inner.emit('stream', stream, { ...headers, ':path': path })
    },
  }
}

async function firstStream(sessions: ReadableStreamDefaultReader<Session>): Promise<ByteStream> {
  const { value: session } = await sessions.read()
  if (!session) throw new Error('no session')
  ignoreEnd(session)
  limitUnread(session as unknown as StreamSession)
  await session.ready
  const { value: stream } = await session.incomingBidirectionalStreams.getReader().read()
  if (!stream) throw new Error('no stream')
  return stream
}

/** These promises reject when a session ends, which its stream reports too. */
function ignoreEnd({ ready, closed, draining }: Session): void {
  for (const promise of [ready, closed, draining]) promise?.catch(() => {})
}

/**
 * The package queues all received bytes without a limit and lets the peer send more. This makes a stream stop reading while
 * its queue is full, so that the peer gets no new window, and resume when the queue is empty.
 */
function limitUnread(session: StreamSession): void {
  const add = session.addStreamObj.bind(session)
  session.addStreamObj = (stream) => {
    const commit = stream.commitReadBuffer.bind(stream)
    stream.commitReadBuffer = (buffer) => {
      const result = commit(buffer)
      if ((stream.readableController.desiredSize ?? 0) <= -UNREAD_BYTES) result.stopReading = true
      return result
    }
    add(stream)
  }
}

function duplexOf(stream: ByteStream): Duplex {
  const carrier = Duplex.fromWeb(stream as never, { allowHalfOpen: false })
  carrier.on('error', () => carrier.destroy())
  return carrier
}
