// together: quick
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t from 'tap'
import {
  type Peeked,
  type PeekOptions,
  peekConnection,
} from '../../../core/traffic/listener/connection-preamble.ts'
import { readProxyHeader } from '../../../core/wire/proxy-protocol.ts'
import { captureHello } from './capture-hello.ts'
import { cutHello, paddedHello } from './cut-hello.ts'

const MAX_BYTES = 65_536

/** Gives a peeked connection piece after piece, each judged before the next comes, until it is found or refused. */
async function feed(pieces: Iterable<Buffer>, options: Partial<PeekOptions> = {}) {
  const socket = new PassThrough()
  let peeked: Peeked | undefined
  let refused: string | undefined
  peekConnection(socket as unknown as Socket, {
    readHeader: () => ({ kind: 'none' }),
    maxBytes: MAX_BYTES,
    found: (all) => {
      peeked = all
    },
    refuse: (reason) => {
      refused = reason
    },
    ...options,
  })
  let sent = 0
  for (const piece of pieces) {
    socket.write(piece)
    sent += piece.length
    await new Promise((resolve) => setImmediate(resolve))
    if (peeked || refused !== undefined) break
  }
  return { peeked, refused, sent, left: socket.read() as Buffer | null }
}

function* piecesOf(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

t.test(
  'a ClientHello in a few records, byte by byte, is found and put back',
  { timeout: 240_000 },
  async (t) => {
    const hello = await captureHello({ servername: 'hub.example', ALPNProtocols: ['h2'] })
    const records = cutHello(hello, 400)
    const { peeked, left } = await feed(piecesOf(records, 1))
    t.strictSame(peeked, { hello: { serverName: 'hub.example', alpn: ['h2'] }, source: null })
    t.ok(left?.equals(records))
    const header = Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n')
    const behind = await feed(piecesOf(Buffer.concat([header, records]), 1), { readHeader: readProxyHeader })
    t.match(behind.peeked, { source: { address: '203.0.113.9', port: 4711 } }, 'also behind a balancer')
    t.ok(behind.left?.equals(records))
  },
)

t.test('H113 a client that cuts its ClientHello into tiny pieces is refused early', async (t) => {
  const tiny = cutHello(paddedHello(10_000), 1)
  for (const size of [1, 6, 50]) {
    const { refused, sent } = await feed(piecesOf(tiny, size))
    t.equal(refused, 'ClientHello in too many records')
    t.ok(sent < 200, `${sent} bytes, ${size} at a time`)
  }
})

t.test('H113 a ClientHello that declares too much is refused without waiting for it', async (t) => {
  const head = Buffer.from([22, 3, 1, 0x40, 0, 1, 1, 0, 0])
  t.equal((await feed([head])).refused, 'ClientHello too long')
})

t.test('H113 the largest ClientHello, in the smallest pieces, is joined a few times only', async (t) => {
  const hello = cutHello(paddedHello(65_000), 4_063)
  t.ok(hello.length > 65_000 && hello.length < MAX_BYTES)
  const { concat } = Buffer
  let times = 0
  let copied = 0
  t.capture(Buffer, 'concat', (list: readonly Uint8Array[], length?: number) => {
    const all = concat(list, length)
    times += 1
    copied += all.length
    return all
  })
  const { peeked, sent } = await feed(piecesOf(hello, 16))
  t.ok(peeked)
  t.equal(sent, hello.length)
  t.ok(times < 100, `${times} times`)
  t.ok(copied < 20 * MAX_BYTES, `${copied} bytes`)
})
