/** What one HTTP/2 connection may do before it is ended, on the real public port. */
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { FrameBudget } from '../../../core/traffic/http/frame-budget.ts'
import { until } from '../../until.ts'
import { startWeb } from '../../web/server/start-web.ts'
import { leaveAtOnce, sessionCounter, streamCounter } from './leave-at-once.ts'
import {
  block,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  integer,
  PING,
  PRIORITY,
  RawHttp2,
  RST_STREAM,
  SETTINGS,
  setting,
  uint32,
  WINDOW_UPDATE,
} from './raw-http2.ts'

const HUB = 'hub.mezite.localhost'
const HTTP_1_1_REQUIRED = 13
const GET: readonly [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', HUB],
  [':path', '/nothing'],
]
const POST: readonly [string, string][] = [[':method', 'POST'], ...GET.slice(1)]

const hub = await startWeb([])
t.teardown(hub.stop)

async function dial(servername = HUB): Promise<TLSSocket> {
  const socket = connect({ port: hub.port, host: '127.0.0.1', ca: hub.ca, servername, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** Settings are exchanged: nothing of ours comes between the frames of a test. */
async function open(): Promise<RawHttp2> {
  const client = new RawHttp2(await dial())
  await client.ping()
  return client
}

async function works(t: { equal(found: unknown, wanted: unknown, message: string): unknown }): Promise<void> {
  const good = await open()
  good.request(1, GET)
  t.equal(await good.status(1), 404, 'others are served')
  good.socket.destroy()
}

t.test('H114 browsers are offered HTTP/2, and extended CONNECT on the hub’s host alone', async (t) => {
  for (const [ALPNProtocols, chosen] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
  ] as const) {
    const socket = connect({
      port: hub.port,
      host: '127.0.0.1',
      ca: hub.ca,
      servername: HUB,
      ALPNProtocols: [...ALPNProtocols],
    })
    await once(socket, 'secureConnect')
    t.equal(socket.alpnProtocol, chosen)
    socket.destroy()
  }
  for (const [host, offered] of [
    [HUB, true],
    // On apps' hosts WebSockets stay on HTTP/1.1.
    ['x.apps.mezite.localhost', false],
  ] as const) {
    const socket = await dial(host)
    const client = connectHttp2(`https://${host}`, { createConnection: () => socket })
    const [settings] = await once(client, 'remoteSettings')
    t.match(settings, { maxConcurrentStreams: 100, enablePush: false, enableConnectProtocol: offered })
    client.destroy()
  }
})

t.test('H108 floods of frames that do nothing end the connection', async (t) => {
  const small = frame(WINDOW_UPDATE, 0, 0, uint32(1))
  const floods: [name: string, frames: Buffer][] = [
    ['SETTINGS', frame(SETTINGS, 0, 0, setting(4, 65_535))],
    ['empty SETTINGS', frame(SETTINGS, 0, 0)],
    ['PING', frame(PING, 0, 0, Buffer.alloc(8))],
    ['PRIORITY', frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 9]))],
    ['WINDOW_UPDATE', small],
    ['unknown', frame(0x42, 0, 0, Buffer.alloc(4))],
    ['empty DATA', frame(DATA, 0, 1)],
  ]
  for (const [name, one] of floods) {
    const client = await open()
    client.request(1, POST, false)
    const many = Buffer.concat(Array(1_000).fill(one))
    const pump = setInterval(() => client.socket.writableLength < 1e6 && client.send(many), 5)
    const code = await client.ended()
    clearInterval(pump)
    t.not(code, 0, `${name}: ${code}`)
  }
  await works(t)
})

t.test('H108 a header block that never ends, in CONTINUATION frames, ends the connection', async (t) => {
  for (const piece of [Buffer.alloc(0), block([['x-filler', 'y'.repeat(1_000)]])]) {
    const client = await open()
    client.send(frame(HEADERS, END_STREAM, 1, block(GET)))
    const many = Buffer.concat(Array(100).fill(frame(CONTINUATION, 0, 1, piece)))
    const pump = setInterval(() => client.socket.writableLength < 1e6 && client.send(many), 5)
    const code = await client.ended()
    clearInterval(pump)
    t.equal(code, HTTP_1_1_REQUIRED, `${piece.length} bytes: a browser would ask again over HTTP/1.1`)
  }
  await works(t)
})

t.test('H108 a client that breaks the protocol and leaves at once leaves nothing in memory', async (t) => {
  const count = await sessionCounter()
  const before = count()
  const there = { port: hub.port, host: '127.0.0.1', ca: hub.ca, servername: HUB, ALPNProtocols: ['h2'] }
  for (let n = 0; n < 100; n++) await leaveAtOnce(there)
  await until(() => count() <= before + 1, 'of 100 sessions none is left')
  t.pass('collected')
})

t.test('H108 a long connection keeps nothing of its closed streams', async (t) => {
  const count = await streamCounter()
  const before = count()
  const client = await open()
  for (let n = 0; n < 100; n++) {
    client.request(2 * n + 1, GET)
    await client.status(2 * n + 1)
  }
  await until(() => count() <= before + 5, 'of 100 streams hardly one is left')
  await client.ping()
  t.pass('and the connection is there')
  client.socket.destroy()
})

t.test('H107 a rapid reset ends the connection', async (t) => {
  const client = await open()
  let id = 1
  const pump = setInterval(() => {
    const frames: Buffer[] = []
    for (let n = 0; n < 200; n++, id += 2)
      frames.push(
        frame(HEADERS, END_HEADERS | END_STREAM, id, block(GET)),
        frame(RST_STREAM, 0, id, uint32(8)),
      )
    if (client.socket.writableLength < 1e6) client.send(...frames)
  }, 5)
  const code = await client.ended()
  clearInterval(pump)
  t.not(code, 0, String(code))
  t.ok(id < 60_000, `${id / 2} streams`)
  await works(t)
})

t.test('H109 HPACK bombs and endless cookies are refused, and memory stays flat', async (t) => {
  const before = process.memoryUsage().rss
  const bomb = await open()
  const big = Buffer.concat([
    Buffer.from([0x40]),
    integer(1, 7),
    Buffer.from('a'),
    integer(3_900, 7),
    Buffer.alloc(3_900, 98),
  ])
  const indexed = Buffer.alloc(900, 0x80 | 62)
  for (let id = 1; id < 200; id += 2) {
    const payload = Buffer.concat([block(GET), id === 1 ? big : Buffer.alloc(0), indexed])
    bomb.send(frame(HEADERS, END_HEADERS | END_STREAM, id, payload))
  }
  t.ok([431, -11, -1].includes(await bomb.status(199)), 'the bomb')
  bomb.socket.destroy()
  const crumbs = await open()
  const many = Array.from({ length: 10_000 }, (_, n): [string, string] => ['cookie', `c${n}=1`])
  const whole = block([...GET, ...many])
  const parts: Buffer[] = []
  for (let at = 0; at < whole.length; at += 16_000) {
    const last = at + 16_000 >= whole.length
    parts.push(
      frame(
        at === 0 ? HEADERS : CONTINUATION,
        (at === 0 ? END_STREAM : 0) | (last ? END_HEADERS : 0),
        1,
        whole.subarray(at, at + 16_000),
      ),
    )
  }
  crumbs.send(...parts)
  t.ok([431, -11].includes(await crumbs.status(1)), 'ten thousand cookies')
  crumbs.socket.destroy()
  const fewer = await open()
  fewer.request(1, [...GET, ...many.slice(0, 900)])
  t.equal(await fewer.status(1), 404, 'as many as browsers store')
  fewer.request(3, [...GET, ...many.slice(0, 1_030)])
  t.equal(await fewer.status(3), -11)
  fewer.request(5, GET)
  t.equal(await fewer.status(5), 404, 'and the connection lives')
  fewer.socket.destroy()
  const headers = await open()
  headers.request(1, [...GET, ...Array.from({ length: 101 }, (_, n): [string, string] => [`x-${n}`, '1'])])
  t.equal(await headers.status(1), 431, '101 headers')
  headers.socket.destroy()
  t.ok(process.memoryUsage().rss - before < 200e6)
})

t.test('H113 garbage instead of HTTP/2 closes that connection only', async (t) => {
  for (const bytes of [
    Buffer.alloc(5_000, 0xab),
    Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(5_000, 0xff)]),
  ]) {
    const socket = await dial()
    socket.resume()
    socket.write(bytes)
    if (!socket.closed) await once(socket, 'close')
  }
  for (const bad of [
    frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])),
    frame(HEADERS, END_HEADERS | END_STREAM, 2, block(GET)),
    frame(DATA, 0, 7, Buffer.from('x')),
    frame(SETTINGS, 0, 0, Buffer.from([1])),
    frame(WINDOW_UPDATE, 0, 0, uint32(0)),
    frame(GOAWAY, 0, 5, Buffer.alloc(8)),
    frame(0, 0, 0, Buffer.alloc(20_000)),
  ]) {
    const client = await open()
    client.send(bad)
    t.not(await client.ended(), 0)
  }
  await works(t)
})

t.test(
  'H110 F81 a body that does not fit its content-length ends its stream, not the connection',
  async (t) => {
    const client = await open()
    let id = -1
    for (const [length, ...chunks] of [
      ['3', 'hello'],
      ['3', 'hel', 'lo'],
      ['3', 'hel', 'lo', 'more'],
      ['9', 'hello'],
      ['9'],
    ] as [string, ...string[]][]) {
      id += 2
      client.request(id, [...POST, ['content-length', length]], chunks.length === 0)
      for (const [at, text] of chunks.entries())
        client.send(frame(DATA, at === chunks.length - 1 ? END_STREAM : 0, id, Buffer.from(text)))
      t.equal(await client.reset(id), 1, `${length} is not ${chunks.join().length}`)
    }
    client.request(id + 2, GET)
    t.equal(await client.status(id + 2), 404, 'others go on')
    client.send(frame(DATA, 0, 0, Buffer.from('x')))
    t.not(await client.ended(), 0, 'a violation by the connection ends it')
  },
)

t.test('a connection without a request ends with GOAWAY', async (t) => {
  const slow = await startWeb([], {}, { limits: { headerMs: 2_000 } })
  t.teardown(slow.stop)
  const socket = connect({
    port: slow.port,
    host: '127.0.0.1',
    ca: slow.ca,
    servername: HUB,
    ALPNProtocols: ['h2'],
  })
  await once(socket, 'secureConnect')
  const idle = new RawHttp2(socket)
  t.equal(await idle.ended(), 0)
  const half = connect({
    port: slow.port,
    host: '127.0.0.1',
    ca: slow.ca,
    servername: HUB,
    ALPNProtocols: ['h2'],
  })
  await once(half, 'secureConnect')
  const client = new RawHttp2(half)
  await client.ping()
  client.send(frame(HEADERS, END_STREAM, 1, block(GET)))
  t.equal(await client.ended(), 0, 'N166 half a header block as well')
})

t.test('frames beyond the budget end the connection', async (t) => {
  const none = () => 0
  t.test('frames with content are not a flood, however many', async (t) => {
    const budget = new FrameBudget()
    let received = 0
    let sent = 0
    let floods = 0
    for (let second = 0; second < 100; second++) {
      for (let n = 0; n < 1_000; n++) {
        budget.request(600)
        budget.body(8_000)
        received += 400 + 8_000 + 9 + 9 + 26
        sent += 30_000
      }
      // Window updates of a client that sends one for each 4 KiB.
      received += (30_000_000 / 4_096) * 26
      if (budget.check(received, sent, none)) floods++
    }
    t.equal(floods, 0)
  })
  t.test('an unread body is not a flood', async (t) => {
    const budget = new FrameBudget()
    budget.request(300)
    t.notOk(budget.check(9_000_000, 0, () => 8_999_000))
    budget.body(8_999_000)
    t.notOk(budget.check(9_000_100, 0, none))
    t.ok(budget.check(10_500_000, 0, none), 'and gives no credit')
  })
  t.test('a slow flood is a flood too', async (t) => {
    const budget = new FrameBudget()
    let received = 0
    let seconds = 0
    for (; seconds < 60 && !budget.check(received, 0, none); seconds++) received += 100_000
    t.ok(seconds > 5 && seconds < 20, `${seconds} s`)
  })
})
