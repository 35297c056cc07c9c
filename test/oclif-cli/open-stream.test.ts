import { once } from 'node:events'
import { type ClientHttp2Stream, connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { REASON_HEADER } from '../../core/wire/index.ts'
import { openStream } from '../../oclif-cli/msh/open-stream.ts'
import { refuseStream } from '../../plugins/tcp-apps/refuse-stream.ts'

t.test('a stream that is refused or given up closes on both sides', async (t) => {
  const arrivals: ((stream: ServerHttp2Stream) => void)[] = []
  const server = createServer()
  const far: Promise<unknown>[] = []
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

  arrivals.push((stream) => refuseStream(stream, { kind: 'refused', status: 403, reason: 'role_missing' }))
  t.match(await failure(), { status: 403, reason: 'role_missing' })

  const message = 'Call “the desk” \u001b[2J'
  arrivals.push((stream) => refuseStream(stream, { kind: 'refused', status: 403, reason: 'locked', message }))
  t.match(await failure(), {
    ...{ status: 403, reason: 'locked' },
    message: 'your access is locked; ask an administrator: Call “the desk” \\x1b[2J',
  })

  const long = '\u4e2d'.repeat(1_024)
  arrivals.push((stream) =>
    refuseStream(stream, { kind: 'refused', status: 403, reason: 'locked', message: long }),
  )
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

  arrivals.push((stream) => refuseStream(stream, { kind: 'refused', status: 404, reason: 'app_unknown' }))
  t.match(await failure(), { status: 404 }, 'the session still serves')
  t.equal(near.length, 8)
  await Promise.all([...near, ...far])
})
