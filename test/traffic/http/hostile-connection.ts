/**
 * One hostile client at a time, in a process of its own: it opens a connection to the hub's own host from 127.66.0.1, sends what the
 * kind says as fast as the hub reads, and opens the next one when the hub closes it. It writes `ready` once the first one stands.
 */
import { connect, type TLSSocket } from 'node:tls'
import { block, END_HEADERS, END_STREAM, frame, HEADERS, RawHttp2, RST_STREAM, uint32 } from './raw-http2.ts'

const [kind = '', port = '', host = ''] = process.argv.slice(2)
const CHUNK_BYTES = 60 * 1024

const repeated = (request: string): Buffer =>
  Buffer.from(request.repeat(Math.ceil(CHUNK_BYTES / request.length)))
const get = (path: string) => repeated(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)

/** Writes the chunks for as long as the hub takes them. */
function pump(socket: TLSSocket, next: () => Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(next()));
    socket.once('drain', more)
  }
  socket.on('data', () => {})
  more()
}

function resets(socket: TLSSocket): void {
  new RawHttp2(socket)
  const head = block([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', `${host}:${port}`],
    [':path', '/nope'],
  ])
  let id = -1
  pump(socket, () => {
    const frames: Buffer[] = []
    for (let n = 0; n < 400; n++) {
      id += 2
      frames.push(frame(HEADERS, END_HEADERS | END_STREAM, id, head), frame(RST_STREAM, 0, id, uint32(8)))
    }
    return Buffer.concat(frames)
  })
}

const kinds: Readonly<Record<string, { readonly alpn: string; start(socket: TLSSocket): void }>> = {
  'pipelined requests': { alpn: 'http/1.1', start: (socket) => pump(socket, () => get('/nope')) },
  'anonymous calls': { alpn: 'http/1.1', start: (socket) => pump(socket, () => get('/v1/webapi/me')) },
  'resets of HTTP/2': { alpn: 'h2', start: resets },
}
const { alpn, start } = kinds[kind] as (typeof kinds)[string] & object

function open(): void {
  const socket = connect({
    port: Number(port),
    host: '127.0.0.1',
    localAddress: '127.66.0.1',
    servername: host,
    rejectUnauthorized: false,
    ALPNProtocols: [alpn],
  } as never)
  socket.on('error', () => {})
  socket.once('secureConnect', () => {
    process.send?.('ready')
    start(socket)
  })
  socket.once('close', () => setImmediate(open))
}
open()
