// together: quick
import { createHash } from 'node:crypto'
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
import t, { type Test } from 'tap'
import { resetStream, StreamPipe } from '../../core/wire/stream-pipe.ts'

/** Both ends of one CONNECT stream over a real session. */
async function openPipe(t: Test) {
  const server = createServer()
  const streams = once(server, 'stream')
  const sessions = once(server, 'session')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  t.teardown(() => {
    session.destroy()
    server.close()
  })
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app' }, { endStream: false })
  const [far] = (await streams) as [ServerHttp2Stream]
  far.on('error', () => {})
  far.respond({ ':status': 200 }, { endStream: false } as never)
  await once(stream, 'response')
  const pipe = new StreamPipe(stream, 'node-1')
  const closed = new Promise<Error | null>((resolve) => {
    pipe.onclose = resolve
  })
  const [farSession] = await sessions
  return { pipe, stream, far, farSession, session, closed }
}

t.test('19 a lost link is distinguished from a reset by the app', async (t) => {
  const lost = await openPipe(t)
  lost.session.destroy()
  t.match(await lost.closed, { code: 'MEZ_LINK_LOST' }, 'cut on this side')
  const gone = await openPipe(t)
  gone.farSession.socket.destroy()
  t.match(await gone.closed, { code: 'MEZ_LINK_LOST' }, 'cut on the other side')
  const reset = await openPipe(t)
  reset.far.close(constants.NGHTTP2_CONNECT_ERROR)
  const error = await reset.closed
  t.ok(error instanceof Error)
  t.not((error as { code?: string }).code, 'MEZ_LINK_LOST', 'the app reset')
})

t.test('only an end in both directions is clean', async (t) => {
  const { pipe, far, closed } = await openPipe(t)
  const ended = new Promise<void>((resolve) => {
    pipe.onend = resolve
  })
  far.resume()
  far.end('bye')
  await ended
  pipe.end()
  t.equal(await closed, null)
})

t.test('a pipe whose last bytes are not read ends once it is destroyed', async (t) => {
  const { pipe, far, session, closed } = await openPipe(t)
  pipe.pause()
  far.resume()
  far.end('never read')
  pipe.end()
  // An answer to a ping comes behind all that the far side has sent.
  await new Promise((resolve) => session.ping(resolve))
  pipe.destroy()
  t.ok((await closed) instanceof Error, 'what was not read is not a clean end')
})

t.test('a reset stream closes on both sides, and does not look like a clean end', async (t) => {
  const states: [string, (stream: ClientHttp2Stream, far: ServerHttp2Stream) => unknown][] = [
    ['while both sides are open', () => {}],
    ['with bytes on their way that nobody reads', (stream) => stream.write(Buffer.alloc(1 << 20))],
    ['after the peer has ended', (_stream, far) => far.resume().end()],
    ['after the peer has reset', (_stream, far) => far.close(constants.NGHTTP2_CONNECT_ERROR)],
    ['after our own end', (stream) => stream.end()],
  ]
  for (const [when, prepare] of states) {
    const { stream, far, session } = await openPipe(t)
    const closed = [stream, far].map((side) => new Promise((resolve) => side.once('close', resolve)))
    await prepare(stream, far)
    await new Promise((resolve) => session.ping(resolve))
    resetStream(stream)
    await Promise.all(closed)
    t.equal(far.rstCode, constants.NGHTTP2_CONNECT_ERROR, when)
  }
})

t.test('a stream that is reset after its refusal closes with the end of the peer', async (t) => {
  const { far, session } = await openPipe(t)
  const farSession = far.session
  farSession?.on('stream', (refused: ServerHttp2Stream) => {
    refused.on('error', () => {})
    refused.respond({ ':status': 403 }, { endStream: true })
    refused.close(constants.NGHTTP2_NO_ERROR)
  })
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app' }, { endStream: false })
  stream.on('error', () => {})
  stream.once('response', () => resetStream(stream))
  await new Promise((resolve) => stream.once('close', resolve))
  t.ok(stream.destroyed)
})

t.test('owned chunks arrive byte for byte, and their memory is freed once they are sent', async (t) => {
  const { pipe, far, closed } = await openPipe(t)
  const sent: Buffer[] = []
  const expected = createHash('sha256')
  const received = createHash('sha256')
  far.on('data', (bytes: Buffer) => void received.update(bytes))
  pipe.ondata = () => {}
  const farEnded = once(far, 'end')
  for (let at = 0; at < 200; at++) {
    const chunk = Buffer.alloc(64 << 10, at + 1)
    expected.update(chunk)
    sent.push(chunk)
    if (!pipe.writeOwned(chunk)) await new Promise<void>((resolve) => (pipe.ondrain = resolve))
  }
  pipe.end()
  await farEnded
  far.end()
  t.equal(await closed, null)
  t.equal(received.digest('hex'), expected.digest('hex'))
  t.equal(sent.filter(({ length }) => length > 0).length, 0, 'all are free')
})

t.test('chunks that a cut stream has not sent keep their memory, which Node.js may still read', async (t) => {
  const { pipe, far, closed } = await openPipe(t)
  far.pause()
  const chunk = Buffer.alloc(8 << 20, 'x')
  pipe.writeOwned(chunk)
  pipe.destroy()
  await closed
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(chunk.length, 8 << 20)
})
