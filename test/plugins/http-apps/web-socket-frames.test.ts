// together: quick
/** G104: whatever frames a client sends, the answer through the gateway is the answer of the application, byte for byte. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectPlain, type Socket } from 'node:net'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { appAt, COOKIE, openGateway } from './gateway.ts'

const HANDSHAKE = [
  'GET /echo HTTP/1.1',
  'Host: a.apps.test',
  `Cookie: ${COOKIE}`,
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Origin: https://a.apps.test',
  '',
  '',
].join('\r\n')

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
const [CONTINUE, TEXT, BINARY, CLOSE, PING] = [0x0, 0x1, 0x2, 0x8, 0x9]
const LAST = 0x80

/** A client's frame (RFC 6455 section 5.2); `first` is its first byte. */
function frame(first: number, payload: Buffer | string = '', masked = true): Buffer {
  const body = Buffer.from(payload)
  const size = body.length
  const head = [first]
  const bit = masked ? 0x80 : 0
  if (size < 126) head.push(bit | size)
  else if (size < 65_536) head.push(bit | 126, size >> 8, size & 0xff)
  else head.push(bit | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff)
  if (!masked) return Buffer.concat([Buffer.from(head), body])
  return Buffer.concat([Buffer.from(head), MASK, body.map((byte, at) => byte ^ MASK[at & 3]!)])
}

const close = frame(LAST | CLOSE, Buffer.from([0x03, 0xe8]))
const bytes = (size: number): Buffer => Buffer.alloc(size, 'mezite ')

/** Scripts of frames by what they try; each ends the connection, in order or as an error. */
const SCRIPTS: Readonly<Record<string, readonly Buffer[]>> = {
  ...Object.fromEntries(
    [0, 1, 125, 126, 127, 65_535, 65_536, 400_000].map((size) => [
      `text and binary of ${size} bytes`,
      [frame(LAST | TEXT, bytes(size)), frame(LAST | BINARY, bytes(size)), close],
    ]),
  ),
  'a message in many fragments': [
    frame(TEXT, 'one '),
    ...Array.from({ length: 50 }, () => frame(CONTINUE, bytes(100))),
    frame(LAST | CONTINUE, ' end'),
    close,
  ],
  'a ping between fragments': [
    frame(TEXT, 'he'),
    frame(LAST | PING, 'are you there'),
    frame(LAST | CONTINUE, 'llo'),
    close,
  ],
  'ten pings in one packet': [
    Buffer.concat(Array.from({ length: 10 }, (_, n) => frame(LAST | PING, `${n}`))),
    close,
  ],
  'a ping that is too long': [frame(LAST | PING, bytes(126))],
  'a ping in fragments': [frame(PING, 'half')],
  'an unknown opcode': [frame(LAST | 0x3, 'x')],
  'a reserved bit': [frame(LAST | 0x40 | TEXT, 'x')],
  'a continuation of nothing': [frame(LAST | CONTINUE, 'x')],
  'a message inside a message': [frame(TEXT, 'a'), frame(LAST | TEXT, 'b')],
  'text that is not UTF-8': [
    frame(LAST | TEXT, Buffer.from([0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80])),
  ],
  'a frame without a mask': [frame(LAST | TEXT, 'x', false)],
  'a close without a code': [frame(LAST | CLOSE)],
  'a close with a reason': [
    frame(LAST | CLOSE, Buffer.concat([Buffer.from([0x0f, 0xa0]), Buffer.from('bye')])),
  ],
  'a close with a code that is not allowed': [frame(LAST | CLOSE, Buffer.from([0x03, 0xed]))],
  'a close with half a code': [frame(LAST | CLOSE, Buffer.from([0x03]))],
  'frames after a close': [close, frame(LAST | TEXT, 'late')],
}

const server = createServer()
const echo = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 1 << 20 })
echo.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data, binary) => socket.send(data, { binary }))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const gateway = await openGateway(appAt(port))
t.teardown(async () => {
  await gateway.close()
  server.close()
  server.closeAllConnections()
})

/** The status of the handshake, and what the application answers after it, up to the end of the connection. */
async function answers(socket: Socket, script: readonly Buffer[], cut: number | null): Promise<string> {
  socket.on('error', () => {})
  let seen = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
  })
  const ended = once(socket, 'close', { signal: AbortSignal.timeout(60_000) })
  socket.write(HANDSHAKE)
  while (!seen.includes('\r\n\r\n')) await once(socket, 'data', { signal: AbortSignal.timeout(60_000) })
  const all = Buffer.concat(script)
  if (cut === null) socket.write(all)
  else {
    // In pieces that follow no frame boundary.
    for (let at = 0; at < all.length; at += cut) socket.write(all.subarray(at, at + cut))
  }
  await ended
  const [status] = seen.toString('latin1').split('\r\n', 1)
  return `${status} ${seen.subarray(seen.indexOf('\r\n\r\n') + 4).toString('base64')}`
}

for (const [name, script] of Object.entries(SCRIPTS)) {
  t.test(`G104 WebSocket frames pass, ${name}`, async (t) => {
    const direct = await answers(connectPlain(port, '127.0.0.1'), script, null)
    t.equal(await answers(await gateway.dial(), script, null), direct)
    t.equal(await answers(await gateway.dial(), script, 1021), direct, 'in pieces')
  })
}
