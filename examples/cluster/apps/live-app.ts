import { createHash, type Hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { WebSocketServer } from 'ws'

/**
 * An application with long-lived connections: a WebSocket, Server-Sent Events, uploads and downloads.
 * Environment: PORT (0 or missing: a free one). It prints the port.
 */

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

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

/** The page of the live app for this user. */
function livePage(user: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Live</title><style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:8vh auto;padding:0 1rem;overflow-wrap:anywhere}section{border:1px solid #8885;border-radius:.7rem;padding:.2rem 1rem 1rem;margin:1rem 0}
output{font-variant-numeric:tabular-nums;font-size:1.3rem;display:block;overflow-wrap:anywhere}input,button{font:inherit;padding:.3rem .6rem}</style>
<h1>Live, ${escaped(user)}</h1><p>Lock this person in a terminal and watch both streams end.</p>
<section><h2>Server-Sent Events</h2><output id="events">connecting…</output></section>
<section><h2>WebSocket echo</h2><output id="socket">connecting…</output>
<form id="say"><input id="text" value="hello" aria-label="Message"> <button>Send</button></form></section>
<p>End your session in another tab, or wait for its end: this page says so, and goes on once you have signed in again.</p>
<script src="/live.js"></script><script src="/.mezite/session.js" defer></script></html>`
}

/** The page's script. plugins/http-apps/README.md describes the events of the hub's `/.mezite/session.js`. */
const liveScript = `const show = (id, text) => { document.getElementById(id).textContent = text }
const isSessionOver = () => dispatchEvent(new Event('mezite-check'))
let events, socket

function openEvents() {
  events = new EventSource('/events')
  events.onmessage = (event) => show('events', 'event ' + JSON.parse(event.data).count)
  events.onerror = () => {
    show('events', 'ended')
    if (events.readyState === EventSource.CLOSED) isSessionOver()
  }
}

function openSocket() {
  socket = new WebSocket('wss://' + location.host + '/socket')
  socket.onmessage = (event) => show('socket', event.data)
  socket.onclose = (event) => {
    show('socket', 'closed with code ' + event.code)
    isSessionOver()
  }
}

document.getElementById('say').onsubmit = (event) => {
  event.preventDefault()
  if (socket.readyState === WebSocket.OPEN) socket.send(document.getElementById('text').value)
}
addEventListener('mezite-renewed', () => {
  if (events.readyState !== EventSource.OPEN) {
    events.close()
    openEvents()
  }
  if (socket.readyState > WebSocket.OPEN) openSocket()
})
openEvents()
openSocket()
`
