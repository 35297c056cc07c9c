// together: protocols
/** Requests that the hub reads itself, and connections that pass from there to node:http. */
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, type Caps, COOKIE, openGateway, readAll, readUntil } from './gateway.ts'

type Answer = Parameters<typeof openByteApp>[0]

async function open(t: Test, answer: Answer = () => OK, caps: Caps = {}, lane?: 'lane' | 'no lane') {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port), {}, caps, lane)
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

const request = (line: string, ...lines: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: a.apps.test', `Cookie: ${COOKIE}`, ...lines, '', ''].join('\r\n')
const get = (path: string, ...lines: string[]): string => request(`GET ${path}`, ...lines)

/** Sends a request and resolves with the bytes up to `end`. */
async function ask(socket: TLSSocket, bytes: string, end = /ok$/): Promise<string> {
  const answer = readUntil(socket, end)
  socket.write(bytes, 'latin1')
  return answer
}

const SOCKET_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const webSocket = get(
  '/ws',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${SOCKET_KEY}`,
)
const SWITCHING = [
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  '\r\n',
].join('\r\n')

t.test('a response is the same with and without a lane', async (t) => {
  const responses: Record<string, string> = {
    length: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A:  b \r\n\r\nbody',
    empty: 'HTTP/1.1 404 Nothing here\r\nContent-Length: 0\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n',
    reason: 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n',
    latin1: 'HTTP/1.1 200 Gr\xfc\xdfe\r\nX-A: \xe9\r\nContent-Length: 1\r\n\r\n\xff',
    chunked:
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: u\r\nSet-Cookie: a=b\r\n\r\n',
    unframed: 'HTTP/1.0 200 OK\r\nTrailer: X\r\n\r\nuntil the end',
    noContent: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    resetContent: 'HTTP/1.1 205 Reset\r\nContent-Length: 3\r\n\r\nabc',
    notModified: 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n',
    hints: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    long: `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`,
    longChunk: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${(40_000).toString(16)}\r\n${'y'.repeat(40_000)}\r\n0\r\n\r\n`,
    broken: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok',
  }
  const answer: Answer = (text, socket) => {
    const path = /^[A-Z]+ \/(\w*)/.exec(text)?.[1] ?? ''
    const reply = Buffer.from(responses[path] ?? OK, 'latin1')
    const end = reply.indexOf('\r\n\r\n') + 4
    socket.write(text.startsWith('HEAD ') && path !== 'hints' ? reply.subarray(0, end) : reply)
    if (path === 'unframed') socket.end()
    return null
  }
  const read = async (lane: 'lane' | 'no lane') => {
    const { gateway } = await open(t, answer, {}, lane)
    const texts: Record<string, string> = {}
    for (const method of ['GET', 'HEAD'])
      for (const path of Object.keys(responses)) {
        if (method === 'HEAD' && path === 'hints') continue
        const socket = await gateway.dial()
        // The second request is the end of the first response.
        socket.write(request(`${method} /${path}`))
        await until(() => gateway.requests().length > Object.keys(texts).length * 2, `${method} ${path}`)
        socket.write(get('/last', 'Accept: text/html'))
        const all = await readUntil(socket, /ok$/)
        socket.destroy()
        await gateway.recorded((Object.keys(texts).length + 1) * 2)
        texts[`${method} ${path}`] = all
          .replace(/Date: .* GMT/g, 'Date: now')
          .replace(/[0-9a-f-]{36}/g, 'id')
          // node:http frames what it got in one read; how often the app was read differs.
          .replace(/\r\n[0-9a-f]+\r\n(?=y)|(?<=y)\r\n[0-9a-f]+\r\n(?=y)/g, '')
      }
    const records = gateway.requests().map(({ reason, fields }) => {
      const { method, path, status, bytes_out } = fields as Record<string, unknown>
      return { reason, method, path, status, bytes_out }
    })
    return { texts, records, onLane: gateway.onLane.length }
  }
  const [lane, none] = [await read('lane'), await read('no lane')]
  for (const [name, text] of Object.entries(none.texts)) t.equal(lane.texts[name], text, name)
  t.strictSame(lane.records, none.records, 'and what is recorded')
  t.equal(lane.onLane, lane.records.length, 'all were on lanes')
  t.equal(none.onLane, 0)
})

t.test('F82 anything but one whole head without a body goes to node:http with all its bytes', async (t) => {
  let answerSlow = () => {}
  const { app, gateway } = await open(t, (text, socket) => {
    if (text.startsWith('GET /ws ')) socket.write(SWITCHING)
    else if (text.startsWith('GET /slow ')) answerSlow = () => socket.write(OK)
    else return OK
    return null
  })
  const slowArrived = () => until(() => app.requests.length === 1, 'the app has the request')
  const onLane = () => gateway.onLane.splice(0)
  const seen = () => app.requests.splice(0).map((text) => text.split(' ', 2).join(' '))
  const dial = async () => {
    const socket = await gateway.dial()
    t.teardown(() => socket.destroy())
    t.match(await ask(socket, get('/first')), /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nKeep-Alive: timeout=65\r\n/)
    t.strictSame(onLane(), ['GET /first'])
    seen()
    return socket
  }
  await t.test('a body after a request without one is handled like without a lane', async (t) => {
    const socket = await dial()
    t.match(await ask(socket, `${request('POST /post', 'Content-Length: 3')}abc`), /^HTTP\/1.1 200 /)
    t.match(app.requests[0], /\r\n\r\nabc$/)
    t.match(await ask(socket, get('/later')), /^HTTP\/1.1 200 /)
    t.strictSame(seen(), ['POST /post', 'GET /later'])
    t.strictSame(onLane(), [], 'for good')
  })
  await t.test('a WebSocket with an early first frame is handled like without a lane', async (t) => {
    const socket = await dial()
    const answer = await ask(socket, `${webSocket}\x82\x80\0\0\0\0`, /\r\n\r\n$/)
    t.match(answer, /^HTTP\/1.1 101 /)
    for (const one of app.sockets) one.write(Buffer.from([0x82, 2, 0x6f, 0x6b]))
    t.match(await readUntil(socket, /ok$/), /ok$/)
    t.strictSame(onLane(), [])
  })
  await t.test('several requests in one chunk are handled like without a lane', async (t) => {
    const socket = await dial()
    const both = await ask(socket, get('/one') + get('/two'), /ok[\s\S]*ok$/)
    t.equal(both.match(/HTTP\/1.1 200 /g)?.length, 2)
    t.strictSame([seen().sort(), onLane()], [['GET /one', 'GET /two'], []])
  })
  await t.test('a head in two chunks, and one byte at a time, is handled like without a lane', async (t) => {
    for (const size of [60, 1]) {
      const socket = await dial()
      const bytes = get('/parts')
      const answer = readUntil(socket, /ok$/)
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.slice(at, at + size))
        await new Promise((resolve) => setImmediate(resolve))
      }
      t.match(await answer, /^HTTP\/1.1 200 /)
      t.strictSame([seen(), onLane()], [['GET /parts'], []])
    }
  })
  await t.test('requests that arrive before the response are handled like without a lane', async (t) => {
    const socket = await dial()
    const all = readUntil(socket, /ok[\s\S]*ok[\s\S]*ok$/)
    socket.write(get('/slow'))
    await slowArrived()
    for (const bytes of [get('/next'), `${request('PUT /body', 'Content-Length: 2')}a`, 'b']) {
      socket.write(bytes)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    answerSlow()
    t.equal((await all).match(/HTTP\/1.1 200 /g)?.length, 3)
    t.strictSame(seen(), ['GET /slow', 'GET /next', 'PUT /body'])
    t.strictSame(onLane(), ['GET /slow'])
    t.match(await ask(socket, get('/late')), /^HTTP\/1.1 200 /)
    t.strictSame(onLane(), [])
    socket.destroy()
    const other = await dial()
    const both = readUntil(other, /ok[\s\S]*ok$/)
    other.write(get('/slow'))
    await slowArrived()
    other.write(get('/behind'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    answerSlow()
    await both
    t.strictSame(onLane(), ['GET /slow', 'GET /behind'], 'one whole head may wait for its turn')
    seen()
  })
  await t.test('megabytes that arrive before the response are handled like without a lane', async (t) => {
    const socket = await dial()
    const answers = readUntil(socket, /ok[\s\S]*ok$/)
    socket.write(get('/slow'))
    await slowArrived()
    socket.write(request('POST /large', 'Content-Length: 2000000'))
    socket.write(Buffer.alloc(2_000_000))
    await new Promise((resolve) => setTimeout(resolve, 20))
    answerSlow()
    t.equal((await answers).match(/HTTP\/1.1 200 /g)?.length, 2)
    t.equal(app.requests[1]?.length, 2_000_000 + app.requests[1]!.indexOf('\r\n\r\n') + 4)
    seen()
    onLane()
  })
  await t.test('refused requests get the same response with and without a lane', async (t) => {
    for (const [bytes, status] of [
      [get('/').replace('a.apps.test', 'b.other.test'), 421],
      [get('/#a'), 400],
      [get('/', 'Host: a.apps.test'), 400],
      [get('/', ...Array.from({ length: 120 }, (_, at) => `A${at}: b`)), 431],
      [get(`/${'a'.repeat(20_000)}`), 414],
      [get('/', 'A: b\0'), 400],
    ] as const) {
      const socket = await dial()
      const answer = readAll(socket)
      socket.write(bytes)
      t.match(await answer, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 100))
      t.strictSame([seen(), onLane()], [[], []])
    }
  })
  t.strictSame(gateway.errors, [])
  t.equal(gateway.live.size, 1, 'only the WebSocket is open')
})

t.test('a client that ends its side, or disconnects, cancels the response', async (t) => {
  for (const lane of ['lane', 'no lane'] as const)
    for (const leave of ['end', 'destroy'] as const) {
      const { app, gateway } = await open(t, () => null, {}, lane)
      const socket = await gateway.dial()
      socket.write(get('/'))
      await until(() => app.requests.length === 1, 'the app has the request')
      socket[leave]()
      const [record] = await gateway.recorded(1)
      t.match(record, { reason: 'client_closed', success: false }, `${lane}, ${leave}`)
      t.equal(gateway.live.size, 0)
      t.equal(gateway.onLane.length, lane === 'lane' ? 1 : 0)
    }
})

t.test('access that ends during a response cuts it', async (t) => {
  const { gateway } = await open(t, (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
    return null
  })
  const socket = await gateway.dial()
  t.match(await ask(socket, get('/'), /ok\r\n$/), /^HTTP\/1.1 200 /, 'a head does not wait for the end')
  const rest = readAll(socket)
  gateway.cutAll('revoked')
  t.equal(await rest, '', 'without a clean end')
  t.match(await gateway.recorded(1), [{ reason: 'revoked' }])
  t.strictSame(gateway.onLane, ['GET /'])
})

t.test('fault 22 a client that does not read holds back the app', async (t) => {
  let sent = 0
  let done = false
  const size = 64 * 1024 * 1024
  const { gateway } = await open(t, (_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    const part = Buffer.alloc(256 * 1024)
    const more = () => {
      while (sent < size) {
        sent += part.length
        if (!socket.write(part)) return void socket.once('drain', more)
      }
      done = true
    }
    more()
    return null
  })
  const socket = await gateway.dial()
  socket.write(get('/'))
  let received = 0
  await once(socket, 'readable')
  await until(async () => {
    const before = sent
    await new Promise((resolve) => setTimeout(resolve, 300))
    return before === sent
  }, 'the app waits')
  t.notOk(done)
  t.ok(sent < 32 * 1024 * 1024, `the app could send ${sent} bytes`)
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  await until(() => received >= size, 'all is read')
  const last = readUntil(socket, /ok$|HTTP/)
  await gateway.recorded(1)
  socket.write(get('/'))
  t.match(await last, /^HTTP\/1.1 200 /)
  t.strictSame(gateway.onLane, ['GET /', 'GET /'])
})

t.test('N166 deadlines hold on a lane, and do not add up when it ends', async (t) => {
  const headerMs = 1_500
  const { app, gateway } = await open(t, () => null, { headerMs, requestMs: 1_000 })
  const timed = async (talk: (socket: TLSSocket) => unknown) => {
    const [begin, watch] = [performance.now(), startStopwatch()]
    const socket = await gateway.dial()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // Not `once` of node:events: what a client sends after the response may be answered by a reset, which is an error.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await talk(socket)
    await closed
    const text = Buffer.concat(chunks).toString('latin1')
    return { text, ms: performance.now() - begin, took: watch.took() }
  }
  const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const anonymous = get('/').replace(COOKIE, 'a=b')
  const [silent, half, drip, refused, pending] = await Promise.all([
    timed(() => {}),
    timed(async (socket) => {
      await after(1_000)
      socket.write('GET / HT')
    }),
    timed(async (socket) => {
      for (const byte of get('/')) {
        if (socket.destroyed) break
        socket.write(byte)
        await after(100)
      }
    }),
    timed((socket) => socket.write(anonymous)),
    timed(async (socket) => {
      socket.write(get('/slow'))
      await until(() => app.requests.length > 0, 'the app has the request')
      socket.write('GET / HT')
      await after(2 * headerMs)
      for (const one of app.sockets) one.write(OK)
    }),
  ])
  for (const [name, { text, ms, took }] of Object.entries({ silent, half, drip })) {
    t.match(text, /^HTTP\/1.1 408 /, name)
    // A second between checks; two deadlines would be more.
    t.ok(ms > headerMs - 100 && took < headerMs + 1_000 + 1_400, `${name}: ${took} of ${ms} ms`)
  }
  t.match(refused.text, /^HTTP\/1.1 401 /)
  t.notMatch(refused.text, /^HTTP\/1.1 408 /m)
  t.ok(refused.took < headerMs + 4_000, `a refused client has ${refused.took} ms`)
  t.match(pending.text, /^HTTP\/1.1 200 OK[\s\S]*HTTP\/1.1 408 /)
  t.ok(pending.took < 2 * headerMs + 1_000 + 1_400, `a head behind a slow response: ${pending.took} ms`)
  t.strictSame(gateway.onLane, ['GET /', 'GET /slow'].sort())
})

t.test('fault 3 a stopping hub closes idle lanes, and others after their responses', async (t) => {
  let reply: (() => void) | undefined
  const { gateway } = await open(t, (text, socket) => {
    if (!text.startsWith('GET /slow ')) return OK
    reply = () => void socket.write(OK)
    return null
  })
  const [idle, slow, early] = [await gateway.dial(), await gateway.dial(), await gateway.dial()]
  await ask(idle, get('/'))
  await ask(early, get('/'))
  const slowText = readAll(slow)
  slow.write(get('/slow'))
  await until(() => reply !== undefined, 'the app has the request')
  gateway.browsers.announceShutdown()
  const earlyText = readAll(early)
  early.write(get('/between'))
  t.match(await earlyText, /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n[\s\S]*ok$/)
  const idleClosed = readAll(idle)
  const drained = gateway.browsers.drain(AbortSignal.timeout(20_000))
  t.equal(await idleClosed, '', 'the idle one is closed')
  reply?.()
  t.match(await slowText, /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n[\s\S]*ok$/)
  await drained
  t.equal(gateway.onLane.length, 4)
})
