// together: quick
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2Session,
} from 'node:http2'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { systemClock as clock } from '../../core/kernel/clock.ts'
import { startHeartbeat } from '../../core/wire/heartbeat.ts'
import { until } from '../until.ts'

const INTERVAL_MS = 40

async function sessionTo(t: Test, server: Server | Http2Server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const session = connectHttp2('http://peer', { createConnection: () => socket })
  session.on('error', () => {})
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  await once(session, 'connect')
  return { session, socket }
}

/** A session with a peer that sends these frames, and nothing more. */
function silentPeer(t: Test, frames: string, reads = true) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (reads) socket.resume()
    else socket.pause()
    socket.write(Buffer.from(frames, 'hex'))
    t.teardown(() => socket.destroy())
  })
  return sessionTo(t, server)
}
const SETTINGS = '000000040000000000'

/** A session with a peer that counts the pings. */
async function start(t: Test) {
  const server = createHttp2Server()
  let pings = 0
  server.on('session', (peer: Http2Session) => {
    peer.on('error', () => {})
    peer.on('ping', () => {
      pings += 1
    })
  })
  const { session } = await sessionTo(t, server)
  return { session, pings: () => pings }
}

t.test('a heartbeat measures the round trip again and again, also while the peer is heard', async (t) => {
  const { session } = await start(t)
  const { promise, resolve } = Promise.withResolvers<number[]>()
  const times: number[] = []
  let heard = 0
  startHeartbeat(session, {
    clock,
    intervalMs: INTERVAL_MS,
    bytesRead: () => ++heard,
    onDead: () => t.fail('the peer is heard'),
    onRtt: (ms) => void (times.push(ms) === 5 && resolve(times)),
  })
  t.ok((await promise).every((ms) => ms > 0))
})

t.test('a heartbeat sends nothing while the peer is heard', async (t) => {
  const { session, pings } = await start(t)
  const heardOften = Promise.withResolvers<void>()
  let heard = 0
  let silent = false
  startHeartbeat(session, {
    clock,
    intervalMs: INTERVAL_MS,
    bytesRead() {
      if (!silent) heard += 1
      if (heard === 6) heardOften.resolve()
      return heard
    },
    onDead() {},
  })
  await heardOften.promise
  t.equal(pings(), 0)
  silent = true
  await until(() => pings() > 0, 'it pings when it has heard nothing')
})

t.test('a peer that falls silent is dead, once', async (t) => {
  const { session, socket } = await silentPeer(t, SETTINGS)
  const { promise, resolve } = Promise.withResolvers<void>()
  let dead = 0
  const began = performance.now()
  startHeartbeat(session, {
    clock,
    intervalMs: INTERVAL_MS,
    bytesRead: () => socket.bytesRead,
    onDead() {
      dead += 1
      resolve()
    },
  })
  await promise
  t.ok(performance.now() - began >= 2.5 * INTERVAL_MS, 'it had time to answer')
  let checks = 0
  const later = Promise.withResolvers<void>()
  startHeartbeat(session, {
    clock,
    intervalMs: INTERVAL_MS,
    onDead() {},
    bytesRead: () => {
      checks += 1
      if (checks === 6) later.resolve()
      return checks
    },
  })
  await later.promise
  t.equal(dead, 1)
})

/** Waits until the peer closes the session, which a stream keeps open. */
async function closing(t: Test, session: ClientHttp2Session) {
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app:1' })
  stream.on('error', () => {})
  t.teardown(() => stream.destroy())
  await once(session, 'goaway')
  t.ok(session.closed)
  t.notOk(session.destroyed)
}

t.test('a peer that falls silent while its session is closing is dead', async (t) => {
  // GOAWAY after any stream.
  const { session, socket } = await silentPeer(t, `${SETTINGS}0000080700000000007fffffff00000000`)
  await closing(t, session)
  await new Promise<void>((onDead) =>
    startHeartbeat(session, { clock, intervalMs: INTERVAL_MS, bytesRead: () => socket.bytesRead, onDead }),
  )
})

t.test('a peer that is closing its session, and answers, is not dead', async (t) => {
  const server = createHttp2Server()
  const asked = Promise.withResolvers<void>()
  let questions = 0
  server.on('session', (peer: Http2Session) => {
    peer.on('error', () => {})
    peer.on('remoteSettings', () => {
      questions += 1
      if (questions === 6) asked.resolve()
    })
  })
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.session?.close()
  })
  const { session, socket } = await sessionTo(t, server)
  await closing(t, session)
  startHeartbeat(session, {
    clock,
    intervalMs: INTERVAL_MS,
    bytesRead: () => socket.bytesRead,
    onDead: () => t.fail('the peer answers'),
  })
  await asked.promise
})

t.test('a session that was cut while its peer reads nothing is dead', async (t) => {
  // SETTINGS with the largest windows, and the largest window of the connection.
  const frames = '000006040000000000' + '00047fffffff' + '000004080000000000' + '7fff0000'
  const { session, socket } = await silentPeer(t, frames, false)
  await once(session, 'remoteSettings')
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app:1' })
  stream.on('error', () => {})
  stream.write(Buffer.alloc(64 << 20))
  await until(() => socket.bytesWritten > 32 << 20, 'a write is under way')
  const closed = once(session, 'close')
  await new Promise<void>((onDead) => {
    startHeartbeat(session, { clock, intervalMs: INTERVAL_MS, bytesRead: () => socket.bytesRead, onDead })
    session.destroy()
  })
  socket.destroy()
  await closed
})

t.test('heartbeats of many sessions wake the process for many of them at once', async (t) => {
  const SESSIONS = 400
  const PARTS = 20
  const { session } = await start(t)
  session.setMaxListeners(0)
  const { promise, resolve } = Promise.withResolvers<void>()
  const checks = new Map<number, number>()
  let wakings = 0
  let awake = false
  for (let at = 0; at < SESSIONS; at++) {
    let heard = 0
    startHeartbeat(session, {
      clock,
      intervalMs: 10 * INTERVAL_MS,
      onDead: () => t.fail('it is heard'),
      bytesRead() {
        heard += 1
        // The first time is when it starts.
        if (heard === 1) return heard
        if (!awake) {
          awake = true
          wakings += 1
          queueMicrotask(() => {
            awake = false
          })
        }
        checks.set(at, heard - 1)
        if (checks.size === SESSIONS) resolve()
        return heard
      },
    })
  }
  await promise
  const rounds = Math.max(...checks.values())
  t.ok(wakings <= PARTS * rounds, `${SESSIONS} sessions were checked in ${wakings} wakings`)
})
