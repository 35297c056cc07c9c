/** Requests of browsers over HTTP/2: what the app sees of them, and what the browser sees of its answers. */
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import {
  DATA,
  END_STREAM,
  type Fields,
  frame,
  GOAWAY,
  RawHttp2,
  RST_STREAM,
  setting,
  uint32,
} from '../../hub/front/raw-http2.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, COOKIE, type Gateway, openGateway } from './gateway.ts'

t.setTimeout(90_000)

const INTERNAL_ERROR = 2
const CANCEL = 8

interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[]>
  readonly trailers: Record<string, string | string[]> | null
  readonly body: string
  readonly code: number
}

function send(session: ClientHttp2Session, more: OutgoingHttpHeaders = {}, body = false): ClientHttp2Stream {
  const fields = { ':authority': 'a.apps.test', ':path': '/', cookie: COOKIE, ...more }
  const stream = session.request(fields, { endStream: !body })
  stream.on('error', () => {})
  return stream
}

/** Resolves when the stream is over, however it ended. */
function answer(stream: ClientHttp2Stream): Promise<Answered> {
  const got = { status: 0, headers: {}, trailers: null as Answered['trailers'], body: '', code: 0 }
  stream.on('response', (fields) => {
    got.status = Number(fields[':status'])
    got.headers = fields
  })
  stream.on('trailers', (fields) => {
    got.trailers = fields as never
  })
  stream.on('data', (chunk: Buffer) => {
    got.body += chunk.toString('latin1')
  })
  return new Promise((resolve) => {
    stream.on('close', () => resolve({ ...got, code: stream.rstCode ?? 0 }))
  })
}

/** An app that hands over each connection with what has come on it. */
async function openRawApp(
  onchunk: (socket: Socket, text: string, all: { bytes: number; end: string }) => void,
) {
  const sockets = new Set<Socket>()
  let most = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    let text = ''
    const all = { bytes: 0, end: '' }
    socket.on('data', (chunk) => {
      all.bytes += chunk.length
      all.end = (all.end + chunk.toString('latin1')).slice(-10)
      // The beginning is enough of a long one.
      if (text.length < 100_000) text += chunk.toString('latin1')
      onchunk(socket, text, all)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    most: () => most,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const fields = (method: string, path = '/', ...more: [string, string][]): Fields => [
  [':method', method],
  [':scheme', 'https'],
  [':authority', 'a.apps.test'],
  [':path', path],
  ['cookie', COOKIE],
  ...more,
]

async function rawClient(gateway: Gateway, settings?: Buffer): Promise<RawHttp2> {
  const client = new RawHttp2(await gateway.dial('a.apps.test', 'h2'), settings)
  await client.ping()
  return client
}

t.test('requests', async (t) => {
  const app = await openByteApp((request) => {
    const path = request.split(' ')[1] ?? ''
    if (path === '/204') return 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'
    if (path === '/304') return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'
    if (request.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'
    if (path === '/hop')
      return 'HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Mezite-User: eve\r\nAlt-Svc: h3=":1"\r\nSet-Cookie: a=1; Domain=apps.test\r\nSet-Cookie: b=2\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: 0\r\n\r\n'
    if (path === '/trailers')
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Mezite-User: eve\r\nContent-Length: 9\r\n\r\n'
    if (path === '/hints')
      return 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Mezite-User: eve\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    return OK
  })
  const gateway = await openGateway(appAt(app.port))
  t.teardown(() => {
    app.close()
    return gateway.close()
  })
  const session = await gateway.session()
  const ask = (more: OutgoingHttpHeaders = {}) => answer(send(session, more))
  const last = () => app.requests.at(-1) ?? ''

  await t.test('one reaches the app as HTTP/1.1 and is recorded once', async (t) => {
    const got = await ask({ ':path': '/x?y=1;%2f//..', accept: 'a/b' })
    t.match(got, { status: 200, body: 'ok', code: 0 })
    t.match(last(), /^GET \/x\?y=1;%2f\/\/\.\. HTTP\/1\.1\r\nHost: /)
    const records = await gateway.recorded(1)
    t.equal(records.length, 1)
    const wanted = { status: 200, method: 'GET', path: '/x', bytes_in: 0, bytes_out: 2 }
    t.match(records[0], { success: true, user: 'ann', reason: null, fields: wanted })
  })

  await t.test('A1 A2 A5 the app sees one of each identity header, ours, first on the wire', async (t) => {
    await ask({
      'x-mezite-user': ['eve', 'mallory'],
      'x-mezite-roles': 'admin',
      'mezite-jwt-assertion': 'forged',
      'x-forwarded-for': '6.6.6.6',
      'x-real-ip': '6.6.6.6',
      te: 'trailers',
    })
    const lines = last().split('\r\n')
    t.equal(lines.filter((line) => /^x-mezite-user:/i.test(line)).join(), 'X-Mezite-User: ann')
    t.equal(lines.filter((line) => /^mezite-jwt-assertion:/i.test(line)).length, 1)
    t.match(lines[2], /^Mezite-Jwt-Assertion: head\.body\.signature$/)
    t.notMatch(last(), /eve|mallory|forged|6\.6\.6\.6|^te:/im)
    t.match(last(), /X-Forwarded-For: 192\.0\.2\.7\r\n/)
  })

  await t.test('A3 a spelling that a CGI would take for one is refused', async (t) => {
    const before = app.requests.length
    for (const name of ['x_mezite_user', 'mezite_jwt_assertion'])
      t.equal((await ask({ [name]: 'eve' })).status, 400)
    t.equal(app.requests.length, before)
  })

  await t.test('A12 crumbs of cookies are joined, ours taken out, the others kept', async (t) => {
    await ask({ cookie: ['a=1', COOKIE, 'b="2"'] })
    t.match(last(), /\r\nCookie: a=1; b="2"\r\n/i)
    t.notMatch(last(), /__Host-mezite/)
    t.equal(last().match(/\r\ncookie:/gi)?.length, 1)
  })

  await t.test('F89 HEAD, 204 and 304 have no body', async (t) => {
    t.match(await ask({ ':method': 'HEAD' }), {
      status: 200,
      body: '',
      headers: { 'content-length': '5000' },
    })
    t.match(await ask({ ':path': '/204' }), { status: 204, body: '', headers: { 'x-a': '1' } })
    t.match(await ask({ ':path': '/304' }), { status: 304, body: '', headers: { etag: '"x"' } })
  })

  await t.test('A13 what belongs to a connection or to the hub is taken out of answers', async (t) => {
    const { headers, status } = await ask({ ':path': '/hop' })
    t.equal(status, 200)
    for (const name of ['connection', 'keep-alive', 'x-hop', 'x-mezite-user', 'alt-svc'])
      t.equal(headers[name], undefined, name)
    t.same(headers['set-cookie'], ['a=1', 'b=2'])
    t.equal(headers['x-two'], '1, 2')
    t.match(headers['strict-transport-security'], /max-age/)
  })

  await t.test('interim answers come early', async (t) => {
    const stream = send(session, { ':path': '/hints' })
    const early: unknown[] = []
    stream.on('headers', (one) => early.push({ ...one }))
    t.match(await answer(stream), { status: 200, body: 'ok' })
    t.match(early, [{ ':status': 103, link: '</a>' }])
    t.equal(early.length, 1)
    t.notMatch(JSON.stringify(early), /eve/)
  })

  await t.test('A5 trailers pass both ways without names of ours or of framing', async (t) => {
    const got = await ask({ ':path': '/trailers' })
    t.match(got, { status: 200, body: 'ok', trailers: { 'x-sum': '7' } })
    t.same(Object.keys(got.trailers ?? {}), ['x-sum'])
    const client = await rawClient(gateway)
    client.request(1, fields('POST'), false)
    client.send(frame(DATA, 0, 1, Buffer.from('hello')))
    client.request(1, [
      ['x-sum', '7'],
      ['x-mezite-user', 'eve'],
      ['cookie', 'a=1'],
    ])
    t.equal(await client.status(1), 200)
    t.match(last(), /\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n$/)
    client.socket.destroy()
  })

  await t.test('a body that is empty, in a frame of its own, is a body', async (t) => {
    const empty = send(session, { ':method': 'POST', ':path': '/empty' }, true)
    const done = answer(empty)
    empty.end()
    t.match(await done, { status: 200, body: 'ok' })
    t.match(last(), /^POST \/empty [\s\S]*\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$/)
  })

  await t.test('E73 E74 a request for another host is misdirected', async (t) => {
    const before = app.requests.length
    for (const authority of ['b.apps.test', 'hub.test', 'a.apps.test.evil.test', 'a.apps.test:444'])
      t.equal((await ask({ ':authority': authority })).status, 421, authority)
    t.match(await ask({ ':authority': 'A.Apps.Test', host: 'a.apps.test' }), { status: 200 })
    t.equal(app.requests.length, before + 1)
    t.ok(gateway.records.some(({ reason }) => reason === 'misdirected'))
  })

  await t.test('H110 what could be read in two ways is refused', async (t) => {
    const before = app.requests.length
    const client = await rawClient(gateway)
    let id = -1
    const status = (list: Fields) => {
      id += 2
      client.request(id, list)
      return client.status(id)
    }
    const get = fields('GET')
    const without = (name: string) => get.filter(([one]) => one !== name)
    const swapped = (name: string, value: string): Fields =>
      get.map(([one, was]) => [one, one === name ? value : was])
    t.equal(await status([...get, ['host', 'b.apps.test']]), 400, 'host is not the authority')
    t.equal(await status(swapped(':scheme', 'http')), 400)
    t.equal(await status(swapped(':authority', 'a.apps.test.')), 400)
    t.equal(await status(swapped(':path', '/a#b')), 400)
    t.equal(await status([...get, ['x-pad', ' x']]), 400, 'white space before a value')
    t.equal(await status([...without(':authority'), ['host', 'a.apps.test']]), 200, 'host alone is enough')
    t.equal(await status(swapped(':method', 'TRACE')), 405)
    t.equal(
      await status(swapped(':method', 'CONNECT').filter(([one]) => one !== ':path' && one !== ':scheme')),
      405,
    )
    t.equal(await status(swapped(':path', `/${'x'.repeat(16_400)}`.slice(0, 15_900))), 200)
    for (const list of [
      [...get, ['host', 'a.apps.test'], ['host', 'b.apps.test']],
      swapped(':authority', 'eve@a.apps.test'),
      [...get, [':method', 'GET']],
      [['x-a', '1'], ...get],
      [...get, ['connection', 'x-mezite-user']],
      [...get, ['transfer-encoding', 'chunked']],
      [...get, ['upgrade', 'websocket']],
      [...get, ['te', 'gzip']],
      [...get, ['X-Upper', '1']],
      [...get, ['content-length', '1'], ['content-length', '2']],
      [...get, [':protocol', 'websocket']],
      without(':path'),
    ] as Fields[])
      t.equal(await status(list), -1, JSON.stringify(list.at(-1)))
    t.equal(app.requests.length, before + 2)
    client.socket.destroy()
  })

  await t.test('H110 a field that Node.js drops reaches neither the app nor the decision', async (t) => {
    const client = await rawClient(gateway)
    client.request(
      1,
      fields(
        'GET',
        '/odd',
        ['x-evil', 'a\r\nx-mezite-user: eve'],
        ['x:y', '1'],
        ['x-nul', 'a\0b'],
        ['x-fine', '1'],
      ),
    )
    t.equal(await client.status(1), 200)
    t.match(last(), /^GET \/odd /)
    t.match(last(), /\r\nx-fine: 1\r\n/)
    t.notMatch(last(), /eve|x:y|x-nul|x-evil/)
    const cookies = fields('GET').filter(([name]) => name !== 'cookie')
    client.request(3, [...cookies, ['cookie', `${COOKIE}\r\n`]])
    t.equal(await client.status(3), 401, 'a cookie with a line break is none')
    client.socket.destroy()
  })

  await t.test('F92 H109 too much of a head is refused, and the connection lives', async (t) => {
    t.equal(
      (await ask(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, '1'])))).status,
      431,
    )
    t.equal((await ask({ 'x-a': 'x'.repeat(33_000) })).status, 431)
    t.equal((await ask({ ':path': `/${'x'.repeat(17_000)}` })).status, 414)
    const asked = {
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      cookie: [COOKIE, `c=${'x'.repeat(40_000)}`],
    }
    const page = await ask(asked)
    t.match(
      page,
      { status: 431, body: /form method="post" action="\/\.mezite\/reset"/ },
      'B24 with a way out',
    )
    const reset = { ':method': 'POST', ':path': '/.mezite/reset', origin: 'https://a.apps.test' }
    t.match(await ask({ ...asked, ...reset }), { status: 200, headers: { 'clear-site-data': '"cookies"' } })
    t.equal((await ask()).status, 200)
  })

  await t.test('refusals say why, to people and to programs', async (t) => {
    const program = await ask({ cookie: 'a=1' })
    t.match(program, { status: 401, headers: { 'content-type': 'application/problem+json' } })
    t.match(JSON.parse(program.body), {
      code: 'login_required',
      login_url: /^https:\/\/hub\.test\/web\/launch/,
    })
    const person = await ask({ cookie: 'a=1', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })
    t.match(person, { status: 302, headers: { location: /^https:\/\/hub\.test\/web\/launch/ } })
    const upload = send(session, { ':method': 'POST', cookie: 'a=1' }, true)
    const refused = answer(upload)
    upload.write(Buffer.alloc(100_000))
    t.match(await refused, { status: 401, code: 0 }, 'before the body has come')
  })
})

t.test('bodies', async (t) => {
  await t.test('an upload flows at the pace of the app, whole', async (t) => {
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

  await t.test('F85 100-continue is given once the app is there', async (t) => {
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

  await t.test('a broken upload never looks whole to the app', async (t) => {
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

  await t.test('F91 an app may answer before the body is there', async (t) => {
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
})

t.test('the end of access, and of patience', async (t) => {
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
  const timeouts = { connectMs: 1_000, responseMs: 60_000, idleMs: 60_000 }
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

  await t.test('F88 an answer that breaks off is never a whole one', async (t) => {
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

  await t.test('H107 a browser that cancels is heard by the app, however often', async (t) => {
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

  await t.test('H111 streams that are not read are reaped, others served', async (t) => {
    const gateway = await open(t, 1_000)
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

  await t.test('a stopping hub says goodbye and lets what is under way end', async (t) => {
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
    gateway.streams.drain()
    const drained = gateway.hosts.drain(AbortSignal.timeout(20_000))
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
