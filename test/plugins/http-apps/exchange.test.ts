import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, OTHER, openGateway, raw, readAll, readUntil, TOKEN } from './gateway.ts'

type Reply = Parameters<typeof openByteApp>[0]

async function open(t: Test, answer: Reply, more = {}) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port, more))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

async function openNode(t: Test, listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gateway = await openGateway(appAt((server.address() as AddressInfo).port))
  t.teardown(async () => {
    await gateway.close()
    server.closeAllConnections()
    server.close()
  })
  return gateway
}

/** Unlike `once`, content with a reset. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
  })
}

function keep(line: string, token = TOKEN, ...headers: string[]): string {
  const all = ['Host: a.apps.test', `Cookie: __Host-mezite_app=${token}`, ...headers]
  return `${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`
}

t.test('F87 responses that are not strict HTTP become 502 and close the connection', async (t) => {
  let reply = ''
  const { app, gateway } = await open(t, () => reply)
  for (const bad of [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\0\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n',
    'HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n',
    `HTTP/1.1 200 ${'x'.repeat(70_000)}\r\n\r\n`,
    'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
    'SSH-2.0-OpenSSH\r\n\r\n',
  ]) {
    reply = bad
    t.match(await raw(gateway, ask('GET /')), /^(?:HTTP\/1.1 103 [\s\S]*)?HTTP\/1.1 502 /, bad.slice(0, 70))
  }
  reply = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n'
  const socket = await gateway.dial()
  socket.write(ask('GET /'))
  const cut = await readUntil(socket, /ok\r\n$/)
  const rest = readAll(socket)
  for (const open of app.sockets) open.write('zz\r\n')
  t.equal(await rest, '')
  t.match(cut, /\r\n2\r\nok\r\n$/, 'F83 extensions go; a broken chunk never ends the body')
  t.equal(gateway.requests().filter(({ success }) => success).length, 0)
  t.strictSame(gateway.errors, [])
})

t.test('F88 F90 pipelined requests are authorised alone, pipes are never shared', async (t) => {
  const { app, gateway } = await open(t, (request) => {
    const path = request.split(' ')[1] ?? ''
    return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
  })
  const socket = await gateway.dial()
  const lines = Array.from({ length: 50 }, (_, i) =>
    keep(`GET /n${i}`, i % 5 === 4 ? 'x'.repeat(43) : i % 2 ? TOKEN : OTHER),
  )
  socket.write(lines.join(''))
  const text = await readUntil(socket, /\/n48/)
  const order = [...text.matchAll(/\/n(\d+)(?=HTTP|$)/g)].map(([, n]) => Number(n))
  t.strictSame(
    order,
    Array.from({ length: 50 }, (_, i) => i).filter((i) => i % 5 !== 4),
  )
  t.equal(app.requests.length, 40)
  const before = app.sockets.size
  for (const pushed of app.sockets) pushed.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
  await Promise.all([...app.sockets].map(closing))
  t.ok(before > 0)
  t.notMatch(await raw(gateway, ask('GET /after')), /evil/)
})

t.test('F86 F89 HEAD, 204, 304 and bodies where none may be are handled', async (t) => {
  let reply = ''
  const { app, gateway } = await open(t, () => reply)
  reply = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
  t.match(await raw(gateway, ask('HEAD /')), /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n[\s\S]*\r\n\r\n$/)
  for (const status of ['204 No Content', '304 Not Modified']) {
    reply = `HTTP/1.1 ${status}\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil`
    t.notMatch(await raw(gateway, ask('GET /')), /evil/)
  }
  reply = OK
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  t.match(await raw(gateway, ask('GET /', `Content-Length: ${smuggled.length}`) + smuggled), / 200 /)
  const last = app.requests.at(-1)
  t.match(last, new RegExp(`Content-Length: ${smuggled.length}\r\n\r\nGET /smuggled`))
  t.equal(app.requests.filter((request) => request.startsWith('GET /smuggled')).length, 0)
})

t.test('Expect, 103 and trailers pass', async (t) => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
  const body =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Mezite-User: evil\r\n\r\n'
  const { app, gateway } = await open(t, () => hint + body)
  const socket = await gateway.dial()
  socket.write(ask('POST /', 'Expect: 100-continue', 'Content-Length: 3'))
  await readUntil(socket, /^HTTP\/1.1 100 Continue\r\n\r\n$/)
  socket.write('abc')
  const answer = await readAll(socket)
  t.match(answer, /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a.css>; rel=preload\r\n\r\nHTTP\/1.1 200 OK\r\n/)
  t.match(answer, /\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n$/)
  t.match(app.requests[0], /\r\n\r\nabc$/)
  t.notMatch(app.requests[0], /Expect/i)
})

t.test('an app that fails causes 502 or 504 or another agent, and no request is sent twice', async (t) => {
  let die = false
  const { app, gateway } = await open(
    t,
    (request, socket) => {
      if (request.includes('/slow')) return null
      if (die) socket.destroy()
      return die ? null : OK
    },
    // A busy machine may take a while for a response that comes at once.
    { timeouts: { connectMs: 20_000, responseMs: 3_000, idleMs: 60_000 } },
  )
  t.match(await raw(gateway, ask('GET /slow')), /^HTTP\/1.1 504 [\s\S]*app_timeout/)
  gateway.tunnel.connected = ['node-1', 'node-2']
  gateway.tunnel.failing.add('node-1')
  t.match(await raw(gateway, `${ask('POST /', 'Content-Length: 1')}x`), / 200 /)
  t.strictSame(gateway.tunnel.dials, ['node-1', 'node-1', 'node-2'])
  gateway.tunnel.failing.add('node-2')
  t.match(
    await raw(gateway, `${ask('POST /other', 'Content-Length: 1').replace(TOKEN, OTHER)}x`),
    /^HTTP\/1.1 502 [\s\S]*app_unreachable/,
  )
  gateway.tunnel.failing.clear()
  gateway.tunnel.connected = ['node-1']
  t.match(await raw(gateway, ask('GET /warm')), / 200 /)
  die = true
  const before = app.requests.length
  t.match(await raw(gateway, `${ask('POST /once', 'Content-Length: 1')}x`), /^HTTP\/1.1 502 /)
  t.equal(app.requests.length, before + 1)
  gateway.tunnel.connected = []
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 502 [\s\S]*agent_none/)
})

t.test('200 MB pass each way with checksums, flat memory and exact byte counts', async (t) => {
  const size = 200 * 1024 * 1024
  const block = Buffer.alloc(1 << 20, 'abcdefg')
  const expected = createHash('sha256')
  for (let i = 0; i < 200; i++) expected.update(block)
  const digest = expected.digest('hex')
  const gateway = await openNode(t, (request, response) => {
    if (request.method === 'POST') {
      const hash = createHash('sha256')
      request.on('data', (chunk) => hash.update(chunk))
      request.on('end', () => response.end(hash.digest('hex')))
      return
    }
    let sent = 0
    const more = () => {
      while (sent < 200) {
        sent++
        if (!response.write(block)) return response.once('drain', more)
      }
      response.end()
      return
    }
    response.writeHead(200, { 'content-length': size })
    more()
  })
  const start = process.memoryUsage().rss
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss - start)
  }, 20)
  const up = await gateway.dial()
  const done = readAll(up)
  up.write(ask('POST /', `Content-Length: ${size}`))
  for (let i = 0; i < 200; i++) if (!up.write(block)) await once(up, 'drain')
  t.match(await done, new RegExp(digest))
  const down = await gateway.dial()
  const hash = createHash('sha256')
  let head = ''
  down.on('data', (chunk: Buffer) => {
    if (head.includes('\r\n\r\n')) return void hash.update(chunk)
    head += chunk.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end >= 0) hash.update(Buffer.from(head.slice(end + 4), 'latin1'))
  })
  down.write(ask('GET /'))
  await once(down, 'close')
  clearInterval(watch)
  t.equal(hash.digest('hex'), digest)
  t.ok(peak < 150 * 1024 * 1024, `grew by ${peak >> 20} MB`)
  const [first, second] = await gateway.recorded(2)
  t.match(first?.fields, { bytes_in: size, bytes_out: 64, status: 200, method: 'POST' })
  t.match(second?.fields, { bytes_in: 0, bytes_out: size })
})

t.test('200 requests at once succeed', async (t) => {
  const gateway = await openNode(t, (request, response) => response.end(`${request.url}`.repeat(1000)))
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => raw(gateway, ask(`GET /p${i}x`))))
  t.ok(answers.every((text, i) => text.includes(`/p${i}x`.repeat(1000))))
  t.equal((await gateway.recorded(200)).length, 200)
})

t.test('E79 G102 G105 revocation cuts uploads, downloads and event streams on both sides', async (t) => {
  const { app, gateway } = await open(
    t,
    () => 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n',
  )
  const events = await gateway.dial()
  events.write(keep('GET /events'))
  await readUntil(events, /data: 1/)
  for (const socket of app.sockets) socket.write('data: 2\n\n')
  await readUntil(events, /data: 2/)
  const upload = await gateway.dial()
  upload.write(keep('POST /up', TOKEN, 'Content-Length: 1000000') + 'x'.repeat(1000))
  // Before the app has it, a cut is recorded as a denial.
  await until(
    () => [...app.sockets].filter((socket) => socket.bytesRead > 0).length === 2,
    'the app has both',
  )
  t.equal(gateway.live.size, 2)
  const closed = Promise.all([once(events, 'close'), once(upload, 'close'), ...[...app.sockets].map(closing)])
  events.resume()
  upload.resume()
  const watch = startStopwatch()
  gateway.cutAll('revoked')
  await closed
  t.ok(watch.took() < 5_000)
  const records = await gateway.recorded(2)
  t.ok(records.every(({ reason, success }) => reason === 'revoked' && !success))
  t.equal(gateway.live.size, 0)
})

t.test('F91 an app may respond before the end of the upload', async (t) => {
  const gateway = await openNode(t, (_, response) => {
    response.writeHead(413)
    response.end('too big')
  })
  const socket = await gateway.dial()
  socket.write(keep('POST /', TOKEN, 'Content-Length: 200000') + 'x'.repeat(1000))
  await readUntil(socket, /413[\s\S]*too big/)
  socket.write('x'.repeat(199_000) + keep('GET /again'))
  await readUntil(socket, /413[\s\S]*too big/)
  t.equal((await gateway.recorded(2)).length, 2)
  t.equal(gateway.live.size, 0)
})

t.test('F94 compressed bytes pass untouched, and a reset is never a clean end', async (t) => {
  const { gateway } = await open(t, (request, socket) => {
    if (request.includes('/gzip'))
      return Buffer.from(
        'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\xff\x00',
        'latin1',
      )
    socket.write('HTTP/1.1 200 OK\r\n\r\npart', () => setTimeout(() => socket.resetAndDestroy(), 50))
    return null
  })
  t.match(await raw(gateway, ask('GET /gzip')), /\r\n\r\n\x1f\xff\x00$/)
  t.notMatch(await raw(gateway, ask('GET /reset')), /\r\n0\r\n\r\n$/)
  t.match((await gateway.recorded(2))[1], { success: false, reason: 'app_reset' })
})

t.test('the record of a request shows where its time went', async (t) => {
  let finish = () => {}
  const gateway = await openNode(t, (_request, response) => {
    finish = () => response.end('b')
    // The app waits before its first byte, and again, once that is with the client, before the last.
    setTimeout(() => response.write('a'), 40)
  })
  const socket = await gateway.dial()
  socket.write(ask('GET /slow'))
  await readUntil(socket, /\r\na\r\n$/)
  setTimeout(finish, 50)
  await readAll(socket)
  await until(() => gateway.records.length === 1, 'it is recorded')
  const fields = gateway.records[0]?.fields as Record<string, number>
  const { first_byte_ms = 0, dial_ms = 0, decide_ms = 0, duration_ms = 0 } = fields
  t.ok(first_byte_ms >= 38, `first byte after ${first_byte_ms} ms`)
  t.ok(duration_ms >= first_byte_ms + 40, `${duration_ms} ms in all`)
  for (const ms of [first_byte_ms, dial_ms, decide_ms]) t.ok(Number.isInteger(ms))
})
