import { randomUUID } from 'node:crypto'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { AgentTransport, HubTarget, HubTransport } from '../api/transport.ts'
import { systemClock } from '../kernel/clock.ts'
import { developmentCertificate } from '../program/development-certificate.ts'
import { relaySocket } from '../wire/socket-relay.ts'
import { StreamPipe } from '../wire/stream-pipe.ts'
import { meziteTls, SESSION_WINDOW, TUNNEL_ALPN, tunnelHttp2 } from '../wire/tunnel-protocol.ts'
import { UnreadBudget } from '../wire/unread-budget.ts'

/** How long a transport may take to connect, also on a busy machine. */
const DIAL_MS = 120_000

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void

/** The two halves of a transport as its plugins contribute them. */
export interface TransportUnderTest {
  readonly hub: HubTransport
  readonly agent: AgentTransport
}

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

/** Gives a transport its connections as a hub does. */
export interface TransportBench {
  readonly port: number
  /** The proof of one request of the agent. */
  readonly proof: HubTarget['proof']
  /** Dials through `port`, by default the hub's own. Default of `signal`: a timeout. */
  open(port?: number, signal?: AbortSignal): Promise<Carrier>
  dial(signal: AbortSignal, port?: number): Promise<Duplex>
  /** With `echo` the streams themselves return the bytes that they receive. */
  tunnel(app: ((socket: Socket) => void) | 'echo', port?: number): Promise<BenchTunnel>
  close(): Promise<void>
}

export async function openTransportBench(
  { hub, agent }: TransportUnderTest,
  dataDir: string,
): Promise<TransportBench> {
  const { key, cert } = await developmentCertificate(dataDir, ['hub.mezite.localhost'], systemClock)
  const waiting: ((carrier: Duplex) => void)[] = []
  const early: Duplex[] = []
  /** Proofs of the agent that have not been used. */
  const proofs = new Set<string>()
  const sockets = new Set<Duplex>()
  const keep = (socket: Duplex): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  const deliver = (carrier: Duplex): void => {
    keep(carrier)
    const take = waiting.shift()
    if (take) take(carrier)
    else early.push(carrier)
  }
  const server = hub.alpn ? createServer({ noDelay: true }, deliver) : webServer()
  await hub.listen?.(deliver)

  /** The parts of the hub's own host that transports use. */
  function webServer() {
    const web = createSecureServer({ key, cert, allowHTTP1: true, settings: { enableConnectProtocol: true } })
    web.on('connection', (socket) => {
      // As the hub's listener does.
      socket.setNoDelay(true)
      keep(socket)
    })
    web.on('sessionError', () => {})
    web.on('upgrade', (request, socket, head) => {
      if (request.url !== hub.path?.path || !hub.path?.upgrade) return void socket.destroy()
      if (proofs.delete(request.headers.authorization ?? '')) hub.path.upgrade(request, socket, head, deliver)
      else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    web.on('stream', ((stream, headers, _flags, rawHeaders) => {
      stream.on('error', () => {})
      if (headers[':path'] !== hub.path?.path || !hub.path?.connect) return stream.close()
      if (!proofs.delete(headers.authorization ?? ''))
        return stream.respond({ ':status': 404 }, { endStream: true })
      const shared = { socket: stream.session?.socket as never, took() {}, ended: false }
      hub.path.connect({ stream, headers, rawHeaders, ...shared }, deliver)
    }) satisfies OnStream as never)
    return web
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const proof: HubTarget['proof'] = (method, path) => {
    const value = `Bench method="${method}", path="${path}", nonce="${randomUUID()}"`
    proofs.add(value)
    return value
  }

  const dial = (signal: AbortSignal, at = port): Promise<Duplex> =>
    agent.dial({
      host: 'hub.mezite.localhost',
      port,
      signal,
      proof,
      connect: (other) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason as Error)
          const socket = connectTcp({ port: other?.port ?? at, host: '127.0.0.1', noDelay: true })
          keep(socket)
          socket.once('error', reject)
          const abort = (): void => reject(signal.reason as Error)
          signal.addEventListener('abort', abort, { once: true })
          socket.once('connect', () => {
            signal.removeEventListener('abort', abort)
            resolve(socket)
          })
        }),
    })

  async function open(at = port, signal = AbortSignal.timeout(DIAL_MS)): Promise<Carrier> {
    const received = new Promise<Duplex>((resolve) => {
      const ready = early.shift()
      if (ready) resolve(ready)
      else waiting.push(resolve)
    })
    const dialled = await dial(signal, at)
    keep(dialled)
    return { agent: dialled, hub: await received }
  }

  async function tunnel(app: ((socket: Socket) => void) | 'echo', at = port): Promise<BenchTunnel> {
    const carrier = await open(at)
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
          const stream = session.request(
            { ':method': 'CONNECT', ':authority': 'app:1' },
            { endStream: false },
          )
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

  return {
    port,
    open,
    dial,
    proof,
    tunnel,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
