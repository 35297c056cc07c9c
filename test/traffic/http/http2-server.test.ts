// together: quick
/** The hub's own host over HTTP/2: the same answers as over HTTP/1.1, and nothing more. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { connect } from 'node:tls'
import type { WebRoutes } from '@mezite/core'
import { Type } from '@mezite/core'
import t from 'tap'
import { csrfToken } from '../../../core/web/server/csrf.ts'
import { appHosts, startWeb } from '../../web/server/start-web.ts'
import { type Fields, GOAWAY, RawHttp2, setting } from './raw-http2.ts'

const HUB = 'hub.mezite.localhost'
const APP = 'a.apps.mezite.localhost'

let release = () => {}
const api: WebRoutes = {
  name: 'api',
  prefix: '/v1/webapi',
  async routes(app) {
    const body = Type.Object({ name: Type.String() }, { additionalProperties: false })
    app.get('/me', { config: { access: 'user' } }, async ({ subject, clientIp }) => ({
      user: subject.user,
      clientIp,
    }))
    app.post('/things', { config: { access: 'thing.update' }, schema: { body } }, async ({ body }) => body)
    app.post('/echo', { config: { access: 'public' } }, async ({ body }) => ({ got: body }))
    app.get('/large', { config: { access: 'public' } }, async () => 'x'.repeat(300_000))
    app.get('/broken', { config: { access: 'public' } }, async (_request, reply) =>
      reply.send(
        Readable.from(
          (async function* () {
            yield 'half'
            throw new Error('the reader is not an administrator any more')
          })(),
        ),
      ),
    )
    app.get('/slow', { config: { access: 'public' } }, async () => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return { done: true }
    })
  },
}

type Hub = Awaited<ReturnType<typeof startWeb>>

async function dial(hub: Hub, servername: string | null = HUB) {
  const name = servername === null ? { checkServerIdentity: () => undefined } : { servername }
  const socket = connect({ port: hub.port, host: '127.0.0.1', ca: hub.ca, ALPNProtocols: ['h2'], ...name })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

async function open(hub: Hub, servername?: string | null): Promise<ClientHttp2Session> {
  const socket = await dial(hub, servername)
  const session = connectHttp2(`https://${HUB}`, { createConnection: () => socket })
  session.on('error', () => {})
  return session
}

async function ask(session: ClientHttp2Session, more: OutgoingHttpHeaders, body: string | Buffer = '') {
  const stream = session.request({ ':authority': HUB, ...more }, { endStream: body === '' })
  stream.on('error', () => {})
  const chunks: Buffer[] = []
  let headers: Record<string, string> = {}
  stream.on('response', (fields) => {
    headers = fields as never
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (body !== '') stream.end(body)
  await new Promise((resolve) => stream.once('close', resolve))
  const text = Buffer.concat(chunks).toString()
  return {
    status: Number(headers[':status'] ?? 0),
    headers,
    text,
    json: /^\s*\{/.test(text) ? JSON.parse(text) : undefined,
  }
}

t.test('the hub responds on its own host over HTTP/2', async (t) => {
  const hub = await startWeb([api])
  t.teardown(hub.stop)
  const session = await open(hub)
  t.teardown(() => session.destroy())
  const json = { 'content-type': 'application/json' }
  const post = (path: string, more: OutgoingHttpHeaders, body: string | Buffer) =>
    ask(session, { ':method': 'POST', ':path': path, ...json, ...more }, body)

  await t.test('sessions, tokens and roles count as over HTTP/1.1', async (t) => {
    const me = (more: OutgoingHttpHeaders) => ask(session, { ':path': '/v1/webapi/me', ...more })
    t.equal((await me({})).status, 401)
    t.match((await me({ authorization: 'Bearer alice' })).json, { user: 'alice', clientIp: '127.0.0.1' })
    const crumbs = ['a=1', '__Host-mezite_session=alice', '__Host-mezite_session=root']
    t.match((await me({ cookie: crumbs })).json, { user: 'alice' }, 'B21 of two cookies the first counts')
    t.equal((await post('/v1/webapi/things', { authorization: 'Bearer alice' }, '{"name":"x"}')).status, 403)
    t.match((await post('/v1/webapi/things', { authorization: 'Bearer root' }, '{"name":"x"}')).json, {
      name: 'x',
    })
    t.equal((await post('/v1/webapi/things', { authorization: 'Bearer root' }, '{"name":1}')).status, 400)
  })

  await t.test('K142 changes with a cookie need the hub’s Origin and the token', async (t) => {
    const cookie = '__Host-mezite_session=root'
    const token = { 'x-mezite-csrf': csrfToken('root') }
    const change = (more: OutgoingHttpHeaders) =>
      post('/v1/webapi/things', { cookie, ...more }, '{"name":"x"}')
    t.equal((await change({ ...token })).status, 403)
    t.equal((await change({ ...token, origin: `https://${APP}` })).status, 403)
    t.equal((await change({ origin: `https://${HUB}` })).status, 403)
    t.equal((await change({ ...token, origin: `https://${HUB}` })).status, 200)
  })

  await t.test('every response carries the security headers, HEAD and errors too', async (t) => {
    for (const asked of [{ ':path': '/nothing' }, { ':path': '/v1/webapi/large', ':method': 'HEAD' }]) {
      const { headers, text } = await ask(session, asked)
      t.match(headers['content-security-policy'], /default-src 'none'/)
      t.match(headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
      t.equal(headers.connection, undefined)
      if (asked[':method'] === 'HEAD') t.equal(text, '')
    }
    t.equal((await ask(session, { ':path': '/v1/webapi/large' })).text.length, 300_000)
  })

  await t.test('E73 E74 the server answers only to the hub’s own name', async (t) => {
    const get = (more: OutgoingHttpHeaders, at = session) => ask(at, { ':path': '/v1/webapi/large', ...more })
    for (const host of [APP, 'evil.test', '127.0.0.1'])
      t.equal((await get({ ':authority': host })).status, 421, host)
    t.equal((await get({ ':authority': HUB, host: APP })).status, 400)
    t.equal((await get({ ':authority': `${HUB}.` })).status, 400)
    t.equal((await get({ ':authority': HUB.toUpperCase() })).status, 200)
    const nameless = await open(hub, null)
    t.equal((await get({}, nameless)).status, 200, 'without SNI the authority decides')
    nameless.destroy()
    const other = await open(hub, APP)
    t.equal((await get({}, other)).status, 421, 'SNI and authority disagree')
    other.destroy()
  })

  await t.test('H110 H114 unusual requests are refused', async (t) => {
    const client = new RawHttp2(await dial(hub))
    await client.ping()
    let id = -1
    const status = (...fields: Fields) => {
      id += 2
      client.request(id, fields)
      return client.status(id)
    }
    const rest: Fields = [
      [':authority', HUB],
      [':path', '/v1/webapi/large'],
    ]
    t.equal(await status([':method', 'GET'], [':scheme', 'http'], ...rest), 400)
    t.equal(await status([':method', 'TRACE'], [':scheme', 'https'], ...rest), 405)
    t.equal(await status([':method', 'GET'], [':scheme', 'https'], ...rest, ['x-pad', 'x ']), 400)
    t.equal(await status([':method', 'GET'], [':scheme', 'https'], ...rest, ['expect', 'a cake']), 417)
    for (const path of ['/\xe9', '/\xc3\xa9', '/a#b', 'a'])
      t.ok(
        [400, -1].includes(await status([':method', 'GET'], [':scheme', 'https'], rest[0]!, [':path', path])),
        path,
      )
    t.equal(await status([':method', 'CONNECT'], [':authority', `${HUB}:443`]), 405)
    t.equal(
      await status([':method', 'CONNECT'], [':protocol', 'webtransport'], [':scheme', 'https'], ...rest),
      501,
    )
    t.equal(
      await status([':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'https'], ...rest),
      501,
    )
    const many = Array.from({ length: 101 }, (_, n): [string, string] => [`x-${n}`, '1'])
    t.equal(await status([':method', 'GET'], [':scheme', 'https'], ...rest, ...many), 431)
    t.equal(await status([':method', 'GET'], [':scheme', 'https'], ...rest), 200)
    client.socket.destroy()
  })

  await t.test('K141 too large, malformed and expected bodies are handled', async (t) => {
    const large = Buffer.alloc(2 * 1024 * 1024, 32)
    t.equal((await post('/v1/webapi/echo', { 'content-length': large.length }, large)).status, 413)
    t.equal((await post('/v1/webapi/echo', {}, large)).status, 413, 'without a length')
    t.equal((await post('/v1/webapi/echo', {}, '{"a":1,"a":2}')).status, 400)
    t.equal((await post('/v1/webapi/echo', { 'content-type': 'text/x' }, 'x')).status, 415)
    const stream = session.request(
      { ':authority': HUB, ':method': 'POST', ':path': '/v1/webapi/echo', expect: '100-continue', ...json },
      { endStream: false },
    )
    await once(stream, 'continue')
    stream.end('{"a":1}')
    const [head] = await once(stream, 'response')
    t.equal(head[':status'], 200)
    stream.resume()
    t.match((await post('/v1/webapi/echo', {}, '{"a":1}')).json, { got: { a: 1 } }, 'the connection lives')
  })

  await t.test('F88 a response that breaks off never looks complete', async (t) => {
    const stream = session.request({ ':authority': HUB, ':path': '/v1/webapi/broken' })
    let text = ''
    stream.on('error', () => {})
    stream.on('data', (chunk) => {
      text += chunk
    })
    await new Promise((resolve) => stream.once('close', resolve))
    t.equal(text, 'half')
    t.equal(stream.rstCode, 2, 'INTERNAL_ERROR')
  })

  await t.test('drain lets a running request end, sends GOAWAY, and accepts nothing new', async (t) => {
    const client = new RawHttp2(await dial(hub))
    await client.ping()
    const get: Fields = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', HUB],
      [':path', '/v1/webapi/slow'],
    ]
    client.request(1, get)
    await client.ping()
    const front = hub.front.drain(AbortSignal.timeout(20_000))
    const web = hub.browsers.drain(AbortSignal.timeout(20_000))
    await client.until(({ type }) => type === GOAWAY)
    client.request(3, get)
    release()
    t.equal(await client.status(1), 200)
    await Promise.all([front, web])
    t.equal(await client.ended(), 0)
    t.match(client.body(1), { text: '{"done":true}', ended: true })
    t.equal(client.frames.filter(({ stream, type }) => stream === 3 && type === 1).length, 0)
  })
})

t.test(
  'a browser opens the WebSocket of an app over HTTP/1.1 that it began on a connection to the hub',
  async (t) => {
    const hub = await startWeb([api], {}, { protocols: [appHosts] })
    t.teardown(hub.stop)
    const client = new RawHttp2(await dial(hub))
    await client.ping()
    client.request(
      1,
      [
        [':method', 'CONNECT'],
        [':protocol', 'websocket'],
        [':scheme', 'https'],
        [':authority', APP],
        [':path', '/socket'],
      ],
      false,
    )
    t.equal(await client.reset(1), 13, 'HTTP_1_1_REQUIRED')
    t.strictSame(hub.refusals, [])
    client.socket.destroy()
  },
)

t.test('slow clients over HTTP/2 time out', async (t) => {
  const hub = await startWeb([api], { limits: { headerMs: 2_000, requestMs: 2_000 } })
  t.teardown(hub.stop)
  const client = new RawHttp2(await dial(hub), setting(4, 0))
  await client.ping()
  const fields = (method: string, path: string): Fields => [
    [':method', method],
    [':scheme', 'https'],
    [':authority', HUB],
    [':path', path],
    ['content-type', 'application/json'],
  ]
  client.request(1, fields('POST', '/v1/webapi/echo'), false)
  client.request(3, fields('GET', '/v1/webapi/me'))
  t.equal(await client.reset(1), 2, 'N166 a body that does not come')
  t.equal(await client.status(3), 401)
  await client.reset(3)
  t.notOk(client.body(3).ended, 'H111 an answer that is not read')
  client.socket.destroy()
})

t.test('a trusted proxy’s connection carries requests to apps as well', async (t) => {
  const seen: string[] = []
  const hub = await startWeb(
    [api],
    {},
    {
      trustedProxies: ['127.0.0.1'],
      protocols: [
        {
          ...appHosts,
          stream: ({ host, info }, { stream }) => {
            seen.push(`${host.host} ${info.clientOf?.('9.9.9.9')}`)
            stream.respond({ ':status': 299 }, { endStream: true })
          },
        },
      ],
    },
  )
  t.teardown(hub.stop)
  const session = await open(hub)
  t.equal((await ask(session, { ':authority': APP, ':path': '/' })).status, 299)
  t.equal((await ask(session, { ':path': '/v1/webapi/large' })).status, 200)
  t.strictSame(seen, [`${APP} 9.9.9.9`])
  session.destroy()
})
