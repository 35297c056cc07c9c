// together: hubs
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { constants } from 'node:http2'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { WebRoutes } from '@mezite/core'
import { Problem, Type } from '@mezite/core'
import t from 'tap'
import { createCallers } from '../../../core/gate/access/callers.ts'
import { MezError } from '../../../core/kernel/error.ts'
import { createErrorPages } from '../../../core/web/pages/error-pages.ts'
import { createPages } from '../../../core/web/pages/pages.ts'
import { csrfToken } from '../../../core/web/server/csrf.ts'
import { sendError } from '../../../core/web/server/error-response.ts'
import { createWebServer } from '../../../core/web/server/web-server.ts'
import { statusRoutes } from '../../../plugins/web-api/status-routes.ts'
import { quietLog } from '../../traffic/listener/quiet-log.ts'
import { until } from '../../until.ts'
import { appHosts, names, startWeb } from './start-web.ts'

/** How the answer to `/slow` comes about. */
const slow = { began: false, end: Promise.resolve() }
/** What `/slow` says itself. */
const ownHeaders = {
  'content-security-policy': "default-src 'none'; form-action 'self' http://127.0.0.1:45678",
  'cache-control': 'public, max-age=60',
  'referrer-policy': 'no-referrer',
}
const api: WebRoutes = {
  name: 'api',
  prefix: '/v1/webapi',
  async routes(app) {
    const body = Type.Object({ name: Type.String() }, { additionalProperties: false })
    app.get('/me', { config: { access: 'user' } }, async ({ subject }) => ({ user: subject.user }))
    app.post('/things', { config: { access: 'thing.update' }, schema: { body } }, async ({ body }) => body)
    app.post('/cli/token', { config: { access: 'public', rate: 'tokens' } }, async ({ body }) => ({
      got: body,
    }))
    app.get('/named/:name', { config: { access: 'public' } }, async ({ params }) => params)
    app.get('/broken', { config: { access: 'public' } }, async () => {
      throw new Error('secret in here')
    })
    app.get('/refused', { config: { access: 'public' } }, async () => {
      throw new Problem(409, 'app_exists', 'It exists.')
    })
    app.get('/slow', { config: { access: 'public' } }, async (_request, reply) => {
      reply.headers(ownHeaders)
      slow.began = true
      await slow.end
      return { done: true }
    })
  },
}
const late: WebRoutes = {
  name: 'late',
  prefix: '/late',
  async routes(app) {
    const config = { access: 'public', deadlineMs: 50 } as const
    app.get('/hangs', { config }, () => new Promise(() => {}))
    app.get('/hook-hangs', { config, onRequest: () => new Promise(() => {}) }, async () => 'never')
    app.get('/default', { config: { access: 'public' } }, () => new Promise(() => {}))
    // Longer than its deadline as a whole, and far shorter between two pieces, also on a busy machine.
    app.get('/stream', { config: { ...config, deadlineMs: 1_000 } }, async (_request, reply) => {
      const stream = new PassThrough()
      let writes = 0
      const timer = setInterval(() => {
        stream.write('begun')
        if (++writes < 7) return
        clearInterval(timer)
        stream.end(' done')
      }, 200)
      return reply.type('text/plain').send(stream)
    })
    app.get('/stands-still', { config }, async (_request, reply) => {
      const stream = new PassThrough()
      stream.write('begun')
      return reply.type('text/plain').send(stream)
    })
    app.get('/waits', { config: { ...config, deadlineMs: 0 } }, () => new Promise(() => {}))
    app.get('/moved', { config }, async (_request, reply) => reply.redirect('/late/elsewhere'))
    app.get('/whole', { config }, async () => 'the whole response')
    app.get('/hijacked', { config }, (_request, reply) => {
      reply.hijack()
      reply.raw.write('begun')
    })
  },
}
const pages: WebRoutes = {
  name: 'pages',
  prefix: '/web',
  async routes(app) {
    app.post('/logout', { config: { access: 'user' } }, async ({ body }) => ({ form: body }))
  },
}
const status = statusRoutes({
  parts: {
    cluster: () => 'test',
    agents: () => {
      throw new Error('no')
    },
  },
  plugins: () => [{ name: 'rbac', startMs: 2 }],
  log: quietLog(),
})

const own = { origin: 'https://hub.mezite.localhost' }
const cookie = (token: string) => ({ cookie: `__Host-mezite_session=${token}` })
const json = { 'content-type': 'application/json' }

t.test(
  'a handler that never responds or never ends is cut and named in the log; a slow stream is left alone',
  async (t) => {
    const hub = await startWeb([late])
    t.teardown(hub.stop)
    t.match((await hub.ask('GET', '/late/hangs')).json, { status: 503, code: 'handler_timeout' })
    t.ok(hub.lines.some((line) => line.includes('GET /late/hangs')))
    for (const route of ['/late/stands-still', '/late/hijacked']) {
      const { text } = await hub.ask('GET', route)
      t.match(text, /begun\s+$/, `${route} has no end`)
      t.ok(hub.lines.some((line) => line.includes(`GET ${route}`) && line.includes('did not end it')))
    }
    t.match(await hub.ask('GET', '/late/stream'), { status: 200, text: /begun[\s\S]* done/ })
  },
)

t.test(
  'a route that never responds is cut and logged after 30 s, and so is one whose hook does not end',
  async (t) => {
    const hub = await startWeb([late])
    t.teardown(hub.stop)
    t.match((await hub.ask('GET', '/late/hook-hangs')).json, { status: 503, code: 'handler_timeout' })
    t.ok(hub.lines.some((line) => line.includes('GET /late/hook-hangs')))
    const { setTimeout: real } = globalThis
    t.teardown(() => Object.assign(globalThis, { setTimeout: real }))
    const hurried = (run: () => void, ms: number) => real(run, ms === 30_000 ? 50 : ms)
    globalThis.setTimeout = Object.assign(hurried, real) as typeof setTimeout
    t.match((await hub.ask('GET', '/late/default')).json, { status: 503, code: 'handler_timeout' })
    t.match(
      hub.lines.find((line) => line.includes('GET /late/default')),
      /30000/,
    )
  },
)

t.test('a response that its client does not read is cut, and no error of its route', async (t) => {
  const hub = await startWeb([late])
  t.teardown(hub.stop)
  const session = hub.openHttp2({ initialWindowSize: 0 })
  t.teardown(() => session.destroy())
  const unread = session.request({ ':path': '/late/whole' })
  unread.on('error', () => {})
  const [{ ':status': status }] = await once(unread, 'response')
  t.equal(status, 200)
  unread.resume()
  await new Promise<void>((resolve) => unread.once('close', resolve))
  t.equal(unread.rstCode, constants.NGHTTP2_INTERNAL_ERROR, 'it does not look complete')
  t.strictSame(
    hub.lines.filter((line) => line.includes('did not end it')),
    [],
  )
})

t.test('N169 a client that leaves over HTTP/2 during a look-up of its cookie frees its place', async (t) => {
  const lookUp = Promise.withResolvers<null>()
  let asked = false
  const identify = (): Promise<null> => {
    asked = true
    return lookUp.promise
  }
  const hub = await startWeb([late], { identify, limits: { anonymousRequestsPerAddress: 1 } })
  t.teardown(hub.stop)
  const session = hub.openHttp2()
  t.teardown(() => session.destroy())
  const left = session.request({ ':path': '/late/moved', ...cookie('unknown') })
  left.on('error', () => {})
  await until(() => asked, 'the look-up')
  left.close(constants.NGHTTP2_CANCEL)
  // Frames are read in order.
  await new Promise((resolve) => session.ping(resolve))
  lookUp.resolve(null)
  const next = session.request({ ':path': '/late/hangs' })
  next.resume()
  const [{ ':status': status }] = await once(next, 'response')
  t.equal(status, 503, 'the next call has its place, and takes its time')
  t.strictSame(
    hub.lines.filter((line) => line.includes('did not end it')),
    [],
  )
})

t.test(
  'N169 calls that wait before a CONNECT give back their places when it ends the connection',
  async (t) => {
    const hub = await startWeb([late], { limits: { anonymousRequestsPerAddress: 2 } })
    t.teardown(hub.stop)
    const own = 'Host: hub.mezite.localhost\r\n\r\n'
    const calls = ['GET /late/waits', 'GET /late/moved', 'CONNECT x:1'].map(
      (call) => `${call} HTTP/1.1\r\n${own}`,
    )
    t.equal(await hub.raw(calls.join('')), '', 'the connection ends without an answer')
    await until(async () => (await hub.ask('GET', '/late/moved')).status === 302, 'a place', 10_000)
    // Its time is over later than theirs.
    await hub.ask('GET', '/late/hangs')
    t.strictSame(
      hub.lines.filter((line) => line.includes('did not end it')),
      [],
    )
  },
)

t.test('the hub responds on its own host', async (t) => {
  const hub = await startWeb([api, pages, status])
  t.teardown(hub.stop)

  await t.test('K140 every route enforces its access, and every route is listed', async (t) => {
    const table: Record<string, readonly [number, number, number]> = {
      'GET /v1/webapi/openapi.json': [200, 200, 200],
      'GET /v1/webapi/me': [401, 200, 200],
      'POST /v1/webapi/things': [401, 403, 400],
      'POST /v1/webapi/cli/token': [200, 200, 200],
      'GET /v1/webapi/named/:name': [200, 200, 200],
      'GET /v1/webapi/broken': [500, 500, 500],
      'GET /v1/webapi/refused': [409, 409, 409],
      'GET /v1/webapi/slow': [200, 200, 200],
      'POST /web/logout': [401, 200, 200],
      'GET /v1/webapi/status': [401, 403, 200],
    }
    const listed = hub.web.routes.filter(({ method }) => method !== 'HEAD')
    t.strictSame(listed.map(({ method, url }) => `${method} ${url}`).sort(), Object.keys(table).sort())
    for (const { method, url } of listed) {
      const [none, user, admin] = table[`${method} ${url}`]!
      const body = method === 'POST' ? '{}' : ''
      const headers: Record<string, string> = method === 'POST' ? json : {}
      t.equal(
        (await hub.ask(method, url, headers, body)).status,
        none,
        `${method} ${url} without credentials`,
      )
      for (const [token, wanted] of [
        ['alice', user],
        ['root', admin],
        ['mallory', none],
      ] as const) {
        const answer = await hub.ask(method, url, { ...headers, authorization: `Bearer ${token}` }, body)
        t.equal(answer.status, wanted, `${method} ${url} as ${token}`)
      }
    }
  })

  await t.test('K140 a route that does not state its access stops the start', async (t) => {
    const routes = async (app: { get: (path: string, handler: () => Promise<object>) => unknown }) =>
      void app.get('/open', async () => ({}))
    const web = createWebServer({
      publicNames: names,
      routes: [{ name: 'x', prefix: '/web', routes: routes as never }],
      hsts: () => true,
      version: '1',
      revisions: { fresh: () => true },
      callers: createCallers({ log: quietLog() }),
      identify: async () => null,
      renderError: () => '',
      audit: { record: () => {} },
      signInUrl: () => '/',
      log: quietLog(),
    })
    await t.rejects(web.start(), { code: 'MEZ_ROUTE_UNGUARDED', message: /web routes 'x'.*\/web\/open/ })
    await web.close()
  })

  await t.test('K141 hostile bodies are refused', async (t) => {
    const post = (body: string, type = 'application/json') =>
      hub.ask('POST', '/v1/webapi/things', { authorization: 'Bearer root', 'content-type': type }, body)
    t.equal((await post('{"name":"a"}')).status, 200)
    t.equal((await post('{"name":"a"}', 'application/json; charset=utf-8')).status, 200)
    for (const bad of [
      '{"name":"a","admin":true}',
      '{"name":"a","__proto__":{}}',
      '{"name":"a","name":"b"}',
      '{"name":"a","n\\u0061me":"b"}',
      '{"name":1}',
      '{"name":"a"',
      '"\xff"',
      `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    ]) {
      t.equal((await post(bad)).status, 400, bad.slice(0, 40))
    }
    for (const type of [
      'text/plain',
      'application/json\ta',
      'application/json; charset=utf-7',
      'application/jsonx',
    ]) {
      t.equal((await post('{"name":"a"}', type)).status, 415, type)
    }
    const big = await hub.raw(
      'POST /v1/webapi/things HTTP/1.1\r\nhost: hub.mezite.localhost\r\nauthorization: Bearer root\r\n' +
        'content-type: application/json\r\ncontent-length: 10485760\r\nconnection: close\r\n\r\n',
    )
    t.match(big, /^HTTP\/1\.1 413 /)
  })

  await t.test('K142 changes with a cookie need the hub’s Origin and the token', async (t) => {
    const token = { 'x-mezite-csrf': csrfToken('root') }
    const send = (headers: Record<string, string>) =>
      hub.ask('POST', '/v1/webapi/things', { ...cookie('root'), ...json, ...headers }, '{"name":"a"}')
    t.equal((await send({ ...own, ...token })).status, 200)
    t.equal((await send({ ...own })).json.code, 'csrf', 'no token')
    t.equal((await send({ ...own, 'x-mezite-csrf': csrfToken('alice') })).status, 403, 'another’s token')
    t.equal((await send(token)).status, 403, 'no Origin')
    t.equal((await send({ ...token, origin: 'null' })).status, 403, 'Origin: null')
    for (const origin of [
      'https://evil.apps.mezite.localhost',
      'http://hub.mezite.localhost',
      'https://hub.mezite.localhost:8443',
      'https://hub.mezite.localhost.',
    ]) {
      t.equal((await send({ ...token, origin })).status, 403, origin)
    }
    t.equal((await send({ ...own, ...token, 'sec-fetch-site': 'same-site' })).status, 403, 'same-site')
    t.equal((await send({ ...own, ...token, 'content-type': 'text/plain' })).status, 415)
    const plain = await hub.ask(
      'POST',
      '/v1/webapi/things',
      { ...cookie('root'), 'content-type': 'text/plain' },
      '{}',
    )
    t.equal(plain.status, 403, 'text/plain form')
    const seen = await hub.ask('GET', '/v1/webapi/me', cookie('root'))
    t.match(seen.head, `x-mezite-csrf: ${csrfToken('root').toLowerCase()}`, 'safe calls tell the token')
    const form = { ...cookie('alice'), 'content-type': 'application/x-www-form-urlencoded' }
    t.equal(
      (await hub.ask('POST', '/web/logout', { ...form, ...own }, 'a=1')).status,
      200,
      'form of our own page',
    )
    t.equal((await hub.ask('POST', '/web/logout', form, 'a=1')).status, 403)
    const foreign = await hub.ask('POST', '/v1/webapi/cli/token', { ...json, ...cookie('alice') }, '{}')
    t.equal(foreign.status, 403, 'a public route with our cookie and no Origin')
  })

  await t.test('a bearer call reads no cookie', async (t) => {
    const both = { ...cookie('root'), authorization: 'Bearer mallory' }
    t.equal((await hub.ask('GET', '/v1/webapi/me', both)).status, 401)
    t.equal(
      (await hub.ask('GET', '/v1/webapi/me', { ...cookie('root'), authorization: 'Basic x' })).status,
      401,
    )
  })

  await t.test('B21 the first of two cookies counts, and other names are not the hub’s', async (t) => {
    const me = (text: string) => hub.ask('GET', '/v1/webapi/me', { cookie: text })
    t.equal((await me('__Host-mezite_session=alice; __Host-mezite_session=root')).json.user, 'alice')
    t.equal((await me('__Host-mezite_session=bad!; __Host-mezite_session=root')).status, 401)
    t.equal((await me('\xa0__Host-mezite_session=root')).status, 401)
    t.equal((await me('__host-mezite_session=root')).status, 401)
    t.equal((await me('__Host-mezite_session="root"')).status, 401)
  })

  await t.test('B26 L151 every response carries the security headers, errors too', async (t) => {
    for (const path of ['/v1/webapi/refused', '/nothing', '/v1/webapi/openapi.json']) {
      const { head } = await hub.ask('GET', path, { accept: 'text/html' })
      for (const line of [
        "content-security-policy: default-src 'none'",
        "base-uri 'none'; frame-ancestors 'none'",
        'x-content-type-options: nosniff',
        'x-frame-options: deny',
        'cross-origin-opener-policy: same-origin',
        'cross-origin-resource-policy: same-origin',
        'referrer-policy: same-origin',
        'cache-control: no-store',
        'strict-transport-security: max-age=',
        'x-request-id: ',
      ]) {
        t.ok(head.includes(line), `${path} ${line}`)
      }
      t.notMatch(head, /unsafe-inline/)
    }
    const { head } = await hub.ask('GET', '/v1/webapi/slow')
    for (const [name, value] of Object.entries(ownHeaders))
      t.strictSame(
        head.split('\r\n').filter((line) => line.startsWith(`${name}:`)),
        [`${name}: ${value}`],
        'a route’s own stays',
      )
  })

  await t.test('E73 E74 the server answers only to the hub’s own name', async (t) => {
    const get = (host: string, sni: string | null = 'hub.mezite.localhost') =>
      hub.ask('GET', '/v1/webapi/openapi.json', { host }, '', sni)
    t.equal((await get('HUB.mezite.localhost:3080')).status, 200)
    t.equal((await get('hub.mezite.localhost', null)).status, 200, 'without SNI the Host decides')
    for (const host of ['evil.test', 'apps.mezite.localhost', 'a.apps.mezite.localhost', '127.0.0.1']) {
      t.equal((await get(host)).status, 421, host)
    }
    t.match((await get('evil.test')).text, /The pages of this hub are at https:\/\/hub\.mezite\.localhost/)
    t.equal(
      (await get('hub.mezite.localhost', 'a.apps.mezite.localhost')).status,
      421,
      'SNI and Host disagree',
    )
    for (const host of ['a@hub.mezite.localhost', 'hub.mezite.localhost.', '', 'hub.mezite.localhost:x']) {
      t.equal((await get(host)).status, 400, JSON.stringify(host))
    }
    const path = '/v1/webapi/openapi.json'
    const two = `GET ${path} HTTP/1.1\r\nhost: hub.mezite.localhost\r\nhost: evil\r\nconnection: close\r\n\r\n`
    t.match(await hub.raw(two), /^HTTP\/1\.1 400 /)
    t.equal((await hub.ask('GET', `https://evil.test${path}`)).status, 400, 'absolute target of another host')
    t.equal((await hub.ask('GET', `https://hub.mezite.localhost${path}`)).status, 200)
  })

  await t.test('the page for another host links to the hub, and works without its stylesheet', async (t) => {
    const names = { clusterName: 'example', hubOrigin: 'https://hub.test', signInOrigin: 'https://hub.test' }
    const pages = createErrorPages(createPages({ publicNames: names }), names)('en')
    const page = (status: number, code: string) =>
      pages.error({ status, code, title: '', detail: 'Why.', requestId: 'r' })
    const shown = page(421, 'misdirected_request')
    t.match(shown, '<h1>There is nothing at this address</h1>')
    t.notMatch(shown, 'href="/"')
    t.equal(shown.split('href="https://hub.test/"').length, 3, 'brand and button')
    t.match(shown, '<svg width="28" height="28"')
    t.match(shown, /<style>\s*:root\{color-scheme/, 'its style comes with it')
    t.notMatch(shown, '<link rel="stylesheet"')
    t.match(page(404, 'not_found'), 'href="/"')
  })

  await t.test('F84 unusual methods and targets are refused', async (t) => {
    t.match(await hub.raw('CONNECT x:1 HTTP/1.1\r\nhost: hub.mezite.localhost\r\n\r\n'), /^HTTP\/1\.1 405 /)
    for (const [method, path] of [
      ['TRACE', '/v1/webapi/me'],
      ['OPTIONS', '/v1/webapi/me'],
      ['DELETE', '/v1/webapi/me'],
    ]) {
      const answer = await hub.ask(method!, path!)
      t.equal(answer.status, 405, `${method}`)
      t.match(answer.head, 'allow: get, head')
    }
    const star = (await hub.ask('OPTIONS', '*')).status
    t.ok(star === 400 || star === 404 || star === 405, `OPTIONS * ${star}`)
    t.equal((await hub.ask('GET', '/v1/webapi/nothing')).json.code, 'not_found')
    const named = (name: string) => hub.ask('GET', `/v1/webapi/named/${encodeURIComponent(name)}`)
    t.equal(
      (await named('🙂'.repeat(256))).status,
      200,
      'the longest name of a user, in UTF-16 twice as long',
    )
    const long = await named('x'.repeat(5_000))
    t.match(long, { status: 404, json: { code: 'not_found', detail: 'The name is too long.' } })
    for (const [target, status] of [
      ['POST /v1/webapi/nothing', 404],
      ['PUT /v1/webapi/me', 405],
      ['POST /v1/webapi/cli/token', 413],
    ]) {
      const head = 'host: hub.mezite.localhost\r\nconnection: close\r\ncontent-type: application/json\r\n'
      const bytes = `${target} HTTP/1.1\r\n${head}content-length: 1000000\r\n\r\n{`
      t.match(await hub.raw(bytes), new RegExp(`^HTTP/1\\.1 ${status} `), 'N170 no body is waited for')
    }
    t.ok((await hub.ask('GET', '/%zz')).status >= 400)
    t.match(await hub.raw('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
    t.match(
      await hub.raw(
        `GET / HTTP/1.1\r\nhost: hub.mezite.localhost\r\nconnection: close\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`,
      ),
      /^HTTP\/1\.1 431 /,
    )
  })

  await t.test('errors are problem documents without inner detail, and pages for people', async (t) => {
    const refused = await hub.ask('GET', '/v1/webapi/refused')
    t.match(refused.head, 'application/problem+json')
    t.match(refused.json, { status: 409, code: 'app_exists', title: 'Conflict', detail: 'It exists.' })
    t.equal(typeof refused.json.request_id, 'string')
    t.notMatch((await hub.ask('GET', '/v1/webapi/broken')).text, 'secret')
    t.ok(hub.lines.some((line) => line.includes('secret in here')))
    const page = await hub.ask('GET', '/<img onerror=1>', { accept: 'text/html' })
    t.ok(page.status >= 400)
    const nav = await hub.ask('GET', '/nothing', { 'sec-fetch-mode': 'navigate' })
    t.match(nav.head, 'text/html')
    t.match(nav.text, /not_found/)
  })

  await t.test('K148 the public port serves no metrics', async (t) => {
    for (const path of ['/metrics', '/healthz', '/readyz']) t.equal((await hub.ask('GET', path)).status, 404)
  })

  await t.test('N171 public routes are limited by address', async (t) => {
    const codes = new Set<number>()
    for (let i = 0; i < 80; i++) codes.add((await hub.ask('POST', '/v1/webapi/cli/token', json, '{')).status)
    t.strictSame([...codes], [400, 429])
  })

  await t.test('the OpenAPI document describes the API only', async (t) => {
    const { json: document } = await hub.ask('GET', '/v1/webapi/openapi.json')
    t.equal(document.openapi, '3.1.0')
    t.ok(document.paths['/v1/webapi/me'])
    t.notOk(document.paths['/web/logout'])
  })

  await t.test('a stale view returns 503 before any credential is checked', async (t) => {
    hub.view.fresh = false
    const answer = await hub.ask('GET', '/v1/webapi/me', { authorization: 'Bearer root' })
    hub.view.fresh = true
    t.equal(answer.json.code, 'view_stale')
    t.match(answer.head, 'retry-after: 1')
  })

  await t.test(
    'the admin socket is 0600, authenticates the operator, replaces only a dead one',
    async (t) => {
      const path = join(hub.dataDir, 'admin.sock')
      writeFileSync(path, 'left over')
      await hub.web.listenSocket(path)
      t.equal(statSync(path).mode & 0o777, 0o600)
      t.equal(statSync(hub.dataDir).mode & 0o077, 0)
      const answer = await overSocket(path, '/v1/webapi/status?plugins=1')
      t.strictSame(answer, {
        cluster: 'test',
        agents: null,
        plugins: [{ name: 'rbac', start_ms: 2, status: null, reads_strangers: null, fuzzed: null }],
        parts: [],
        steps: [],
      })
      await t.rejects(hub.web.listenSocket(path), { code: 'MEZ_SOCKET_IN_USE' })
      t.strictSame(await overSocket(path, '/v1/webapi/me'), { user: 'operator@socket' })
    },
  )

  await t.test('drain lets a running request end and then closes', async (t) => {
    const { promise, resolve: finish } = Promise.withResolvers<void>()
    Object.assign(slow, { began: false, end: promise })
    const running = hub.ask('GET', '/v1/webapi/slow', { connection: 'keep-alive' })
    await until(() => slow.began, 'the request is under way')
    await hub.front.stopAccepting()
    await hub.front.drain(AbortSignal.timeout(30_000))
    const drained = hub.browsers.drain(AbortSignal.timeout(30_000))
    finish()
    await drained
    const answer = await running
    t.match(answer.json, { done: true })
    t.match(answer.head, 'connection: close')
    await t.rejects(hub.ask('GET', '/'), { code: 'ECONNREFUSED' })
  })
})

function overSocket(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent: false, timeout: 30_000 }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(JSON.parse(text))
    })
    call.on('error', reject).end()
  })
}

t.test('F90 G101 a connection cannot upgrade while a response of the hub is being sent', async (t) => {
  let upgrades = 0
  const upgrade = () => {
    upgrades++
  }
  const front = { trustedProxies: ['127.0.0.0/8'], protocols: [{ ...appHosts, upgrade }] }
  const hub = await startWeb([api], {}, front)
  t.teardown(hub.stop)
  const first = 'GET /v1/webapi/refused HTTP/1.1\r\nhost: hub.mezite.localhost\r\n\r\n'
  const head = 'HTTP/1.1\r\nhost: a.apps.mezite.localhost\r\n'
  for (const second of [
    `GET / ${head}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
    `CONNECT a.apps.mezite.localhost:443 ${head}\r\n`,
  ]) {
    const answers = await hub.raw(first + second)
    t.notMatch(answers, /HTTP\/1\.1 [\s\S]*HTTP\/1\.1 |HTTP\/1\.1 405 /, second)
  }
  t.equal(upgrades, 0)
})

t.test(
  'a deliberate 5xx is logged without a stack, below the level of an error, and with its request id',
  (t) => {
    const lines: unknown[][] = []
    const keep =
      (level: string) =>
      (...line: unknown[]) =>
        void lines.push([level, ...line])
    const log = { ...quietLog(), info: keep('info'), warn: keep('warn'), error: keep('error') }
    const request = { id: 'r-1', url: '/v1/x', headers: {}, subject: { user: 'alice' } }
    const reply = { code: () => reply, type: () => reply, serializer: () => reply, send: () => reply }
    for (const error of [
      new Problem(409, 'app_exists', 'no line'),
      new Problem(503, 'view_stale', 'Decided.'),
      new MezError('MEZ_DATABASE_UNAVAILABLE', 'away'),
      new Error('a fault'),
    ])
      sendError(error, request as never, reply as never, {
        log,
        renderError: () => '',
        audit: { record: () => {} },
      })
    t.match(lines, [
      ['info', { request_id: 'r-1', user: 'alice', code: 'view_stale', detail: 'Decided.' }],
      ['warn', { request_id: 'r-1', code: 'database_unavailable', cause: 'away' }],
      ['error', { request_id: 'r-1', code: 'internal_error', cause: /a fault\n +at / }],
    ])
    t.equal(lines.length, 3)
    t.end()
  },
)
