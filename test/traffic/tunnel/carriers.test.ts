// together: tunnels
/** The doors of the tunnel on the hub's own host, with the proof of a join token. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { systemClock } from '../../../core/kernel/clock.ts'
import { createTestAgent, createTestHub } from '../../../core/testing/index.ts'
import { proveJoin } from '../../../core/wire/carrier-proof.ts'
import { streamHead } from '../../../plugins/transport-webtransport/capsules.ts'
import { connectCarrier, openHttp2, upgradeCarrier, WEBSOCKET, WEBTRANSPORT } from '../../e2e/open-carrier.ts'
import { joinToken } from '../../e2e/start-agent.ts'
import { until } from '../../until.ts'

type Tap = Pick<typeof t, 'equal' | 'teardown'>

const host = 'hub.mezite.localhost'
const hub = await createTestHub()
t.teardown(() => hub.stop())
const at = { port: hub.ports.public, host }
const { token } = await joinToken(hub.api, 'node-1')
const prove = proveJoin(token, systemClock)
const connectProof = () => prove({ method: 'CONNECT', host, path: WEBTRANSPORT })
const upgradeProof = () => prove({ method: 'GET', host, path: WEBSOCKET })
const errors = () => hub.log.filter((line) => /^\S+ ERROR\b/.test(line))

t.test('the hub’s own host sends the first limits of WebTransport, and other hosts none', async (t) => {
  const session = await openHttp2(at)
  t.strictSame(session.remoteSettings.customSettings, { 11105: 16 << 20, 11107: 16 << 20, 11109: 1 })
  session.destroy()
  const app = await openHttp2({ ...at, host: 'x.apps.mezite.localhost' })
  t.strictSame(app.remoteSettings.customSettings ?? {}, {})
  app.destroy()
})

t.test('R191 one of twelve CONNECTs with a proof at once on one connection is accepted', async (t) => {
  const session = await openHttp2(at)
  const statuses = await Promise.all(
    Array.from({ length: 12 }, () =>
      connectCarrier(session, streamHead(0, 0), { authorization: connectProof() }),
    ),
  )
  t.strictSame(statuses.toSorted(), [200, ...Array.from({ length: 11 }, () => 404)])
  session.destroy()
})

t.test('R195 the Origin of a browser gets 403 on both carriers, also with a proof', async (t) => {
  const origin = `https://${host}`
  const session = await openHttp2(at)
  const headers = { authorization: connectProof(), origin }
  t.equal(await connectCarrier(session, Buffer.alloc(0), headers), 403)
  session.destroy()
  const { status, socket } = await upgradeCarrier(at, Buffer.alloc(0), {
    authorization: upgradeProof(),
    origin,
  })
  t.equal(status, 403)
  socket.destroy()
})

t.test('R189 a proof is valid for one path and one use', async (t) => {
  const session = await openHttp2(at)
  const elsewhere = prove({ method: 'CONNECT', host, path: WEBSOCKET })
  t.equal(await connectCarrier(session, Buffer.alloc(0), { authorization: elsewhere }), 404)
  session.destroy()
  const used = upgradeProof()
  const first = await upgradeCarrier(at, Buffer.alloc(0), { authorization: used })
  const second = await upgradeCarrier(at, Buffer.alloc(0), { authorization: used })
  t.strictSame([first.status, second.status], [101, 404])
  first.socket.destroy()
  second.socket.destroy()
})

t.test('R190 capsules and frames after a proof end their connection and nothing else', async (t) => {
  const bodies = [
    ...['68430100000000', '990b4d3b020016', '990b4d3b02004016', '990b4d3f01ff', '990b4d3d00'].map((hex) =>
      Buffer.from(hex, 'hex'),
    ),
    ...Array.from({ length: 40 }, () => randomBytes(1 + Math.floor(Math.random() * 2_000))),
  ]
  for (const body of bodies) {
    const session = await openHttp2(at)
    const closed = once(session, 'close')
    t.equal(await connectCarrier(session, body, { authorization: connectProof() }), 200)
    session.destroy()
    await closed
    const { status, socket } = await upgradeCarrier(at, body, { authorization: upgradeProof() })
    t.equal(status, 101)
    socket.destroy()
  }
  t.strictSame(errors(), [])
  await hub.ready()
})

t.test('windows do not grow before the certificate inside is verified', async (t) => {
  const session = await openHttp2(at)
  const before = session.remoteSettings.initialWindowSize
  let changes = 0
  session.on('remoteSettings', () => {
    changes += 1
  })
  const body = Buffer.concat([streamHead(0, 1 << 19), randomBytes(1 << 19)])
  t.equal(await connectCarrier(session, body, { authorization: connectProof() }), 200)
  await until(() => session.destroyed, 'the hub closes it, because the bytes are not a ClientHello')
  t.equal(changes, 0)
  t.ok((before ?? 0) <= 256 * 1024)
})

/** A hub that takes few connections, with a session and carriers that say nothing. */
async function withSilentCarriers(t: Tap, handshakeTimeout: string, carriers: number) {
  const small = await createTestHub({
    config: { proxy: { limits: { connections: 500, handshakes: 100, handshake_timeout: handshakeTimeout } } },
  })
  t.teardown(() => small.stop())
  const { token } = await joinToken(small.api, 'silent')
  const proveSilent = proveJoin(token, systemClock)
  const { public: port } = small.ports
  const session = await openHttp2({ port, host })
  const authorization = proveSilent({ method: 'CONNECT', host, path: WEBTRANSPORT })
  t.equal(await connectCarrier(session, Buffer.alloc(0), { authorization }), 200)
  const silent: TLSSocket[] = []
  t.teardown(() => silent.map((socket) => socket.destroy()))
  await Promise.all(
    Array.from({ length: carriers }, async (_, n) => {
      const proof = proveSilent({ method: 'GET', host, path: WEBSOCKET })
      const from = { port, host, localAddress: `127.${10 + (n % 6)}.0.1` }
      silent.push((await upgradeCarrier(from, Buffer.alloc(0), { authorization: proof })).socket)
    }),
  )
  return { small, session, silent }
}

t.test('R192 silent carriers do not keep agents out', async (t) => {
  const { small, silent } = await withSilentCarriers(t, '10m', 130)
  for (const transport of ['http2', 'websocket', 'webtransport']) {
    const start = performance.now()
    const agent = await createTestAgent(small, { hostname: transport, transports: [transport] })
    t.comment(`${transport}: ${Math.round(performance.now() - start)} ms`)
    t.ok(
      silent.filter(({ destroyed }) => !destroyed).length > 50,
      `${transport}: linked while they are there`,
    )
    await agent.stop()
  }
})

t.test('R193 silent carriers are closed after their time', async (t) => {
  const { session, silent } = await withSilentCarriers(t, '6s', 6)
  await until(
    () => session.destroyed && silent.every(({ destroyed }) => destroyed),
    'all silent ones are closed',
  )
})
