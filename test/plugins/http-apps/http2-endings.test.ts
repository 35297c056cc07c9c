// together: quick
// long
/** Streams of browsers over HTTP/2 that end before their answer does: cut, broken off, cancelled, not read. */
import { once } from 'node:events'
import t from 'tap'
import { frame, GOAWAY, RST_STREAM, setting, uint32 } from '../../traffic/http/raw-http2.ts'
import { until } from '../../until.ts'
import { OK } from './byte-app.ts'
import { appAt, openGateway } from './gateway.ts'
import { answer, fields, rawClient, send } from './http2-requests.ts'
import { openRawApp } from './raw-app.ts'

const INTERNAL_ERROR = 2
const CANCEL = 8

t.test('streams end with access and after their deadlines', async (t) => {
  const app = await openRawApp((socket, text) => {
    if (/^GET \/stream /.test(text))
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
    if (/^GET \/endless /.test(text)) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      }
      socket.on('drain', more)
      more()
    }
    if (/^GET \/short/.test(text)) {
      const framing = text.includes('chunked') ? 'Transfer-Encoding: chunked' : 'Content-Length: 10'
      socket.write(
        `HTTP/1.1 200 OK\r\n${framing}\r\n\r\n4\r\nhalf\r\n`.slice(
          0,
          text.includes('chunked') ? undefined : -9,
        ),
      )
      if (text.includes('later')) setTimeout(() => socket.end(), 20)
      else socket.end()
    }
    if (/^GET \/fast /.test(text))
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
  })
  t.teardown(() => app.close())
  const timeouts = { connectMs: 20_000, responseMs: 60_000, idleMs: 60_000 }
  const open = async (t: Tap, idleMs = 60_000) => {
    const gateway = await openGateway(appAt(app.port, { timeouts: { ...timeouts, idleMs } }))
    t.teardown(() => gateway.close())
    return gateway
  }
  interface Tap {
    teardown(run: () => unknown): void
  }

  await t.test('G102 E71 a cut resets streams, and the connection serves on', async (t) => {
    const gateway = await open(t)
    const session = await gateway.session()
    const events = send(session, { ':path': '/stream' })
    const download = send(session, { ':path': '/endless' })
    const ends = [answer(events), answer(download)]
    await Promise.all([once(events, 'data'), once(download, 'data')])
    t.equal(gateway.live.size, 2)
    gateway.cutAll('locked')
    for (const end of await Promise.all(ends)) t.match(end, { status: 200, code: INTERNAL_ERROR })
    t.equal(gateway.live.size, 0)
    t.match(
      (await gateway.recorded(2)).map(({ reason }) => reason),
      ['locked', 'locked'],
    )
    await until(() => app.sockets.size === 0, 'the app hears of it')
    t.match(await answer(send(session, { ':path': '/fast' })), { status: 200 })
  })

  await t.test('F88 a response that breaks off never looks complete', async (t) => {
    const gateway = await open(t)
    const client = await rawClient(gateway)
    let id = -1
    for (let round = 0; round < 5; round++) {
      for (const path of ['/short', '/short-later', '/short-chunked', '/short-chunked-later']) {
        id += 2
        client.request(id, fields('GET', path))
        t.equal(await client.reset(id), INTERNAL_ERROR, path)
        t.notOk(client.body(id).ended, `${path} has no end`)
      }
    }
    client.socket.destroy()
    const records = await gateway.recorded(20)
    t.ok(records.every(({ success, reason }) => !success && reason === 'app_reset'))
  })

  await t.test('H107 the app learns that a browser cancels, however often', async (t) => {
    const gateway = await open(t)
    const client = await rawClient(gateway)
    let id = 1
    const pump = setInterval(() => {
      const frames: Buffer[] = []
      for (let n = 0; n < 50; n++, id += 2) client.request(id, fields('GET', '/slow'))
      for (let of = id - 100; of < id; of += 2) frames.push(frame(RST_STREAM, 0, of, uint32(CANCEL)))
      setTimeout(() => client.send(...frames), 5)
    }, 10)
    t.not(await client.ended(), 0, 'the connection is closed')
    clearInterval(pump)
    t.ok(app.most() <= 220, `${app.most()} connections at the app, of ${id / 2} requests`)
    await until(() => app.sockets.size === 0, 'no connection stays')
    await until(() => gateway.live.size === 0, 'nor any stream')
  })

  await t.test('H111 unread streams are closed, and others are served', async (t) => {
    const gateway = await open(t, 3_000)
    const stalled = await rawClient(gateway, setting(4, 0))
    stalled.request(1, fields('GET', '/', ['x_mezite_user', 'eve']))
    for (let id = 3; id < 200; id += 2)
      stalled.request(id, fields('GET', id % 4 === 1 ? '/fast' : '/endless'))
    const good = await gateway.session()
    t.match(await answer(send(good, { ':path': '/fast' })), { status: 200, body: 'ok' })
    for (let id = 3; id < 200; id += 2) t.equal(await stalled.reset(id), INTERNAL_ERROR)
    await until(() => app.sockets.size === 0, 'the app is free')
    t.equal(await stalled.status(1), 400, 'an answer of the hub itself')
    t.equal(await stalled.reset(1), INTERNAL_ERROR, 'waits no longer either')
    stalled.socket.destroy()
  })

  await t.test('a stopping hub sends GOAWAY and lets running requests end', async (t) => {
    let finish = () => {}
    const slow = await openRawApp((socket, text) => {
      if (text.includes('\r\n\r\n')) finish = () => socket.write(OK)
    })
    const gateway = await openGateway(appAt(slow.port))
    t.teardown(() => {
      slow.close()
      return gateway.close()
    })
    const client = await rawClient(gateway)
    client.request(1, fields('GET', '/slow'))
    await until(() => slow.sockets.size > 0, 'the app has it')
    const signal = AbortSignal.timeout(20_000)
    const drained = Promise.all([gateway.browsers.drain(signal), gateway.hosts.drain(signal)])
    const goodbye = await client.until(({ type }) => type === GOAWAY)
    t.equal(goodbye.payload.readUInt32BE(4), 0)
    client.request(3, fields('GET', '/late'))
    finish()
    t.equal(await client.status(1), 200)
    await drained
    await client.ended()
    t.match(client.body(1), { text: 'ok', ended: true })
    t.equal((await gateway.recorded(1)).length, 1, 'and nothing new is taken')
  })
})
