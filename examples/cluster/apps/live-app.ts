/**
 * An application with long-lived connections: a WebSocket, Server-Sent Events, uploads and downloads.
 * Environment: PORT (0 or missing: a free one). It prints the port.
 */
import { createHash, type Hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { WebSocketServer } from 'ws'
import { livePage, liveScript } from './live-page.ts'

const MAX_DOWNLOAD = 1 << 30

/** Bytes that a client can compute too: block k is filled with the low byte of k. */
function* blocks(size: number): Generator<Buffer> {
  const step = 64 * 1024
  for (let sent = 0; sent < size; sent += step) {
    yield Buffer.alloc(Math.min(step, size - sent), (sent / step) & 0xff)
  }
}

function sendEvents(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let count = 0
  const send = () => response.write(`data: ${JSON.stringify({ count: ++count, time: new Date() })}\n\n`)
  send()
  const timer = setInterval(send, 1000)
  request.on('close', () => clearInterval(timer))
}

async function receiveUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash: Hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ bytes, sha256: hash.digest('hex') }))
}

async function sendDownload(url: URL, response: ServerResponse): Promise<void> {
  const size = Number(url.searchParams.get('bytes') ?? 1 << 20)
  if (!Number.isSafeInteger(size) || size < 0 || size > MAX_DOWNLOAD) {
    response.writeHead(400, { 'content-type': 'text/plain' }).end('bytes must be 0 to 1073741824\n')
    return
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size })
  await pipeline(Readable.from(blocks(size)), response)
}

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://app.invalid')
  const user = String(request.headers['x-mezite-user'] ?? 'nobody')
  if (url.pathname === '/events') return sendEvents(request, response)
  if (url.pathname === '/upload' && request.method === 'POST') return receiveUpload(request, response)
  if (url.pathname === '/download') return sendDownload(url, response)
  if (url.pathname === '/live.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(liveScript)
    return
  }
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(livePage(user))
}

const server = createServer((request, response) => {
  route(request, response).catch(() => response.destroy())
})

const sockets = new WebSocketServer({ server, path: '/socket', maxPayload: 1 << 20 })
sockets.on('connection', (socket, request) => {
  const user = String(request.headers['x-mezite-user'] ?? 'nobody')
  socket.on('error', () => socket.terminate())
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.send(JSON.stringify({ hello: user }))
})

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
