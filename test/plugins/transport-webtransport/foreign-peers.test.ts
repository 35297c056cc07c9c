// together: tunnels
/** `@fails-components/webtransport` as an independent peer of both ends: real bytes, resets and limits. */
import { createHash, type Hash, randomFillSync } from 'node:crypto'
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t from 'tap'
import { systemClock } from '../../../core/kernel/clock.ts'
import { developmentCertificate } from '../../../core/program/parts/development-certificate.ts'
import agentPlugin from '../../../plugins/transport-webtransport/agent.ts'
import { CapsuleReader, streamHead } from '../../../plugins/transport-webtransport/capsules.ts'
import hubPlugin from '../../../plugins/transport-webtransport/hub.ts'
import { PATH } from '../../../plugins/transport-webtransport/path.ts'
import { until } from '../../until.ts'
import { transportParts } from '../transport-parts.ts'

const BYTES = 60 << 20
const BLOCK = randomFillSync(Buffer.alloc(64 << 10))
const HOST = 'localhost'

const { hub, agent } = transportParts(hubPlugin, agentPlugin)
const dir = t.testdir()
const { key, cert } = await developmentCertificate(dir, [HOST], systemClock)
setDefaultCACertificates([...getCACertificates('default'), cert.slice(cert.indexOf('-----BEGIN', 1))])

/** The library looks for its native part when it is loaded, and prints that there is none. */
const { log, error } = console
Object.assign(console, { log() {}, error() {} })
const { Http2Server, quicheLoaded, WebTransport } = await import('@fails-components/webtransport')
await quicheLoaded
Object.assign(console, { log, error })

/** The hub's end behind a server like the hub's, without the proofs that the library's client cannot send. */
const carriers: Duplex[] = []
const settings = hub.path?.settings ?? {}
const web = createSecureServer({
  key,
  cert,
  settings: { enableConnectProtocol: true, customSettings: settings },
  remoteCustomSettings: Object.keys(settings).map(Number),
})
const sessions = new Set<ServerHttp2Session>()
web.on('session', (session) => void sessions.add(session))
web.on('stream', ((stream: ServerHttp2Stream, headers: never, _flags: number, rawHeaders: string[]) => {
  const shared = { socket: stream.session?.socket as never, took() {}, ended: false }
  hub.path?.connect?.({ stream, headers, rawHeaders, ...shared }, (carrier) => void carriers.push(carrier))
}) as never)
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
const { port } = web.address() as AddressInfo
t.teardown(() => {
  for (const session of sessions) session.destroy()
  web.close()
})

async function openClient() {
  const client = new WebTransport(`https://${HOST}:${port}${PATH}`, { forceReliable: true } as never)
  client.closed.catch(() => {})
  await client.ready
  const { readable, writable } = await client.createBidirectionalStream()
  await until(() => carriers.length > 0, 'the hub has its end')
  const carrier = carriers.pop() as Duplex
  carrier.on('error', () => {})
  return { client, readable, writable, carrier }
}

const server = new Http2Server({
  port: 0,
  host: '127.0.0.1',
  secret: 'unused',
  cert,
  privKey: key,
  // By default it announces 16 KiB in its settings and raises them after 7.5 MiB, so that its own client stalls too.
  initialSessionFlowControlWindow: 15 << 20,
} as never)
server.startServer()
await server.ready
t.teardown(() => server.stopServer())
const arriving = server.sessionStream(PATH).getReader()
const serverPort = (server.address() as { port: number }).port

const sockets: Duplex[] = []
t.teardown(() => sockets.forEach((socket) => void socket.destroy()))

async function openAgent() {
  const dialled = agent.dial({
    host: HOST,
    port: serverPort,
    signal: AbortSignal.timeout(60_000),
    proof: () => 'proof',
    connect: () =>
      new Promise((resolve, reject) => {
        const socket = connectTcp(serverPort, '127.0.0.1', () => resolve(socket))
        socket.on('error', reject)
        sockets.push(socket)
      }),
  })
  const session = (await arriving.read()).value!
  session.closed.catch(() => {})
  const incoming = session.incomingBidirectionalStreams.getReader()
  const carrier = await dialled
  carrier.on('error', () => {})
  const { readable, writable } = (await incoming.read()).value!
  return { session, carrier, readable, writable }
}

/** A block of its own for each place, so that lost, repeated or exchanged bytes are found. */
function blockAt(at: number): Buffer {
  const block = Buffer.from(BLOCK)
  block.writeUInt32BE(at)
  return block
}

async function sendFromLibrary(writable: WritableStream<Uint8Array>, sent: Hash): Promise<void> {
  const writer = writable.getWriter()
  for (let at = 0; at < BYTES; at += BLOCK.length) {
    const block = blockAt(at)
    sent.update(block)
    await writer.write(block)
  }
  writer.releaseLock()
}

async function sendFromCarrier(carrier: Duplex, sent: Hash): Promise<void> {
  for (let at = 0; at < BYTES; at += BLOCK.length) {
    const block = blockAt(at)
    sent.update(block)
    if (!carrier.write(block)) await new Promise<void>((resolve) => carrier.once('drain', resolve))
  }
}

async function receiveByLibrary(readable: ReadableStream<Uint8Array>, received: Hash): Promise<number> {
  const reader = readable.getReader()
  let bytes = 0
  while (bytes < BYTES) {
    const { value, done } = await reader.read()
    if (done) break
    bytes += value.length
    received.update(value)
  }
  reader.releaseLock()
  return bytes
}

const receiveByCarrier = (carrier: Duplex, received: Hash): Promise<number> =>
  new Promise((resolve) => {
    let bytes = 0
    carrier.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      received.update(chunk)
      if (bytes >= BYTES) resolve(bytes)
    })
    carrier.once('close', () => resolve(bytes))
  })

const closed = (carrier: Duplex) =>
  new Promise<void>((resolve) => (carrier.destroyed ? resolve() : carrier.once('close', () => resolve())))
const hash = () => createHash('sha256')

for (const [name, open] of [
  ['the client of the library at the hub’s end', openClient],
  ['the agent’s end at the server of the library', openAgent],
] as const) {
  t.test(`${name}: 60 MB each way at once`, async (t) => {
    const { readable, writable, carrier } = await open()
    const [up, down, upSeen, downSeen] = [hash(), hash(), hash(), hash()]
    const [upBytes, downBytes] = await Promise.all([
      receiveByCarrier(carrier, upSeen),
      receiveByLibrary(readable as never, downSeen),
      sendFromLibrary(writable as never, up),
      sendFromCarrier(carrier, down),
    ])
    t.equal(upBytes, BYTES)
    t.equal(downBytes, BYTES)
    t.equal(upSeen.digest('hex'), up.digest('hex'))
    t.equal(downSeen.digest('hex'), down.digest('hex'))
    carrier.destroy()
  })

  t.test(`${name}: who does not read holds the other back, and loses nothing`, async (t) => {
    const { readable, carrier } = await open()
    const [down, downSeen] = [hash(), hash()]
    const sending = sendFromCarrier(carrier, down)
    await new Promise((resolve) => setTimeout(resolve, 300))
    t.ok(carrier.writableNeedDrain, 'the carrier waits')
    t.equal(carrier.destroyed, false, 'the library has seen no more than it allowed')
    const bytes = await receiveByLibrary(readable as never, downSeen)
    await sending
    t.equal(bytes, BYTES)
    t.equal(downSeen.digest('hex'), down.digest('hex'))
    carrier.destroy()
  })

  t.test(`${name}: a reset ends the carrier`, async (t) => {
    const { writable, carrier } = await open()
    carrier.resume()
    await (writable as never as WritableStream).abort({ code: 7 } as never).catch(() => {})
    await closed(carrier)
    t.pass('it is closed')
  })

  t.test(`${name}: the carrier closes when the library cancels its reading`, async (t) => {
    const { readable, carrier } = await open()
    carrier.resume()
    await (readable as never as ReadableStream).cancel({ code: 7 } as never).catch(() => {})
    await closed(carrier)
    t.pass('it is closed')
  })

  t.test(`${name}: the end of the carrier is an end for the library`, async (t) => {
    const { readable, carrier } = await open()
    carrier.end('bye')
    const reader = (readable as never as ReadableStream<Uint8Array>).getReader()
    const chunks: Uint8Array[] = []
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      chunks.push(value)
    }
    t.equal(Buffer.concat(chunks).toString(), 'bye')
  })
}

t.test('a closed session ends the carrier', async (t) => {
  const { session, carrier } = await openAgent()
  carrier.resume()
  session.close({ closeCode: 3, reason: 'r'.repeat(1_023) })
  await closed(carrier)
  const { client, carrier: other } = await openClient()
  other.resume()
  client.close({ closeCode: 3, reason: 'bye' })
  await closed(other)
  t.pass('both are closed')
})

t.test('a peer that reads no settings gets the limits as its stream opens', async (t) => {
  const { connect } = await import('node:http2')
  const session = connect(`https://${HOST}:${port}`)
  t.teardown(() => session.destroy())
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'webtransport', ':path': PATH })
  const limits: [string, number][] = []
  const reader = new CapsuleReader({
    data: () => true,
    end() {},
    limit: (of, bytes) => limits.push([of, bytes]),
    over() {},
  })
  stream.on('data', (chunk: Buffer) => reader.read(chunk))
  stream.write(streamHead(0, 0))
  await until(() => limits.length === 2, 'the limits arrive')
  t.strictSame(limits, [
    ['session', 16 << 20],
    ['stream', 16 << 20],
  ])
  // It has allowed nothing, so the hub sends nothing.
  const carrier = carriers.pop() as Duplex
  const more: Buffer[] = []
  stream.on('data', (chunk: Buffer) => more.push(chunk))
  carrier.write('x')
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.strictSame(more, [])
})
