import { randomUUID } from 'node:crypto'
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AgentTransport, HubTarget, HubTransport } from '../api/transport.ts'
import { systemClock } from '../kernel/clock.ts'
import { developmentCertificate } from '../program/parts/development-certificate.ts'
import { type BenchTunnel, type Carrier, openBenchTunnel } from './bench-tunnel.ts'

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
    const customSettings = hub.path?.settings ?? {}
    const web = createSecureServer({
      ...{ key, cert, allowHTTP1: true },
      settings: { enableConnectProtocol: true, customSettings },
      remoteCustomSettings: Object.keys(customSettings).map(Number),
    })
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

  return {
    port,
    open,
    dial,
    proof,
    tunnel: async (app, at) => openBenchTunnel(await open(at), app, { key, cert }),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
