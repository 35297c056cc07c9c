import type { EventEmitter } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { startStopwatch } from '../stopwatch.ts'

export const WEBTRANSPORT = '/v1/tunnel/webtransport'
export const WEBSOCKET = '/v1/tunnel/websocket'

/** The public port of a hub, and the name of its own host. */
export interface HubPort {
  readonly port: number
  readonly host: string
  /** Address of the client, in 127.0.0.0/8. */
  readonly localAddress?: string
}

const ANSWER_MS = 30_000

/** The hub has ended a connection before it answered, as it does when a client takes too long for a step. */
export class ConnectionEnded extends Error {}

/**
 * Waits for an event of a connection that has an `error` handler. Rejects with `ConnectionEnded` if it closes,
 * and with another error after 30 s in which programs did not wait for a processor.
 */
function firstOf(connection: EventEmitter, event: string): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const watch = startStopwatch()
    const timer = setInterval(() => {
      if (watch.took() > ANSWER_MS) settle(() => reject(new Error(`no ${event} within ${ANSWER_MS} ms`)))
    }, 500)
    const settle = (then: () => void): void => {
      clearInterval(timer)
      then()
    }
    connection.once(event, (...given) => settle(() => resolve(given)))
    connection.once('close', () =>
      settle(() => reject(new ConnectionEnded(`the hub has closed the connection before ${event}`))),
    )
  })
}

function nothingIfEnded(error: unknown): readonly unknown[] {
  if (error instanceof ConnectionEnded) return []
  throw error
}

/** An HTTP/2 connection to the hub's own host that has its settings. Rejects with `ConnectionEnded` if the hub ends it. */
export async function openHttp2({ port, host, localAddress }: HubPort): Promise<ClientHttp2Session> {
  const session = connect(`https://${host}:${port}`, {
    host: '127.0.0.1',
    port,
    servername: host,
    rejectUnauthorized: false,
    ...(localAddress && { localAddress }),
    remoteCustomSettings: [0x2b61, 0x2b62, 0x2b63, 0x2b64, 0x2b65],
  } as never)
  session.on('error', () => {})
  await firstOf(session, 'remoteSettings')
  return session
}

/** Sends an extended CONNECT with a body; resolves with the status, or 0 if the stream ends without one. */
export async function connectCarrier(
  session: ClientHttp2Session,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<number> {
  if (session.destroyed || session.closed) return 0
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'webtransport',
    ':path': WEBTRANSPORT,
    ...headers,
  })
  stream.on('error', () => {})
  stream.resume()
  stream.write(body)
  const [head] = await firstOf(stream, 'response').catch(nothingIfEnded)
  return Number((head as IncomingHttpHeaders | undefined)?.[':status'] ?? 0)
}

/** Sends an upgrade to a WebSocket with bytes behind it; resolves with the status, or 0 without one. */
export async function upgradeCarrier(
  { port, host, localAddress }: HubPort,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
  path = WEBSOCKET,
): Promise<{ readonly status: number; readonly socket: TLSSocket }> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    servername: host,
    rejectUnauthorized: false,
    ...(localAddress && { localAddress }),
  } as never)
  socket.on('error', () => {})
  const lines = Object.entries({
    host: `${host}:${port}`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  socket.write(body)
  const [first] = await firstOf(socket, 'data').catch(nothingIfEnded)
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(String(first ?? ''))?.[1] ?? 0), socket }
}
