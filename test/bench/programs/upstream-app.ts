/**
 * The application behind every proxy of the bench: HTTP/1.1 on a bare socket, so that it costs next to nothing. GET
 * /bytes/N answers N bytes, /application/N too with the head of an application, POST counts, an upgrade echoes frames, GET /events and GET /drip never end. Tells its port.
 */
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { unmask } from '../web-socket-frame.ts'

const BLOCK = Buffer.alloc(64 * 1024, 'x')
const answers = new Map<string, Buffer>()
const PLAIN = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n'
/** With the length, 13 lines. */
const APPLICATION = [
  'HTTP/1.1 200 OK',
  'Date: Mon, 06 Jul 2026 09:00:00 GMT',
  'Content-Type: application/json; charset=utf-8',
  'Cache-Control: private, no-cache',
  'ETag: W/"400-l8Yz7rR8n0mJqJcXvYw1hK3b1Zs"',
  'Vary: Accept-Encoding, Cookie',
  'X-Content-Type-Options: nosniff',
  'X-Frame-Options: SAMEORIGIN',
  'X-XSS-Protection: 0',
  'Referrer-Policy: strict-origin-when-cross-origin',
  "Content-Security-Policy: default-src 'self'; img-src 'self' data:; frame-ancestors 'self'",
  'Set-Cookie: app_session=8c1f4a2b9d7e4f60a1b2c3d4e5f60718; Path=/; HttpOnly; Secure; SameSite=Lax',
  '',
].join('\r\n')

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  let rest: Buffer = Buffer.alloc(0)
  let body = 0
  let echoes = false
  socket.on('data', (chunk) => {
    if (echoes) return void socket.write(unmask(chunk))
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      if (body > 0) {
        const taken = Math.min(body, rest.length)
        body -= taken
        rest = rest.subarray(taken)
        if (body > 0) return
        answer(socket, 2)
        continue
      }
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = rest.toString('latin1', 0, end)
      rest = rest.subarray(end + 4)
      if (head.startsWith('POST')) body = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1])
      else if (head.startsWith('GET /bytes/')) answer(socket, Number.parseInt(head.slice(11), 10))
      else if (head.startsWith('GET /application/'))
        answer(socket, Number.parseInt(head.slice(17), 10), APPLICATION)
      else if (head.startsWith('GET /events')) socket.write(EVENTS)
      else if (head.startsWith('GET /drip')) drip(socket)
      else {
        echoes = true
        socket.write(accept(head))
      }
    }
  })
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.({ port: (this.address() as { port: number }).port })
})

const EVENTS =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n'

function answer(socket: Socket, bytes: number, lines = PLAIN): void {
  const key = `${bytes} ${lines.length}`
  const known = answers.get(key)
  if (known) {
    socket.write(known)
    return
  }
  const head = `${lines}content-length: ${bytes}\r\n\r\n`
  if (bytes > BLOCK.length) {
    socket.write(head)
    stream(socket, bytes)
    return
  }
  const made = Buffer.concat([Buffer.from(head), BLOCK.subarray(0, bytes)])
  answers.set(key, made)
  socket.write(made)
}

function stream(socket: Socket, left: number): void {
  while (left > 0) {
    const block = BLOCK.subarray(0, Math.min(left, BLOCK.length))
    left -= block.length
    if (!socket.write(block)) {
      socket.once('drain', () => stream(socket, left))
      return
    }
  }
}

function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000000000\r\n\r\n')
  const timer = setInterval(() => socket.write(BLOCK.subarray(0, 4096)), 5)
  socket.on('close', () => clearInterval(timer))
}

function accept(head: string): string {
  const key = /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1] ?? ''
  const hash = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${hash}\r\n\r\n`
}

process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
