// together: tunnels
/** A machine between agent and hub that speaks nonsense inside the outer TLS costs its carrier, and nothing else. */
import { createHash, randomBytes } from 'node:crypto'
import { createSecureServer } from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../../core/kernel/clock.ts'
import { developmentCertificate } from '../../core/program/parts/development-certificate.ts'
import { agentTransports } from '../../core/protocol.ts'
import { createTestHost } from '../../core/testing/index.ts'
import { shakeHands } from '../../core/wire/hub-connection.ts'
import { TUNNEL_ALPN } from '../../core/wire/tunnel-protocol.ts'
import webSocket from '../../plugins/transport-websocket/agent.ts'
import webTransport from '../../plugins/transport-webtransport/agent.ts'

const host = 'hub.mezite.localhost'
const FIXED = [
  '68430100000000',
  '990b4d3b020016',
  '990b4d3b020116',
  '990b4d3f01ff',
  '82050000',
  '8a00',
  '81ff',
].map((hex) => Buffer.from(hex, 'hex'))
const nonsense = (n: number): Buffer => FIXED[n] ?? randomBytes(1 + Math.floor(Math.random() * 4_000))

const { key, cert } = await developmentCertificate(t.testdir(), [host], systemClock)
let origins = 0
const attempts = { webtransport: 0, websocket: 0 }
const server = createSecureServer({ key, cert, allowHTTP1: true, settings: { enableConnectProtocol: true } })
const sockets = new Set<Duplex>()
server.on('connection', (socket: Duplex) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.once('close', () => sockets.delete(socket))
})
server.on('sessionError', () => {})
server.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  stream.resume()
  if ('origin' in headers) origins += 1
  stream.respond({ ':status': 200 })
  stream.write(nonsense(attempts.webtransport++))
})
server.on('upgrade', ({ headers }, socket: Duplex) => {
  socket.on('error', () => {})
  socket.resume()
  if ('origin' in headers) origins += 1
  const accepted = createHash('sha1')
    .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`,
  )
  socket.write(nonsense(attempts.websocket++))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

const { port } = server.address() as AddressInfo
const connect = () =>
  new Promise<Duplex>((resolve, reject) => {
    const socket = connectTcp(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })

for (const [name, plugin] of [
  ['webtransport', webTransport],
  ['websocket', webSocket],
] as const)
  t.test(`R190, R195 invalid bytes from a hub over ${name} end its carrier and nothing else`, async (t) => {
    const transport = createTestHost<'agent'>(plugin).slot(agentTransports)[0]!
    const attempt = async (): Promise<void> => {
      const signal = AbortSignal.timeout(20_000)
      const carrier = await transport.dial({ host, port, signal, connect, proof: () => 'proof' })
      const closed = new Promise<void>((resolve) => carrier.once('close', () => resolve()))
      const secured = shakeHands({ carrier, host, alpn: [TUNNEL_ALPN] }, { rejectUnauthorized: false })
      await Promise.race([secured.catch(() => {}), pause(200)])
      carrier.destroy()
      await closed
    }
    for (let round = 0; round < 5; round++) await Promise.allSettled(Array.from({ length: 20 }, attempt))
    t.equal(attempts[name], 100)
    t.equal(origins, 0, 'no request has an Origin')
  })
