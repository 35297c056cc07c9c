import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Session,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { relaySocket } from '../wire/socket-relay.ts'
import { StreamPipe } from '../wire/stream-pipe.ts'
import { meziteTls, SESSION_WINDOW, TUNNEL_ALPN, tunnelHttp2 } from '../wire/tunnel-protocol.ts'
import { UnreadBudget } from '../wire/unread-budget.ts'

/** A new carrier: the end that the agent dialled, and the end that the hub received. */
export interface Carrier {
  readonly agent: Duplex
  readonly hub: Duplex
}

/** A tunnel on a carrier, as the core builds it: TLS 1.3, HTTP/2 with the hub as client, CONNECT streams to one app. */
export interface BenchTunnel extends Carrier {
  readonly session: ClientHttp2Session
  /** Opens a connection to the app, which `app` serves. */
  dial(): Promise<StreamPipe>
  close(): void
}

/** With `echo` the streams themselves return the bytes that they receive. */
export async function openBenchTunnel(
  carrier: Carrier,
  app: ((socket: Socket) => void) | 'echo',
  { key, cert }: { readonly key: string; readonly cert: string },
): Promise<BenchTunnel> {
  const backend = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {})
    if (app !== 'echo') app(socket)
  })
  // A test that fails must not keep the process alive.
  await new Promise<void>((resolve) => backend.unref().listen(0, '127.0.0.1', resolve))
  const { port: appPort } = backend.address() as AddressInfo
  const http2 = createHttp2Server(tunnelHttp2)
  let budget: UnreadBudget | undefined
  http2.on('session', (session: ServerHttp2Session) => {
    session.on('error', () => {})
    session.setLocalWindowSize(SESSION_WINDOW)
    budget = new UnreadBudget(session)
  })
  http2.on('stream', (stream) => {
    stream.on('error', () => {})
    if (app === 'echo') {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
      return
    }
    const socket = connectTcp({ port: appPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    socket.on('error', () => {})
    socket.once('connect', () => {
      if (stream.destroyed) return void socket.destroy()
      stream.respond({ ':status': 200 }, { endStream: false })
      relaySocket(new StreamPipe(stream, '', budget), socket)
    })
  })
  const tls = createTlsServer({ key, cert, ...meziteTls, ALPNProtocols: [TUNNEL_ALPN] })
  tls.on('tlsClientError', () => {})
  const session = await new Promise<ClientHttp2Session>((resolve, reject) => {
    tls.once('secureConnection', (socket) => {
      socket.on('error', () => {})
      const made = connectHttp2('https://agent', { createConnection: () => socket, ...tunnelHttp2 })
      made.on('error', reject)
      made.once('connect', () => {
        made.setLocalWindowSize(SESSION_WINDOW)
        resolve(made)
      })
    })
    tls.emit('connection', carrier.hub)
    const near = connectTls({
      socket: carrier.agent,
      rejectUnauthorized: false,
      ALPNProtocols: [TUNNEL_ALPN],
    })
    near.on('error', reject)
    near.once('secureConnect', () => http2.emit('connection', near))
  })
  const hubBudget = new UnreadBudget(session)
  return {
    ...carrier,
    session,
    dial: () =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': 'CONNECT', ':authority': 'app:1' }, { endStream: false })
        stream.once('error', reject)
        stream.once('response', () => resolve(new StreamPipe(stream, 'agent', hubBudget)))
      }),
    close() {
      session.destroy()
      carrier.agent.destroy()
      carrier.hub.destroy()
      backend.close()
    },
  }
}
