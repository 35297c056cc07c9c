// together: quick
/** Bodies of requests over HTTP/2: whole, in time, or seen to be broken. */
import { once } from 'node:events'
import t from 'tap'
import { DATA, END_STREAM, frame, RST_STREAM, uint32 } from '../../traffic/http/raw-http2.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, openGateway } from './gateway.ts'
import { answer, fields, rawClient, send } from './http2-requests.ts'
import { openRawApp } from './raw-app.ts'

const CANCEL = 8

t.test('an upload flows at the pace of the app, whole', async (t) => {
  const size = 16 * 1024 * 1024
  let seen = 0
  let paused = false
  const app = await openRawApp((socket, _text, { bytes, end }) => {
    seen = bytes
    if (!paused && bytes > 50_000) {
      paused = true
      socket.pause()
    }
    if (end.endsWith('0\r\n\r\n')) socket.write(OK)
  })
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const stream = send(await gateway.session(), { ':method': 'POST' }, true)
  const done = answer(stream)
  let sent = 0
  const piece = Buffer.alloc(64 * 1024, 97)
  const pump = () => {
    while (sent < size) {
      sent += piece.length
      if (!stream.write(piece)) {
        stream.once('drain', pump)
        return
      }
    }
    stream.end()
  }
  pump()
  await until(() => paused, 'the app pauses')
  let before = -1
  while (before !== sent) {
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.ok(sent < size, `${sent} bytes taken from the browser while the app reads nothing`)
  for (const socket of app.sockets) socket.resume()
  t.match(await done, { status: 200, body: 'ok' })
  t.ok(seen > size)
  t.match((await gateway.recorded(1))[0], { fields: { bytes_in: size } })
})

t.test('F85 100-continue is sent once the app is connected', async (t) => {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const stream = send(
    await gateway.session(),
    { ':method': 'PUT', expect: '100-continue', 'content-length': '5' },
    true,
  )
  const done = answer(stream)
  await once(stream, 'continue')
  stream.end('hello')
  t.match(await done, { status: 200 })
  t.match(app.requests[0], /\r\ncontent-length: 5\r\n\r\nhello$/i)
  t.notMatch(app.requests[0], /expect/i)
})

t.test('a broken upload never looks whole to the app', async (t) => {
  const gone: string[] = []
  const app = await openRawApp((socket, text) => {
    socket.removeAllListeners('close')
    socket.once('close', () => {
      app.sockets.delete(socket)
      gone.push(text)
    })
  })
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  // Reset with an error, without one, shorter and longer than it says, and a lost connection.
  for (const [length, ...frames] of [
    [null, frame(RST_STREAM, 0, 1, uint32(CANCEL))],
    [null, frame(RST_STREAM, 0, 1, uint32(0))],
    ['9', frame(DATA, END_STREAM, 1, Buffer.from('!'))],
    ['6', frame(DATA, END_STREAM, 1, Buffer.from('!!'))],
    [null],
  ] as [string | null, ...Buffer[]][]) {
    const client = await rawClient(gateway)
    client.request(
      1,
      fields('POST', '/', ...(length === null ? [] : [['content-length', length] as [string, string]])),
      false,
    )
    client.send(frame(DATA, 0, 1, Buffer.from('hello')))
    const before = gone.length
    await until(() => [...app.sockets].length > 0, 'the app is reached')
    await new Promise((resolve) => setTimeout(resolve, 50))
    client.send(...frames)
    if (frames.length === 0) client.socket.destroy()
    await until(() => gone.length > before, 'the app hears of the end')
    t.match(gone.at(-1), /hello/)
    t.notMatch(gone.at(-1), /0\r\n\r\n$|hello!!/)
    client.socket.destroy()
  }
  t.match(
    (await gateway.recorded(5)).map(({ reason }) => reason),
    Array(5).fill('client_closed'),
  )
})

t.test('F91 an app may respond before the body has arrived', async (t) => {
  let answered = false
  const app = await openRawApp((socket, text) => {
    if (answered || !text.includes('\r\n\r\n')) return
    answered = true
    socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
  })
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const session = await gateway.session()
  const stream = send(session, { ':method': 'POST' }, true)
  const done = answer(stream)
  stream.write(Buffer.alloc(100_000))
  t.match(await done, { status: 403, body: 'no', code: 0 })
  t.match((await gateway.recorded(1))[0], { success: true, fields: { status: 403 } })
  await until(() => app.sockets.size === 0, 'its connection is not used again')
  t.notOk(session.closed)
})
