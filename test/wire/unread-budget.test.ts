// together: quick
// long
import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server, type Http2Session } from 'node:http2'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { openSlowPath } from '../../core/testing/slow-path.ts'
import {
  FIRST_STREAM_WINDOW,
  SESSION_WINDOW,
  SMALLEST_STREAM_WINDOW,
  STREAM_WINDOW,
  tunnelHttp2,
  UNREAD_BYTES,
} from '../../core/wire/tunnel-protocol.ts'
import { UnreadBudget } from '../../core/wire/unread-budget.ts'
import { until } from '../until.ts'

/** More streams than may each have the largest window. */
const MANY = 200
/** A busy machine may take a second for an acknowledgement. */
const ACK_MS = 2_000

async function sessionTo(t: Test, server: Server, ackMs: number) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const session = connectHttp2('http://peer', { createConnection: () => socket })
  session.on('error', () => {})
  const budget = new UnreadBudget(session, ackMs)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  await once(session, 'remoteSettings')
  return { session, budget }
}

t.test('a peer that never acknowledges smaller windows loses the session', async (t) => {
  // SETTINGS, and never an acknowledgement.
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
  })
  const { session, budget } = await sessionTo(t, server, 200)
  for (let n = 0; n < MANY; n++) budget.account().paused()
  await once(session, 'close')
  t.ok(session.destroyed)
})

t.test('a peer that acknowledges them keeps the session', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, ACK_MS)
  for (let n = 0; n < MANY; n++) budget.account().paused()
  await once(session, 'localSettings')
  await new Promise((resolve) => setTimeout(resolve, ACK_MS + 500))
  t.notOk(session.destroyed)
})

t.test('a stream of small exchanges does not cost a ping for each', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, ACK_MS)
  let pings = 0
  const ping = session.ping.bind(session)
  session.ping = ((done: () => void) => {
    pings += 1
    return ping(done)
  }) as typeof session.ping
  const account = budget.account()
  account.received(32 << 10)
  for (let exchanges = 0; exchanges < 128; exchanges++) {
    account.received(1 << 10)
    await new Promise((resolve) => ping(resolve))
  }
  t.ok(pings >= 1 && pings <= 5, `${pings} pings for 128 KiB`)
})

t.test('windows shrink before streams stall, so that all bulk streams stay within the budget', async (t) => {
  const server = createHttp2Server() as unknown as Server
  const { session, budget } = await sessionTo(t, server, 10_000)
  const accounts = Array.from({ length: 200 }, () => budget.account())
  const allowed = UNREAD_BYTES / FIRST_STREAM_WINDOW
  for (const account of accounts) account.received(30 << 10)
  t.equal(budget.window, FIRST_STREAM_WINDOW, 'small responses count for nothing')
  for (const [at, account] of accounts.entries()) {
    account.received(2 << 10)
    if (at + 1 === allowed) t.equal(budget.window, FIRST_STREAM_WINDOW, 'downloads that fit')
    if (at === allowed) t.equal(budget.window, FIRST_STREAM_WINDOW / 2, 'one more')
  }
  while (budget.window > SMALLEST_STREAM_WINDOW) await once(session, 'localSettings')
  t.ok(accounts.length * budget.window <= UNREAD_BYTES)
  for (const account of accounts) account.released()
  while (budget.window < FIRST_STREAM_WINDOW) await once(session, 'localSettings')
  t.pass('when all have ended, windows are as at first')
})

/** A stream that never ends, 40 ms away, whose first bytes have arrived. */
async function farStream(t: Test) {
  const chunk = Buffer.alloc(64 << 10)
  const server = createHttp2Server(tunnelHttp2)
  server.on('session', (session) => session.setLocalWindowSize(SESSION_WINDOW))
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    const pour = (): void => {
      while (!stream.destroyed && stream.write(chunk));
    }
    stream.on('drain', pour)
    pour()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const path = await openSlowPath((server.address() as AddressInfo).port, { delayMs: 20 })
  t.teardown(() => path.close())
  const session = connectHttp2(`http://127.0.0.1:${path.port}`, tunnelHttp2)
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  await once(session, 'connect')
  session.setLocalWindowSize(SESSION_WINDOW)
  const budget = new UnreadBudget(session)
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  return { session, stream, budget, account: budget.account() }
}

t.test('the window of a stream on a long way grows while its reader keeps up', async (t) => {
  const { session, stream, budget, account } = await farStream(t)
  const large = new Promise<void>((resolve) => {
    session.on('localSettings', () => budget.window >= 1 << 20 && resolve())
  })
  stream.on('data', (bytes: Buffer) => account.received(bytes.length))
  await large
  t.ok(budget.window >= 1 << 20)
})

t.test('the window stays as it was for a reader who reads less than the way carries', async (t) => {
  const { session, stream, budget, account } = await farStream(t)
  let bytes = 0
  // One small read a round trip.
  for (let reads = 0; reads < 30; reads++) {
    const chunk = stream.read(1_024) as Buffer | null
    if (chunk === null) await once(stream, 'readable')
    bytes += chunk?.length ?? 0
    account.received(chunk?.length ?? 0)
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error ? reject(error) : resolve()))
    })
  }
  t.ok(bytes > 0)
  t.equal(budget.window, FIRST_STREAM_WINDOW)
  t.ok(stream.readableLength <= 4 * FIRST_STREAM_WINDOW, `${stream.readableLength} bytes wait for it`)
})

/** A stream that is always full, on a way with this round trip; `tookMs` is how long a window takes to arrive. */
async function fullStream(t: Test, roundTripMs: number, tookMs: (window: number, round: number) => number) {
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  let pong: ((error: null) => void) | undefined
  const session = {
    destroyed: false,
    closed: false,
    once() {},
    ping: (done: (error: null) => void) => {
      pong = done
    },
    settings: (_settings: object, acknowledged: () => void) => queueMicrotask(acknowledged),
  }
  const budget = new UnreadBudget(session as unknown as Http2Session)
  const account = budget.account()
  const round = async (bytes: number, ms: number) => {
    // What came before.
    account.received(32 << 10)
    account.received(bytes)
    now += ms
    pong?.(null)
    // The peer applies the window.
    await Promise.resolve()
  }
  account.received(32 << 10)
  await round(1, roundTripMs)
  for (let at = 0; at < 40; at++) await round(budget.window, tookMs(budget.window, at))
  return { budget, account }
}

const grow = async (...way: Parameters<typeof fullStream>): Promise<number> =>
  (await fullStream(...way)).budget.window

const MIB = 1 << 20

t.test('a window grows to the largest where lost packets hold back bytes that arrived', async (t) => {
  await t.test('each window takes two round trips', async (t) => {
    t.equal(await grow(t, 50, () => 100), STREAM_WINDOW)
  })
  await t.test('most take six', async (t) => {
    t.equal(await grow(t, 50, (_window, round) => (round % 8 === 7 ? 60 : 300)), STREAM_WINDOW)
  })
})

t.test('a window grows to what a way carries in four round trips, and no further', async (t) => {
  const bytesAMs = 20 * 1024
  t.equal(await grow(t, 50, (window) => Math.max(50, window / bytesAMs)), 4 * MIB)
})

t.test('on a short way whose ends are busy', async (t) => {
  await t.test('a window stays at 1 MiB if a larger one makes nothing faster', async (t) => {
    t.equal(await grow(t, 0.1, (window) => (window / MIB) * 5), MIB)
  })
  await t.test('a window grows while each larger one makes the stream faster by a tenth', async (t) => {
    const msPerMib = (window: number) => Math.max(2, 5 * (MIB / window) ** 0.3)
    t.equal(await grow(t, 0.1, (window) => (window / MIB) * msPerMib(window)), STREAM_WINDOW)
  })
})

t.test('a later bulk stream of the session begins with the window that the way needs', async (t) => {
  const bytesAMs = 20 * 1024
  const { budget, account } = await fullStream(t, 50, (window) => Math.max(50, window / bytesAMs))
  account.released()
  await until(() => budget.window === FIRST_STREAM_WINDOW, 'nothing is bulk')
  const later = budget.account()
  later.received(16 << 10)
  await Promise.resolve()
  t.equal(budget.window, FIRST_STREAM_WINDOW, 'a small response changes nothing')
  later.received(16 << 10)
  later.received(1)
  t.equal(budget.window, 4 * MIB)
  const stalled = Array.from({ length: 7 }, () => budget.account())
  for (const one of stalled) one.paused()
  await Promise.resolve()
  t.ok(budget.window * (stalled.length + 1) <= UNREAD_BYTES, 'streams that stall beside it make it smaller')
})

t.test(
  'a stream that stalls gets no larger window, however large the one of an earlier stream was',
  async (t) => {
    const { budget, account } = await fullStream(t, 50, () => 100)
    account.released()
    await until(() => budget.window === FIRST_STREAM_WINDOW, 'nothing is bulk')
    const stalled = budget.account()
    stalled.received(8 << 10)
    stalled.paused()
    await Promise.resolve()
    t.equal(budget.window, FIRST_STREAM_WINDOW)
  },
)
