// together: hubs
/** Hubs hand on the connections of agents that want another one; nobody else can say where a connection comes from. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { mock } from 'node:test'
import { connect } from 'node:tls'
import type { ConnectionInfo } from '@mezite/core/protocol'
import t from 'tap'
import { createSecretBox } from '../../../core/state/secrets/secret-box.ts'
import { freePort } from '../../../core/testing/index.ts'
import { createAgentRouter } from '../../../core/traffic/listener/agent-router.ts'
import type { ListenerOptions } from '../../../core/traffic/listener/listener.ts'
import { createPeers } from '../../../core/traffic/relay/peers.ts'
import { until } from '../../until.ts'
import { startWeb } from '../../web/server/start-web.ts'
import { captureHello } from './capture-hello.ts'

const ALERT = Buffer.from([21, 3, 1, 0, 2, 2])
const KEY = randomBytes(32)
const reachable = new Map<string, string>()
const taken: { hub: string; bytes: Buffer; info: ConnectionInfo; socket: Duplex }[] = []
/** Why hubs refused connections. */
const refused: string[] = []
const ids = ['hub-1', 'hub-2', 'hub-3'] as const
let aheadMs = 0
const source = { address: '127.0.0.1', port: 1 }

const peersOf = (instanceId: string, key = KEY) =>
  createPeers({
    registry: { reachable },
    secretBox: createSecretBox(key),
    instanceId,
    clock: { now: () => Date.now() + aheadMs, monotonic: () => performance.now() },
  })

/** A hub whose agents' doors say `taken` and then what they hear. */
async function startHub(id: string, options: Partial<ListenerOptions> = {}) {
  const take = (socket: Duplex, info: ConnectionInfo): void =>
    void socket.once('data', (bytes: Buffer) => {
      taken.push({ hub: id, bytes, info, socket })
      socket.write('taken')
      socket.on('data', (more) => socket.write(more))
    })
  const hub = await startWeb(
    [],
    {},
    {
      peers: peersOf(id),
      mezite: { 'mezite-tunnel/1': take, 'mezite-join/1': take, 'mezite-relay/1': take },
      counted: (what, which) => void (what === 'refused' && refused.push(which)),
      ...options,
    },
  )
  t.teardown(hub.stop)
  reachable.set(id, `127.0.0.1:${hub.port}`)
  return hub
}

const [one, two] = await Promise.all(ids.slice(0, 2).map((id) => startHub(id)))
const hello = (...ALPNProtocols: string[]) =>
  captureHello({ servername: 'hub.mezite.localhost', ...(ALPNProtocols.length > 0 ? { ALPNProtocols } : {}) })
const wishFor = (id: string) => hello('mezite-tunnel/1', `mezite-to/${id}`)

function dial(port: number, ...bytes: Buffer[]): Socket {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  for (const each of bytes) socket.write(each)
  return socket
}

/** The first bytes of the answer; empty when there is none. */
const answer = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    socket.once('data', resolve)
    socket.once('close', () => resolve(Buffer.alloc(0)))
  })
const isRefused = (bytes: Buffer): boolean => bytes.length === 0 || bytes.subarray(0, 6).equals(ALERT)

t.test('a wish is served by the wanted hub, which learns the client’s address', async (t) => {
  for (const id of ['hub-1', 'hub-2']) {
    const wish = await wishFor(id)
    const socket = dial(one!.port, wish.subarray(0, 40))
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.write(wish.subarray(40))
    t.equal(String(await answer(socket)), 'taken')
    const { hub, bytes, info } = taken.at(-1)!
    t.equal(hub, id)
    t.ok(bytes.equals(wish), 'nothing added, nothing lost')
    t.match(info, { clientIp: '127.0.0.1', clientPort: socket.localPort, serverName: 'hub.mezite.localhost' })
    t.equal(info.via, id === 'hub-1' ? undefined : 'hub-1')
    socket.destroy()
  }
})

t.test('J273 only connections with the sealed line of a hub get to the relay of streams', async (t) => {
  const relay = await hello('mezite-relay/1')
  for (const bytes of [
    relay,
    Buffer.concat([peersOf('hub-3', randomBytes(32)).header('hub-1', source), relay]),
  ])
    t.ok(isRefused(await answer(dial(one!.port, bytes))))
  const count = taken.length
  t.equal(String(await answer(dial(one!.port, peersOf('hub-3').header('hub-1', source), relay))), 'taken')
  t.equal(taken.length, count + 1)
  t.match(taken.at(-1), { hub: 'hub-1', info: { via: 'hub-3' } })
  t.ok(taken.at(-1)!.bytes.equals(relay))
  t.ok(
    isRefused(await answer(dial(two!.port, peersOf('hub-3').header('hub-1', source), relay))),
    'nor with the line for another hub',
  )
})

t.test('bytes pass in both directions, and the two connections end together', async (t) => {
  const warnings: Error[] = []
  const warned = (warning: Error) => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const socket = dial(one!.port, await wishFor('hub-2'))
  await answer(socket)
  const sent = randomBytes(3 << 20)
  const got: Buffer[] = []
  socket.write(sent)
  for await (const chunk of socket) {
    got.push(chunk as Buffer)
    if (Buffer.concat(got).length >= sent.length) break
  }
  t.ok(Buffer.concat(got).equals(sent))
  const there = taken.at(-1)!.socket
  const over = once(there, 'close')
  socket.destroy()
  await over
  const again = dial(one!.port, await wishFor('hub-2'))
  await answer(again)
  const last = once(again, 'data')
  const gone = once(again, 'close')
  taken.at(-1)!.socket.end('why')
  t.equal(String((await last)[0]), 'why', 'what the hub says last arrives')
  await gone
  t.same(warnings, [], 'and no connection gathers listeners')
})

t.test(
  'R193 a full port closes relayed connections of strangers for others, at both hubs',
  { skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8' },
  async (t) => {
    const small = await startHub('hub-3', { limits: { connections: 8 } })
    const from = (localAddress: string, ...bytes: Buffer[]): Socket => {
      const socket = connectTcp({ port: small!.port, host: '127.0.0.1', localAddress })
      socket.on('error', () => {})
      for (const each of bytes) socket.write(each)
      return socket
    }
    const client = (address: string) => peersOf('hub-1').header('hub-3', { address, port: 1 })
    const ways: Record<string, () => Promise<Socket>> = {
      'from another hub': async () => from('127.80.0.1', client('203.0.113.9'), await wishFor('hub-3')),
      'to another hub': async () => from('127.81.0.1', await wishFor('hub-2')),
    }
    for (const [way, open] of Object.entries(ways)) {
      const relayed: Socket[] = []
      for (let n = 0; n < 3; n++) {
        relayed.push(await open())
        t.equal(String(await answer(relayed[n]!)), 'taken', way)
      }
      const others: Socket[] = []
      for (let n = 0; n < 6; n++) {
        const socket = connect({ socket: from(`127.82.${n}.1`), rejectUnauthorized: false })
        socket.on('error', () => {}).resume()
        await once(socket, 'secureConnect')
        others.push(socket)
      }
      await until(() => relayed[0]!.destroyed, `${way}: the oldest is closed`)
      t.strictSame(
        [...relayed.slice(1), ...others].map(({ destroyed }) => destroyed),
        Array(8).fill(false),
      )
      for (const socket of [...relayed, ...others]) socket.destroy()
      await until(() => small!.front.connections === 0, 'the port is empty again')
    }
  },
)

t.test('a connection that the other hub has kept past its handshake is not a stranger’s', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const router = createAgentRouter({
    takers: { 'mezite-tunnel/1': () => {} },
    alpnTransport: 'http2',
    peers: peersOf('hub-1'),
    group: undefined,
    relay: { handOn() {} },
    maxBytes: 1,
    handshakeMs: 1,
    table: new Map() as never,
    linked() {},
    drop() {},
    refuse() {},
  })
  const pass = () => {
    let known = false
    const raw = new Duplex({ read() {}, write() {} })
    const info = { clientIp: '192.0.2.1', clientPort: 1, trustedProxy: false, serverName: null }
    const authenticated = () => {
      known = true
    }
    const target = { kind: 'alpn', alpn: 'mezite-tunnel/1', wish: 'hub-2' } as const
    t.equal(
      router.route(raw, { ...info, authenticated }, target, () => {}),
      null,
    )
    return { raw, isKnown: () => known }
  }
  const [kept, closed] = [pass(), pass()]
  closed.raw.destroy()
  await once(closed.raw, 'close')
  mock.timers.tick(19_999)
  t.notOk(kept.isKnown())
  mock.timers.tick(1)
  t.strictSame([kept.isKnown(), closed.isKnown()], [true, false])
})

t.test('an unknown or absent hub serves nobody, and this hub goes on', async (t) => {
  reachable.set('hub-away', `127.0.0.1:${await freePort()}`)
  for (const id of ['hub-away', 'hub-9', '', '127.0.0.1:22', '__proto__'])
    t.ok(isRefused(await answer(dial(one!.port, await wishFor(id)))), id)
  t.ok(refused.includes('hub_unreachable'), 'which is counted')
  let calls = 0
  const stranger = createServer(() => {
    calls += 1
  })
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  t.teardown(() => stranger.close())
  const { port } = stranger.address() as AddressInfo
  t.ok(isRefused(await answer(dial(one!.port, await wishFor(`127.0.0.1:${port}`)))))
  t.equal(calls, 0, 'nobody says where a hub connects to')
  t.ok(
    isRefused(
      await answer(dial(one!.port, await hello('mezite-tunnel/1', 'mezite-to/hub-1', 'mezite-to/hub-2'))),
    ),
    'two wishes',
  )
  t.ok(one!.lines.some((line) => line.startsWith('hub hub-away: unreachable at 127.0.0.1')))
  t.equal(String(await answer(dial(one!.port, await wishFor('hub-1')))), 'taken')
})

t.test('A15 only a hub of this cluster can state where a connection comes from', async (t) => {
  const source = { address: '203.0.113.9', port: 4711 }
  const said = (id: string, key = KEY, ms = 0): Buffer => {
    aheadMs = ms
    const header = peersOf('hub-3', key).header(id, source)
    aheadMs = 0
    return header
  }
  const before = taken.length
  const wish = await wishFor('hub-2')
  const good = said('hub-2')
  const damaged = Buffer.from(good)
  damaged[40] = damaged[40]! ^ 1
  const attempts: Record<string, readonly Buffer[]> = {
    'another key': [said('hub-2', randomBytes(32)), wish],
    'for another hub': [said('hub-1'), wish],
    'from long ago': [said('hub-2', KEY, -61_000), wish],
    'from the future': [said('hub-2', KEY, 61_000), wish],
    damaged: [damaged, wish],
    twice: [good, good, wish],
    'no end': [Buffer.from(`MEZITE-PEER/1 ${'A'.repeat(4_000)}`), wish],
    'to be handed on once more': [good, await wishFor('hub-1')],
    'without a wish': [good, await hello('mezite-tunnel/1')],
    'to another door of ours': [good, await hello('mezite-join/1', 'mezite-to/hub-2')],
    'of a browser': [good, await hello('h2')],
    'of a client without ALPN': [good, await hello()],
  }
  for (const [what, bytes] of Object.entries(attempts))
    t.ok(isRefused(await answer(dial(two!.port, ...bytes))), what)
  t.equal(taken.length, before, 'nobody was taken')
  const socket = dial(two!.port)
  for (const byte of Buffer.concat([good, wish])) socket.write(Buffer.of(byte))
  t.equal(String(await answer(socket)), 'taken', 'the same, from a hub')
  t.match(taken.at(-1)!.info, {
    clientIp: '203.0.113.9',
    clientPort: 4711,
    via: 'hub-3',
    trustedProxy: false,
  })
})

t.test('the preface of a hub is recognised by its first byte, and limited to 1 KiB', (t) => {
  const peers = peersOf('hub-2')
  const line = peersOf('hub-1').header('hub-2', { address: '203.0.113.9', port: 4711 })
  for (const length of [1, 13, 14, line.length - 1]) {
    t.ok(peers.isHeader(line.subarray(0, length)), `${length} bytes`)
    t.same(peers.read(line.subarray(0, length)), { kind: 'more' })
  }
  t.notOk(peers.isHeader(Buffer.from('MX')))
  t.match(peers.read(line), { kind: 'header', length: line.length })
  const start = Buffer.from('MEZITE-PEER/1 ')
  t.match(peers.read(Buffer.concat([start, Buffer.alloc(1_009, 'A')])), { kind: 'more' })
  t.match(peers.read(Buffer.concat([start, Buffer.alloc(1_010, 'A')])), { kind: 'invalid' })
  const padded = Buffer.concat([line.subarray(0, -2), Buffer.alloc(1_024, ' '), Buffer.from('\r\n')])
  t.match(peers.read(padded), { kind: 'invalid' })
  t.end()
})

t.test('only hubs connect directly where balancers must name the client', async (t) => {
  const hub = await startHub('hub-4', { proxyProtocol: 'required', trustedProxies: ['10.0.0.0/8'] })
  t.equal(String(await answer(dial(one!.port, await wishFor('hub-4')))), 'taken')
  const before = taken.length
  t.ok(isRefused(await answer(dial(hub.port, await wishFor('hub-4')))))
  t.ok(
    isRefused(
      await answer(
        dial(hub.port, Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n'), await wishFor('hub-4')),
      ),
    ),
  )
  t.equal(taken.length, before)
})

t.test('the other hub gets the client address that a balancer names', async (t) => {
  const hub = await startHub('hub-6', { proxyProtocol: 'required', trustedProxies: ['127.0.0.0/8'] })
  const line = Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 4712 443\r\n')
  t.equal(String(await answer(dial(hub.port, line, await wishFor('hub-2')))), 'taken')
  t.match(taken.at(-1), { hub: 'hub-2', info: { clientIp: '203.0.113.7', clientPort: 4712, via: 'hub-6' } })
})

t.test('a relayed connection counts for its client, not for the hub', async (t) => {
  await startHub('hub-5', { limits: { connectionsPerAddress: 2, handshakesPerAddress: 2 } })
  const peers = peersOf('hub-3')
  const wish = await wishFor('hub-5')
  const port = Number(reachable.get('hub-5')!.split(':')[1])
  const from = (address: string) => answer(dial(port, peers.header('hub-5', { address, port: 1 }), wish))
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.1'])
    t.equal(String(await from(address)), 'taken', address)
  t.ok(isRefused(await from('192.0.2.1')), 'the third of one client')
  t.equal(String(await from('192.0.2.4')), 'taken')
})

t.test('a relayed connection does not count as a handshake, but a stop waits for it', async (t) => {
  const hub = await startHub('hub-7', { limits: { handshakes: 1 } })
  const wish = await wishFor('hub-2')
  const first = dial(hub.port, wish)
  t.equal(String(await answer(first)), 'taken')
  const second = dial(hub.port, wish)
  t.equal(String(await answer(second)), 'taken')
  let drained = false
  const draining = hub.front.drain(new AbortController().signal).then(() => {
    drained = true
  })
  first.destroy()
  await once(taken.at(-2)!.socket, 'close')
  t.notOk(drained)
  second.destroy()
  await draining
})
