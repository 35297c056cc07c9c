/** Applications of which everything stays open until somebody ends it, and the ways to have it open. */
import { createServer as createHttpServer } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import type { Visitor } from '../../core/testing/index.ts'
import { open } from '../plugins/tcp-apps/start-tcp-hub.ts'
import { openWebSocket } from './open-web-socket.ts'

export const BROWSER_KINDS = ['download', 'events', 'socket'] as const
export type Kind = (typeof BROWSER_KINDS)[number] | 'tcp'

export interface Ending {
  /** `cut`, `closed 4401` or `reset`; `ended` when it was a clean end, `lives on` when there was none. */
  readonly how: string
  /** On the clock of `performance`. */
  readonly at: number
}

/** One open stream of a person. */
export interface OpenStream {
  readonly kind: Kind
  readonly ended: Promise<Ending>
}

/** How each kind ends when access ends. */
export const CUT: Readonly<Record<Kind, string>> = {
  download: 'cut',
  events: 'cut',
  socket: 'closed 4401',
  tcp: 'reset',
}

export interface DripApp {
  /** `/download` and `/events` drip, a WebSocket says hello, any other path answers it. */
  readonly httpPort: number
  /** Drips on each connection. */
  readonly tcpPort: number
  close(): void
}

const DRIP_MS = 50
const OPEN_MS = 60_000
/** Before a stream gives up by itself. */
const LATE_MS = 30_000
const AGAIN_MS = 20

export async function startDripApp(): Promise<DripApp> {
  const web = createHttpServer((request, response) => {
    const type = { '/events': 'text/event-stream', '/download': 'application/octet-stream' }[
      request.url ?? ''
    ]
    if (type === undefined) return void response.end('hello')
    response.writeHead(200, { 'content-type': type })
    response.write('data: .\n\n')
    const timer = setInterval(() => response.write('data: .\n\n'), DRIP_MS)
    response.on('close', () => clearInterval(timer))
  })
  const sockets = new WebSocketServer({ server: web })
  sockets.on('connection', (socket) => socket.on('error', () => {}).send('hello'))
  const open = new Set<Socket>()
  const raw = createServer((socket) => {
    open.add(socket)
    const timer = setInterval(() => socket.write('.'), DRIP_MS)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      open.delete(socket)
    })
    socket.resume()
  })
  await Promise.all([listen(web), listen(raw)])
  return {
    httpPort: (web.address() as AddressInfo).port,
    tcpPort: (raw.address() as AddressInfo).port,
    close() {
      for (const socket of sockets.clients) socket.terminate()
      for (const socket of open) socket.destroy()
      raw.close()
      web.close()
      web.closeAllConnections()
    },
  }
}

const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

/** A download, an event stream and a WebSocket of the app, in this order; `headers` are the credential of a client. */
export async function openInBrowser(
  visitor: Visitor,
  appUrl: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenStream[]> {
  const transfer = async (kind: 'download' | 'events'): Promise<OpenStream> => {
    const response = await soon(async () => {
      const answer = await visitor.stream(`${appUrl}/${kind}`, { timeoutMs: 60_000, headers })
      answer.on('error', () => {})
      if (answer.statusCode === 200) return answer
      answer.destroy()
      throw new Error(`${kind} answers ${answer.statusCode}`)
    })
    response.resume()
    const ended = new Promise<Ending>((resolve) =>
      response.on('close', () =>
        resolve({ how: response.complete ? 'ended' : 'cut', at: performance.now() }),
      ),
    )
    return { kind, ended }
  }
  const webSocket = async (): Promise<OpenStream> => {
    const socket = await soon(() => openWebSocket(visitor, appUrl, '/', headers))
    const ended = new Promise<Ending>((resolve) =>
      socket.on('close', (code) => resolve({ how: `closed ${code}`, at: performance.now() })),
    )
    return { kind: 'socket', ended }
  }
  return Promise.all([transfer('download'), transfer('events'), webSocket()])
}

/** A connection to the app through msh's connection to a hub. */
export async function openThroughMsh(session: ClientHttp2Session, app: string): Promise<OpenStream> {
  const stream = await soon(async () => {
    const { stream, status, reason } = await open(session, app)
    if (status === 200) return stream
    stream.destroy()
    throw new Error(`${app} answers ${status} ${reason}`)
  })
  stream.resume()
  const ended = new Promise<Ending>((resolve) =>
    stream.once('close', () =>
      resolve({ how: stream.rstCode === 0 ? 'ended' : 'reset', at: performance.now() }),
    ),
  )
  return { kind: 'tcp', ended }
}

/** How each of them ended, once all have; `lives on` for what does not within half a minute. */
export async function endings(streams: readonly OpenStream[]): Promise<Ending[]> {
  const late = pause(LATE_MS, null, { ref: false })
  const ends = await Promise.all(streams.map(({ ended }) => Promise.race([ended, late])))
  return ends.map((end) => end ?? { how: 'lives on', at: performance.now() })
}

/** A hub that has not yet heard that access is given back is asked again. */
async function soon<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + OPEN_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }
}
