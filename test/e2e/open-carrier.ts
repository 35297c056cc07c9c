import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTls, type TLSSocket } from 'node:tls'

export const WEBTRANSPORT = '/v1/tunnel/webtransport'
export const WEBSOCKET = '/v1/tunnel/websocket'

/** The public port of a hub, and the name of its own host. */
export interface HubPort {
  readonly port: number
  readonly host: string
  /** Address of the client, in 127.0.0.0/8. */
  readonly localAddress?: string
}

/** An HTTP/2 connection to the hub's own host that has its settings. */
export async function openHttp2({ port, host, localAddress }: HubPort): Promise<ClientHttp2Session> {
  const session = connect(`https://${host}:${port}`, {
    ...{ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false },
    ...(localAddress && { localAddress }),
  } as never)
  session.on('error', () => {})
  await once(session, 'remoteSettings', { signal: AbortSignal.timeout(30_000) })
  return session
}

/** Sends an extended CONNECT with a body; resolves with the status, or 0 if the stream ends without one. */
export function connectCarrier(
  session: ClientHttp2Session,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<number> {
  return new Promise((resolve) => {
    if (session.destroyed || session.closed) return resolve(0)
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'webtransport',
      ':path': WEBTRANSPORT,
      ...headers,
    })
    stream.on('error', () => {})
    stream.once('response', (head) => resolve(Number(head[':status'])))
    stream.once('close', () => resolve(0))
    stream.resume()
    stream.write(body)
  })
}

/** Sends an upgrade to a WebSocket with bytes behind it; resolves with the status, or 0 without one. */
export async function upgradeCarrier(
  { port, host, localAddress }: HubPort,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
  path = WEBSOCKET,
): Promise<{ readonly status: number; readonly socket: TLSSocket }> {
  const socket = connectTls({
    ...{ port, host: '127.0.0.1', servername: host, rejectUnauthorized: false },
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
  const [first] = await Promise.race([
    once(socket, 'data', { signal: AbortSignal.timeout(30_000) }),
    once(socket, 'close').then(() => ['']),
  ])
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(String(first))?.[1] ?? 0), socket }
}
