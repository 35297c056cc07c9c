// together: quick
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import { PUBLIC_HOST_HEADER, REASON_HEADER } from '../../core/protocol.ts'
import { openStream } from '../../oclif-cli/msh/hub-stream.ts'
import { refuseStream } from '../../plugins/tcp-apps/stream-refusal.ts'

type Arrival = (stream: ServerHttp2Stream) => void
/** A connection to a hub that does with each stream what comes next of `arrivals`. */
async function connectTo(
  t: { teardown(fn: () => unknown): void },
  arrivals: Arrival[],
  far: Promise<unknown>[] = [],
): Promise<ClientHttp2Session> {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    far.push(new Promise((resolve) => stream.once('close', resolve)))
    arrivals.shift()?.(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  return session
}

t.test('a stream that is refused or given up closes on both sides', async (t) => {
  const arrivals: Arrival[] = []
  const far: Promise<unknown>[] = []
  const session = await connectTo(t, arrivals, far)
  const near: Promise<unknown>[] = []
  const request = session.request.bind(session)
  session.request = (...args): ClientHttp2Stream => {
    const stream = request(...args)
    near.push(new Promise((resolve) => stream.once('close', resolve)))
    return stream
  }
  const failure = (signal?: AbortSignal): Promise<unknown> =>
    openStream(session, { app: 'redis', protocol: 'tcp', signal }).then(
      () => null,
      (error) => error,
    )

  arrivals.push((stream) => refuseStream(stream, { status: 403, reason: 'role_missing' }))
  t.match(await failure(), { status: 403, reason: 'role_missing' })

  const message = 'Call “the desk” \u001b[2J'
  arrivals.push((stream) => refuseStream(stream, { status: 403, reason: 'locked', message }))
  t.match(await failure(), {
    status: 403,
    reason: 'locked',
    message: /: Call “the desk” \\x1b\[2J$/,
  })

  const long = '\u4e2d'.repeat(1_024)
  arrivals.push((stream) => refuseStream(stream, { status: 403, reason: 'locked', message: long }))
  t.match(await failure(), { reason: 'locked', message: long }, 'the longest that a lock takes')

  const refusal = { ':status': 503, [REASON_HEADER]: 'draining' }
  arrivals.push((stream) => stream.respond(refusal, { endStream: true }))
  t.match(await failure(), { status: 503, reason: 'draining' }, 'one that only ends')
  arrivals.push((stream) => stream.respond(refusal, { endStream: false } as never))
  t.match(await failure(), { status: 503, reason: 'draining' }, 'one that does not end')

  const stop = new AbortController()
  arrivals.push(() => stop.abort())
  t.match(await failure(stop.signal), { name: 'StreamLost' })
  arrivals.push(() => {})
  t.match(await failure(stop.signal), { name: 'StreamLost' }, 'at once')

  arrivals.push((stream) => refuseStream(stream, { status: 404, reason: 'app_unknown' }))
  t.match(await failure(), { status: 404 }, 'the session still serves')
  t.equal(near.length, 8)
  await Promise.all([...near, ...far])
})

t.test('only a response 200 opens a stream, and a lost hub is distinguished from an app', async (t) => {
  const arrivals: Arrival[] = []
  const session = await connectTo(t, arrivals)
  const stop = new AbortController()
  const ask = () => openStream(session, { app: 'wiki', protocol: 'http', signal: stop.signal })
  const answered = (headers: object, endStream = false): Arrival => {
    return (stream) => stream.respond(headers as never, { endStream })
  }

  for (const status of [204, 302, 404]) {
    arrivals.push(answered({ ':status': status, [REASON_HEADER]: 'Not A Code' }, true))
    await t.rejects(ask(), { name: 'Refusal', status, reason: 'refused' })
  }
  const hosts = { 'wiki.example.com:8443': true, 'wiki.example.com': true, 'a@b': false, '': false }
  for (const [host, counts] of Object.entries(hosts)) {
    arrivals.push(answered({ ':status': 200, [PUBLIC_HOST_HEADER]: host }))
    t.equal((await ask()).publicHost, counts ? host : null)
  }
  arrivals.push((stream) => {
    stream.respond({ ':status': 200 }, { endStream: false } as never)
    stream.pipe(stream)
  })
  const { pipe } = await ask()
  stop.abort()
  const echoed = new Promise((resolve) => {
    pipe.ondata = (chunk) => resolve(String(chunk))
  })
  pipe.write(Buffer.from('still open'))
  t.equal(await echoed, 'still open', 'what is open is no business of who waited for it')

  const later = () => openStream(session, { app: 'wiki', protocol: 'http' })
  for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_INTERNAL_ERROR]) {
    arrivals.push((stream) => stream.close(code))
    await t.rejects(later(), { name: 'Refusal', status: 502, reason: 'app_unreachable' })
  }
  arrivals.push((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
  await t.rejects(later(), { name: 'StreamLost' }, 'no byte was taken')
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  arrivals.push(() => mock.timers.tick(60_000))
  await t.rejects(later(), { name: 'Refusal', status: 504, reason: 'connect_timeout' })
  arrivals.push(() => session.destroy())
  await t.rejects(later(), { name: 'StreamLost' })
  await t.rejects(later(), { name: 'StreamLost' }, 'nor is one begun')
})
