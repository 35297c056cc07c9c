// together: msh
import { once } from 'node:events'
import http, { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { startMshHub } from './msh-hub.ts'
import { loginMsh, mshEnv, openApps } from './msh-program.ts'

const hub = await startMshHub()
const env = mshEnv(hub)
await loginMsh(hub, env)

const requests: { request: IncomingMessage; body: string }[] = []
let listener: RequestListener = (_request, response) => response.end('hello')
const server = createServer({ keepAliveTimeout: 2_000 }, async (request, response) => {
  request.on('error', () => {})
  const entry = { request, body: '' }
  requests.push(entry)
  if (!request.headers['x-stream']) for await (const chunk of request) entry.body += chunk
  listener(request, response)
})
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {})
  requests.push({ request, body: '' })
  if (request.url === '/no') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
  sockets.handleUpgrade(request, socket, head, (ws) => ws.on('message', (data) => ws.send(`echo ${data}`)))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
hub.apps.set('grafana', { protocol: 'http', port: (server.address() as AddressInfo).port })
const publicHost = `grafana.apps.${hub.proxy.replace('hub.', '')}`
const msh = await openApps(['grafana'], env)
t.teardown(async () => {
  await msh.stop()
  server.close()
  server.closeAllConnections()
  for (const ws of sockets.clients) ws.terminate()
  await hub.stop()
})
const port = msh.ports.grafana!
const local = `127.0.0.1:${port}`

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  readonly trailers: NodeJS.Dict<string>
}

function ask(options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, agent: false, ...options }, async (answer) => {
      let text = ''
      try {
        for await (const chunk of answer) text += chunk
        const { statusCode = 0, headers, trailers } = answer
        resolve({ status: statusCode, headers, body: text, trailers })
      } catch (error) {
        reject(error)
      }
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** The first line that these bytes get; empty when the connection just ends. */
async function raw(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(text)
  let first = ''
  for await (const chunk of socket) {
    first = String(chunk)
    break
  }
  return first.split('\r\n')[0]!
}

t.test('requests reach the app under its public name, with body, method and query', async (t) => {
  requests.length = 0
  const body = 'x'.repeat(300_000)
  const headers = { origin: `http://${local}`, referer: `http://${local}/page?a=1`, te: 'trailers' }
  const answer = await ask({ method: 'POST', path: '/api/q?x=%2F&y', headers }, body)
  t.match(answer, { status: 200, body: 'hello' })
  const { request, body: received } = requests[0]!
  t.equal(received, body)
  t.match(request, { method: 'POST', url: '/api/q?x=%2F&y' })
  t.equal(request.headers.host, publicHost)
  t.equal(request.headers.origin, `https://${publicHost}`)
  t.equal(request.headers.referer, `https://${publicHost}/page?a=1`)
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'POST']) {
    t.equal((await ask({ method })).status, 200, method)
    t.match(requests.at(-1)!.request, { method })
  }
  t.equal((await ask({ headers: { host: `localhost:${port}` } })).status, 200)
})

t.test('a request without a body keeps none, and CONNECT opens nothing', async (t) => {
  const bare = (start: string) => raw(`${start} HTTP/1.1\r\nHost: ${local}\r\n\r\n`)
  for (const [start, length] of [
    ['POST /', '0'],
    ['PATCH /', '0'],
    ['GET /', undefined],
    ['DELETE /', undefined],
    ['OPTIONS *', undefined],
  ] as const) {
    t.match(await bare(start), ' 200 ', start)
    const { headers } = requests.at(-1)!.request
    t.equal(headers['content-length'], length, start)
    t.equal(headers['transfer-encoding'], undefined, start)
  }
  requests.length = 0
  t.equal(await bare(`CONNECT ${local}`), '')
  t.equal(requests.length, 0)
})

t.test('a body whose coding would be lost is refused', async (t) => {
  requests.length = 0
  const send = (version: string, coding: string) =>
    raw(
      `POST / HTTP/${version}\r\nHost: ${local}\r\nTransfer-Encoding: ${coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    )
  for (const coding of ['gzip, chunked', 'deflate,chunked', 'gzip\r\nTransfer-Encoding: chunked']) {
    t.match(await send('1.1', coding), 'HTTP/1.1 501', coding)
  }
  t.match(await send('1.0', 'chunked'), ' 400 ')
  t.equal(requests.length, 0, 'nothing reached the app')
  for (const coding of ['chunked', 'Chunked']) t.match(await send('1.1', coding), ' 200 ')
  t.strictSame(
    requests.map(({ body }) => body),
    ['hello', 'hello'],
  )
})

t.test('addresses and cookies are mapped from the public host to the local one, and back', async (t) => {
  listener = (request, response) => {
    const to = new URL(request.url!, 'https://x').searchParams.get('to')!
    response.writeHead(302, [
      ...['Location', to, 'Access-Control-Allow-Origin', `https://${publicHost}`],
      ...['Set-Cookie', '__Host-a=1; Path=/; Secure; HttpOnly; SameSite=None'],
      ...['Set-Cookie', `b=2; Domain=${publicHost.split(':')[0]}; Max-Age=5`],
      ...['Strict-Transport-Security', 'max-age=1000', 'X-Kept', 'yes'],
    ])
    response.end()
  }
  const places: [string, string][] = [
    [`https://${publicHost}/a?b#c`, `http://${local}/a?b#c`],
    [`https://${publicHost}`, `http://${local}`],
    [`//${publicHost}/a`, `//${local}/a`],
    ['/relative', '/relative'],
    [`https://${publicHost}.evil.example/`, `https://${publicHost}.evil.example/`],
    [`https://${publicHost}0/`, `https://${publicHost}0/`],
    ['https://id.example/login', 'https://id.example/login'],
  ]
  for (const [to, expected] of places) {
    const { headers } = await ask({ path: `/?to=${encodeURIComponent(to)}` })
    t.equal(headers.location, expected)
    t.equal(headers['access-control-allow-origin'], `http://${local}`)
    t.strictSame(headers['set-cookie'], ['mezite-host-a=1; Path=/; HttpOnly; SameSite=Lax', 'b=2; Max-Age=5'])
    t.notOk(headers['strict-transport-security'])
    t.equal(headers['x-kept'], 'yes')
  }
  await ask({ path: '/?to=/', headers: { cookie: 'mezite-host-a=1; b=2' } })
  t.equal(requests.at(-1)!.request.headers.cookie, '__Host-a=1; b=2')
  listener = (_request, response) => response.end('hello')
})

t.test('I123 msh answers only to 127.0.0.1 and localhost with this very port', async (t) => {
  requests.length = 0
  const hosts = ['evil.example', `evil.example:${port}`, '127.0.0.1', 'localhost', `127.0.0.1:${port + 1}`]
  for (const host of [...hosts, `127.0.0.2:${port}`, `[::1]:${port}`, `localhost.:${port}`, publicHost]) {
    const { status, body } = await ask({ headers: { host } })
    t.equal(status, 403, host)
    t.match(body, /127\.0\.0\.1:\d+ and localhost/)
  }
  t.match(await raw(`GET / HTTP/1.1\r\nHost: ${local}\r\nHost: ${local}\r\n\r\n`), '403')
  t.match(await raw(`GET http://evil.example/ HTTP/1.1\r\nHost: ${local}\r\n\r\n`), '403')
  t.match(await raw(`GET http://${local}/ HTTP/1.1\r\nHost: ${local}\r\n\r\n`), '403')
  t.equal(requests.length, 0, 'nothing reached the app')
})

t.test('I123 pages of other origins and sites get 403, whatever they send', async (t) => {
  requests.length = 0
  const refused: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `https://${local}` },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `http://localhost:${port}` },
    { origin: `https://${publicHost}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: `http://${local}` },
    { 'sec-fetch-site': 'nonsense' },
  ]
  for (const headers of refused) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      t.equal((await ask({ method, headers }, method === 'POST' ? 'a=b' : undefined)).status, 403)
    }
    const ws = new WebSocket(`ws://${local}/`, { headers })
    const [, answer] = await once(ws, 'unexpected-response')
    t.equal(answer.statusCode, 403)
    answer.destroy()
  }
  t.equal(requests.length, 0, 'nothing reached the app')
  for (const headers of [
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin', origin: `http://${local}` },
  ]) {
    t.equal((await ask({ headers })).status, 200)
  }
})

t.test('WebSockets pass under the public name, and a refused one gets its response', async (t) => {
  const ws = new WebSocket(`ws://${local}/live`, { origin: `http://${local}` })
  await once(ws, 'open')
  t.equal(requests.at(-1)!.request.headers.origin, `https://${publicHost}`)
  t.equal(requests.at(-1)!.request.headers.host, publicHost)
  ws.send('one')
  t.equal(String((await once(ws, 'message'))[0]), 'echo one')
  const big = 'y'.repeat(2 << 20)
  ws.send(big)
  t.equal(String((await once(ws, 'message'))[0]), `echo ${big}`)
  ws.close(4000, 'done')
  t.equal((await once(ws, 'close'))[0], 4000)
  const refused = new WebSocket(`ws://${local}/no`)
  const [, answer] = await once(refused, 'unexpected-response')
  t.equal(answer.statusCode, 403)
  answer.destroy()
})

t.test('an optional upgrade to another protocol is ignored, and the request is served', async (t) => {
  requests.length = 0
  const h2c = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAA' }
  t.match(await ask({ headers: h2c }), { status: 200, body: 'hello' })
  const websocket = { connection: 'Upgrade', upgrade: 'websocket' }
  for (const headers of [h2c, websocket]) {
    const answer = await ask({ method: 'POST', headers }, 'a body')
    t.match(answer, { status: 200, body: 'hello' })
    t.equal(requests.at(-1)!.body, 'a body')
  }
  for (const { request } of requests) {
    for (const name of ['upgrade', 'http2-settings']) t.notOk(request.headers[name], name)
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (const headers of [h2c, {}]) {
    t.equal((await ask({ method: 'PUT', agent, headers }, 'a body')).status, 200, 'and the next one too')
  }
})

t.test('an upgrade to another protocol than WebSocket gets 400 and a sentence', async (t) => {
  requests.length = 0
  for (const upgrade of ['tcp', 'SPDY/3.1', 'websocket, tcp'])
    for (const method of ['GET', 'POST']) {
      const answer = await ask({ method, headers: { connection: 'Upgrade', upgrade } })
      t.match(answer, { status: 400, body: 'Connections to this port can be upgraded to websocket only.\n' })
    }
  t.equal(requests.length, 0, 'the app does not see it')
  t.match(await ask({ headers: { upgrade: 'tcp' } }), { status: 200 }, 'it is not about this connection')
})

t.test('interim responses pass with their headers, over HTTP/1.1 and HTTP/2', async (t) => {
  listener = (_request, response) => {
    response.writeProcessing()
    response.writeEarlyHints({ link: [`<https://${publicHost}/a.css>; rel=preload`, '</b.js>; rel=preload'] })
    response.end('hello')
  }
  const links = [`<http://${local}/a.css>; rel=preload`, '</b.js>; rel=preload'].join(', ')
  const seen: unknown[] = []
  const request = http.get({ host: '127.0.0.1', port, agent: false })
  request.on('information', ({ statusCode, headers }) => seen.push([statusCode, headers.link]))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  t.strictSame(seen, [
    [102, undefined],
    [103, links],
  ])
  const session = connectHttp2(`http://${local}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  stream.on('headers', (headers) => seen.push([headers[':status'], headers.link]))
  await once(stream, 'response')
  stream.resume()
  await once(stream, 'close')
  t.strictSame(seen.slice(2), [
    [102, undefined],
    [103, links],
  ])
  const old = await raw('GET / HTTP/1.0\r\nHost: '.concat(local, '\r\n\r\n'))
  t.match(old, /^HTTP\/1.1 200 /, 'HTTP/1.0 has no interim responses')
})

t.test('responses stream with trailers, and a broken one never looks complete', async (t) => {
  let push = (_text: string) => {}
  listener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    push = (text) => response.write(text)
  }
  const request = http.get({ host: '127.0.0.1', port, agent: false })
  const [events] = (await once(request, 'response')) as [IncomingMessage]
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    push(text)
    t.equal(String((await once(events, 'data'))[0]), text)
  }
  const gone = new Promise((resolve) => requests.at(-1)!.request.socket.once('close', resolve))
  request.destroy()
  await gone

  listener = (_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' })
    response.write('part')
    response.addTrailers({ 'x-sum': '42' })
    response.end()
  }
  t.match(await ask(), { body: 'part', trailers: { 'x-sum': '42' } })

  listener = (_request, response) => {
    response.writeHead(200)
    response.write('half')
    setTimeout(() => response.destroy(), 50)
  }
  await t.rejects(ask(), { code: 'ECONNRESET' })
  listener = (_request, response) => response.end('hello')
})

t.test('an upload streams, and connections are kept and renewed', async (t) => {
  listener = (request, response) => request.pipe(response)
  const request = http.request({
    host: '127.0.0.1',
    port,
    agent: false,
    method: 'POST',
    headers: { 'x-stream': '1' },
  })
  request.write('first')
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  t.equal(String((await once(answer, 'data'))[0]), 'first')
  request.end('second')
  t.equal(String((await once(answer, 'data'))[0]), 'second')
  listener = (_request, response) => response.end('hello')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  hub.asked.length = 0
  for (let count = 0; count < 20; count += 1) t.equal((await ask({ agent })).body, 'hello')
  t.ok(hub.asked.length <= 2, `${hub.asked.length} streams for 20 requests`)
  // What the app closed meanwhile is not used again.
  server.closeIdleConnections()
  t.equal((await ask({ agent })).body, 'hello')
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask({ method: 'POST' }, 'body')))
  t.ok(answers.every(({ status }) => status === 200))
})

t.test('a request that the app may have executed is not repeated, and none is sent twice', async (t) => {
  listener = (request, response) => {
    if (request.url === '/break') request.socket.destroy()
    else response.end('hello')
  }
  const times = async (method: string, body?: string) => {
    // On a connection that was used before, so that the app may just have closed it.
    t.equal((await ask()).status, 200)
    requests.length = 0
    const headers = body === undefined ? {} : { 'content-length': body.length }
    t.match(await ask({ method, path: '/break', headers }, body), { status: 502, body: /connection_lost/ })
    return requests.length
  }
  t.equal(await times('POST'), 1)
  t.equal(await times('DELETE'), 1)
  t.equal(await times('GET', 'a body'), 1)
  t.equal(await times('GET'), 2)
  listener = (_request, response) => response.end('hello')
})

t.test('a refusal is a response in plain words', async (t) => {
  const app = hub.apps.get('grafana')!
  server.closeIdleConnections()
  await new Promise((resolve) => setTimeout(resolve, 100))
  hub.apps.set('grafana', { ...app, refusal: { status: 403, reason: 'session_mfa_required' } })
  const { status, body } = await ask()
  t.equal(status, 403)
  t.match(body, /grafana needs your passkey.* \(session_mfa_required\)/)
  const ws = new WebSocket(`ws://${local}/`)
  t.equal((await once(ws, 'unexpected-response'))[1].statusCode, 403)
  hub.apps.set('grafana', { ...app, refusal: { status: 302, reason: 'odd' } })
  t.equal((await ask()).status, 502, 'an error, whatever the hub says')
  const other = new WebSocket(`ws://${local}/`)
  t.equal((await once(other, 'unexpected-response'))[1].statusCode, 502)
  hub.apps.set('grafana', app)
  t.equal((await ask()).status, 200)
  await hub.down()
  t.match(await ask(), { status: 503, body: /\(hub_unreachable\)/ })
  await hub.up()
})

t.test(
  'clients that speak HTTP/2 without TLS get the same origin, streaming and with trailers',
  async (t) => {
    const session = connectHttp2(`http://${local}`)
    session.on('error', () => {})
    t.teardown(() => session.destroy())
    listener = (request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' })
      // Before the request is complete.
      response.write(`first ${request.headers.host} `)
      request.on('data', (chunk) => response.write(String(chunk).toUpperCase()))
      request.on('end', () => {
        response.addTrailers({ 'X-Sum': String(request.trailers['x-end']) })
        response.end()
      })
    }
    const stream = session.request(
      { ':method': 'POST', ':path': '/echo', ':authority': local, 'x-stream': '1', te: 'trailers' },
      { waitForTrailers: true },
    )
    let text = ''
    let trailers: Record<string, unknown> = {}
    stream.on('data', (chunk) => {
      if (text === '') {
        stream.write('a')
        stream.end('b')
      }
      text += chunk
    })
    stream.on('trailers', (fields) => {
      trailers = fields
    })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': '7' }))
    const [head] = await once(stream, 'response')
    t.equal(head[':status'], 200)
    await once(stream, 'close')
    t.equal(text, `first ${publicHost} AB`)
    t.equal(trailers['x-sum'], '7')

    const page = session.request({ ':path': '/', ':authority': local, origin: 'https://evil.example' })
    const [refused] = await once(page, 'response')
    t.equal(refused[':status'], 403, 'pages of other origins are as closed out as over HTTP/1.1')
    page.close()
    listener = (_request, response) => void response.socket?.destroy()
    const broken = session.request({ ':path': '/', ':authority': local })
    const [failed] = await once(broken, 'response')
    t.equal(failed[':status'], 502)
    listener = (_request, response) => response.end('hello')
  },
)
