import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { captureHello } from '../traffic/listener/capture-hello.ts'

export interface FuzzTargets {
  readonly publicPort: number
  readonly diagnosticsPort: number
  readonly adminSocket: string
  /** Server names that the public port knows. */
  readonly hosts: readonly string[]
}

const ALPN = ['http/1.1', 'h2', 'mezite-join/1', 'mezite-tunnel/1', 'mezite-tcp/1', '']
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const PIECES = [
  'GET / HTTP/1.1\r\n',
  'POST /v1/webapi/me HTTP/1.1\r\n',
  'POST /web/login HTTP/1.1\r\n',
  'GET /metrics HTTP/1.1\r\n',
  'CONNECT x:1 HTTP/1.1\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'Host: hub.mezite.localhost\r\n',
  'Host: a.apps.mezite.localhost\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 99999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
  'Cookie: __Host-mezite_app=tokentokentokentokentokentoken0000000000000\r\n',
  'Authorization: Bearer x\r\n',
  'Content-Type: application/json\r\n',
  'Expect: 100-continue\r\n',
  'X: \u0000\r\n',
  '\r\n',
  '5\r\nhello\r\n',
  '{"a":',
  'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
] as const

const PATHS = [
  '/',
  '/web/login',
  '/v1/webapi/openapi.json',
  '/v1/webapi/status',
  '/.mezite/session-status',
  '/metrics',
] as const
/** Requests that are sound one by one, from their request line without the method on. */
const SOUND = [
  (rest: string) => `GET ${rest}\r\n`,
  (rest: string) => `HEAD ${rest}\r\n`,
  (rest: string) => `POST ${rest}Content-Length: 5\r\n\r\nhello`,
  (rest: string) => `POST ${rest}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  (rest: string) => `PUT ${rest}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
  (rest: string) => `GET ${rest}Connection: close\r\n\r\n`,
  (rest: string) =>
    `GET ${rest}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  (rest: string) => `CONNECT ${rest}\r\n`,
] as const

/** Repeats itself from its seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Talks nonsense to every listener of a hub, at each stage of a connection: raw, in the middle of a ClientHello, behind a
 * finished handshake of each protocol, and leaves in every way that there is. Resolves to how many connections that were.
 */
export async function fuzzListeners(
  targets: FuzzTargets,
  seed: number,
  connections: number,
): Promise<number> {
  const random = randomFrom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const hellos = await Promise.all(
    ALPN.flatMap((alpn) =>
      targets.hosts.map((servername) =>
        captureHello({ servername, ...(alpn === '' ? {} : { ALPNProtocols: [alpn] }) }),
      ),
    ),
  )
  const bytes = (most: number) =>
    Buffer.from(Array.from({ length: Math.floor(random() * most) }, () => random() * 256))

  function mutated(original: Buffer): Buffer {
    const copy = Buffer.from(original)
    for (let left = Math.floor(random() * 6); left >= 0; left--)
      copy[Math.floor(random() * copy.length)] = random() * 256
    return random() < 0.3 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy
  }

  function frame(): Buffer {
    const payload = bytes(random() < 0.1 ? 20_000 : 64)
    const head = Buffer.alloc(9)
    head.writeUIntBE(random() < 0.1 ? Math.floor(random() * 0xffffff) : payload.length, 0, 3)
    head[3] = Math.floor(random() * 12)
    head[4] = random() * 256
    head.writeUInt32BE(Math.floor(random() * 8), 5)
    return Buffer.concat([head, payload])
  }

  const http1 = () =>
    Buffer.from(Array.from({ length: 1 + random() * 10 }, () => pick(PIECES)).join(''), 'latin1')
  /** One behind the other, none waits for the answer to the one before; the last may be cut off or spoilt. */
  const pipelined = (host: string) => {
    const requests = Array.from({ length: 2 + random() * 5 }, () =>
      pick(SOUND)(`${pick(PATHS)} HTTP/1.1\r\nHost: ${host}\r\n`),
    )
    const said = Buffer.from(requests.join(''), 'latin1')
    const end = random()
    return end < 0.2 ? said.subarray(0, -3) : end < 0.4 ? Buffer.concat([said, http1()]) : said
  }
  const overHttp1 = (host: string) => (random() < 0.5 ? http1() : pipelined(host))
  const http2 = () =>
    Buffer.concat([random() < 0.9 ? PREFACE : bytes(24), ...Array.from({ length: 1 + random() * 8 }, frame)])

  /** Says something in pieces, waits a little for whatever comes, and goes. */
  async function talk(socket: Socket, said: Buffer): Promise<void> {
    socket.on('error', () => {})
    socket.resume()
    const cut = Math.floor(random() * said.length)
    if (!socket.destroyed) socket.write(said.subarray(0, cut))
    if (!socket.destroyed) socket.write(said.subarray(cut))
    const leave = pick(['end', 'reset', 'destroy', 'wait'] as const)
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
      setTimeout(resolve, leave === 'wait' ? 200 : random() * 30)
    })
    if (leave === 'end') socket.end()
    else if (leave === 'reset' && socket.remotePort !== undefined && !(socket instanceof TLSSocket))
      socket.resetAndDestroy()
    else socket.destroy()
    setTimeout(() => socket.destroy(), 500).unref()
  }

  async function secured(alpn: string, servername: string): Promise<Socket | null> {
    const options = { port: targets.publicPort, host: '127.0.0.1', servername, rejectUnauthorized: false }
    const socket = connectTls(alpn === '' ? options : { ...options, ALPNProtocols: [alpn] })
    const ready = once(socket, 'secureConnect').then(
      () => socket,
      () => null,
    )
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), 30_000).unref())
    const first = await Promise.race([ready, late])
    socket.on('error', () => {})
    if (first === null) socket.destroy()
    return first
  }

  async function one(): Promise<void> {
    const plain = (to: NetConnectOpts) => connect(to)
    const kind = random()
    if (kind < 0.08)
      return talk(plain({ port: targets.diagnosticsPort, host: '127.0.0.1' }), overHttp1('127.0.0.1'))
    if (kind < 0.16)
      return talk(
        plain({ path: targets.adminSocket }),
        random() < 0.7 ? overHttp1('localhost') : bytes(2_000),
      )
    const port = { port: targets.publicPort, host: '127.0.0.1' }
    if (kind < 0.24) return talk(plain(port), bytes(3_000))
    if (kind < 0.45)
      return talk(
        plain(port),
        Buffer.concat([mutated(pick(hellos)), random() < 0.5 ? bytes(500) : Buffer.alloc(0)]),
      )
    const [alpn, host] = [pick(ALPN), pick(targets.hosts)]
    const said =
      alpn === '' || alpn === 'http/1.1'
        ? overHttp1(`${host}:${targets.publicPort}`)
        : random() < 0.8
          ? http2()
          : bytes(2_000)
    const socket = await secured(alpn, host)
    if (socket !== null) await talk(socket, said)
  }

  let left = connections
  const worker = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  return connections
}
