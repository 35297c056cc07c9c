// together: hubs
/** The guard before every route, with who calls and from where told by the test. */

import type { IncomingHttpHeaders } from 'node:http'
import { fakeClock, memoryLog } from '@mezite/core/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { Problem } from '../../../core/api/problem.ts'
import { createCallers } from '../../../core/gate/access/callers.ts'
import { type GuardOptions, guardRoutes } from '../../../core/web/server/route-guard.ts'
import { sharedDecorators } from '../../../core/web/server/shared-decorators.ts'
import { until } from '../../until.ts'
import { subject } from './start-web.ts'

const origin = 'https://hub.test'
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const callsPerMinute = { sign_in: 9, pages: 9, tokens: 2, other: 3 } as never

/** Tokens `user…` and `admin…` are known. A route `/held` answers when the test lets it. */
async function start(
  t: Test,
  more: Partial<GuardOptions> = {},
  before: (app: FastifyInstance) => void = () => {},
) {
  const clock = fakeClock()
  const view = { fresh: true }
  const held: (() => void)[] = []
  const app = Fastify()
  before(app)
  app.setErrorHandler((error, _request, reply) => {
    const { status = 500, code } = error as Partial<Problem>
    return reply.code(status).send({ code })
  })
  app.register(sharedDecorators)
  guardRoutes(app, {
    signInOrigin: origin,
    signInUrl: (path) => `/web/login?to=${path}`,
    arrivalOf: ({ headers }) =>
      ({ origin, info: { clientIp: String(headers['x-from'] ?? '192.0.2.1') } }) as never,
    callers: createCallers({ log: memoryLog().log }),
    identify: async ({ token }) =>
      token.startsWith('user')
        ? subject('u', [])
        : token.startsWith('admin')
          ? subject('a', ['admin'])
          : token.startsWith('msh')
            ? { ...subject('m', ['admin']), kind: 'certificate' as const }
            : null,
    revisions: { fresh: () => view.fresh },
    limits: { callsPerMinute, anonymousRequestsPerAddress: 2 },
    clock,
    ...more,
  })
  for (const method of ['GET', 'POST'] as const)
    app.route({
      method,
      url: '/web/mine',
      config: { access: 'page' },
      handler: async ({ subject }, reply) => reply.page(`<p>${subject.user}</p>`),
    })
  app.get('/open', { config: { access: 'public' } }, async ({ clientIp }) => ({ clientIp }))
  app.get(
    '/held',
    { config: { access: 'public', rate: 'pages' } },
    () => new Promise<object>((go) => held.push(() => go({}))),
  )
  app.get('/me', { config: { access: 'user' } }, async ({ subject }) => ({ user: subject.user }))
  app.get('/admin', { config: { access: 'thing.update' } }, async ({ subject }) => ({ user: subject.user }))
  app.get('/again', { config: { access: 'user' } }, async (request) => {
    view.fresh = false
    return { again: await request.identifyAgain() }
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => {
    for (const go of held) go()
    return app.close()
  })
  const get = async (path: string, headers: Record<string, string> = {}, from = '192.0.2.1') => {
    const answer = await fetch(url + path, { headers: { ...headers, 'x-from': from } })
    const body = (await answer.json()) as Record<string, unknown>
    return { status: answer.status, headers: answer.headers, ...body }
  }
  return { get, held, view, clock, url }
}

t.test(
  'K140 a page redirects visitors to sign in and back, and accepts only forms of its own host',
  async (t) => {
    const { url, view } = await start(t)
    let address = 0
    const call = async (method: string, more: Record<string, string> = {}) => {
      const headers = { ...more, 'x-from': `192.0.2.${++address}` }
      const answer = await fetch(`${url}/web/mine?a=1`, { method, headers, redirect: 'manual' })
      return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() }
    }
    const cookie = '__Host-mezite_session=user-1'
    const signIn = '/web/login?to=/web/mine?a=1'
    t.match(await call('GET'), { status: 303, location: signIn })
    t.match(await call('GET', { cookie: '__Host-mezite_session=unknown' }), { status: 303, location: signIn })
    t.match(await call('GET', bearer('user')), { status: 303, location: signIn }, 'a token is not a browser')
    t.match(await call('GET', { cookie }), { status: 200, text: '<p>u</p>' })
    t.match(await call('POST', { cookie, origin }), { status: 200, text: '<p>u</p>' })
    t.match(await call('POST', { origin }), { status: 401, text: /login_required/ })
    for (const forged of [{ cookie }, { cookie, origin: 'https://app.test' }, { cookie, origin: 'null' }])
      t.match(await call('POST', forged as Record<string, string>), { status: 403, text: /csrf/ })
    t.match(await call('POST', { cookie, origin, 'sec-fetch-site': 'same-site' }), { status: 403 })
    view.fresh = false
    t.match(await call('GET', { cookie }), { status: 503, text: /view_stale/ })
  },
)

t.test('K140 a page exists on the sign-in host alone', async (t) => {
  const { url } = await start(t, {
    arrivalOf: () => ({ origin: 'https://other.test', info: { clientIp: '192.0.2.1' } }) as never,
  })
  const cookie = '__Host-mezite_session=user-1'
  const call = (method: string) =>
    fetch(`${url}/web/mine`, { method, redirect: 'manual', headers: { cookie, origin } })
  t.equal((await call('GET')).headers.get('location'), `${origin}/web/mine`)
  t.equal((await call('POST')).status, 421)
})

t.test('an address with a NUL character is refused', async (t) => {
  const { get } = await start(t)
  for (const path of ['/me?x=%00', '/%00', '/open?a=1%002'])
    t.match(await get(path, bearer('user')), { status: 400, code: 'bad_request' }, path)
})

t.test('E73 a request that the host router has not routed here reaches no route', async (t) => {
  const { get } = await start(t, { arrivalOf: () => null })
  const code = 'misdirected_request'
  t.match(await get('/me', bearer('admin')), { status: 421, code })
  t.match(await get('/open'), { status: 421, code })
})

t.test('clients behind a trusted proxy are counted by their own addresses', async (t) => {
  const clientOf = (forwarded: string | undefined) => forwarded
  const { get } = await start(t, {
    arrivalOf: () => ({ origin, info: { clientIp: '10.0.0.1', clientOf } }) as never,
  })
  t.match(await get('/open', { 'x-forwarded-for': '198.51.100.7' }), { clientIp: '198.51.100.7' })
  t.match(await get('/open'), { clientIp: '10.0.0.1' })
})

t.test(
  'K140 a login of msh reaches routes of users and never those of administrators, whatever its roles',
  async (t) => {
    const { get } = await start(t)
    t.match(await get('/admin', bearer('admin')), { status: 200, user: 'a' })
    t.match(await get('/me', bearer('msh')), { status: 200, user: 'm' })
    t.match(await get('/admin', bearer('msh')), { status: 403, code: 'msh_login_not_allowed' })
    t.match(await get('/admin', bearer('user')), { status: 403, code: 'access_denied' })
  },
)

t.test('N171 calls to a public route are limited for each address and each route separately', async (t) => {
  const { get } = await start(t)
  for (let count = 0; count < 3; count++) t.equal((await get('/open')).status, 200)
  const refused = await get('/open')
  t.match(refused, { status: 429, code: 'too_many_requests' })
  t.equal(refused.headers.get('retry-after'), '10')
  t.equal((await get('/open', {}, '192.0.2.2')).status, 200)
  t.equal((await get('/me', bearer('user'))).status, 200)
})

t.test('K143 failed tokens are limited by address, and valid tokens are not counted', async (t) => {
  const { get, clock } = await start(t)
  for (let count = 0; count < 9; count++) t.equal((await get('/me', bearer(`user${count}`))).status, 200)
  for (let count = 0; count < 2; count++) t.equal((await get('/me', bearer('guess'))).status, 401)
  t.match(await get('/me', bearer('guess')), { status: 429, code: 'too_many_requests' })
  t.equal((await get('/me', bearer('user'))).status, 429, 'or the guess that is right would be told')
  t.equal((await get('/me', bearer('user'), '192.0.2.2')).status, 200)
  clock.advance(60_000)
  t.equal((await get('/me', bearer('user'))).status, 200)
})

t.test('N173 calls without a valid credential are limited by address on all routes together', async (t) => {
  const { get, clock } = await start(t)
  const { pages } = callsPerMinute
  const cookie = '__Host-mezite_session=unknown'
  for (let count = 0; count < pages; count++)
    t.equal((await get(count % 2 ? '/me' : '/admin', count % 3 ? {} : { cookie })).status, 401)
  for (const headers of [{}, { cookie }] as Record<string, string>[]) {
    const refused = await get('/me', headers)
    t.match(refused, { status: 429, code: 'too_many_requests' })
    t.equal(refused.headers.get('retry-after'), '10')
  }
  t.equal((await get('/me', bearer('user'))).status, 200, 'people behind the same address are served')
  t.equal((await get('/me', { cookie: '__Host-mezite_session=user-1' })).status, 200)
  t.equal((await get('/me', {}, '192.0.2.2')).status, 401)
  clock.advance(60_000)
  t.equal((await get('/me')).status, 401)
})

t.test('N169 an address has a limit of concurrent calls whose caller is not yet known', async (t) => {
  const { get, held } = await start(t)
  const first = [get('/held'), get('/held')]
  await until(() => held.length === 2, 'both are under way')
  const third = await get('/held')
  t.match(third, { status: 429, code: 'address_limit' })
  t.equal(third.headers.get('retry-after'), '1')
  t.match(await get('/me', bearer('user')), { code: 'address_limit' })
  t.equal((await get('/open', {}, '192.0.2.2')).status, 200)
  for (const go of held) go()
  await Promise.all(first)
  await until(async () => (await get('/me', bearer('user'))).status === 200, 'what has ended is given back')
  for (let count = 0; count < 5; count++) t.equal((await get('/me', bearer('user'))).status, 200)
})

t.test('N169 a call holds its place until its caller is known', async (t) => {
  const waiting: (() => void)[] = []
  const { get } = await start(t, {
    identify: () => new Promise((go) => waiting.push(() => go(subject('u', [])))),
  })
  const first = [get('/me', bearer('user')), get('/me', bearer('user'))]
  await until(() => waiting.length === 2, 'both are looked up')
  t.match(await get('/me', bearer('user')), { status: 429, code: 'address_limit' })
  for (const known of waiting.splice(0)) known()
  await until(() => waiting.length === 2, 'both are judged again before the handler')
  const next = get('/me', bearer('user'))
  await until(() => waiting.length === 3, 'whose places are free by then')
  for (const known of waiting) known()
  t.strictSame(
    (await Promise.all(first)).map(({ status }) => status),
    [200, 200],
  )
  await until(() => waiting.length === 4, 'the next one is judged again as well')
  waiting.at(-1)?.()
  t.equal((await next).status, 200)
})

t.test('N169 a call that is aborted before it is authenticated releases its place', async (t) => {
  const gone = Promise.withResolvers<void>()
  let left = 0
  const { get } = await start(t, {}, (app) => {
    app.addHook('onRequest', async ({ headers }: { headers: IncomingHttpHeaders }, reply) => {
      if (headers['x-gone'] === undefined) return
      const closed = new Promise((go) => reply.raw.once('close', go))
      reply.raw.destroy()
      await closed
      if (++left === 2) gone.resolve()
    })
  })
  for (let count = 0; count < 2; count++) await t.rejects(get('/held', { 'x-gone': '1' }))
  await gone.promise
  t.equal((await get('/open')).status, 200)
})

t.test('a stale view returns 503 to every caller, with a known or an unknown token', async (t) => {
  const { get, view } = await start(t)
  t.match(await get('/again', bearer('user')), { status: 200, again: null })
  t.match(await get('/me', bearer('user')), { status: 503, code: 'view_stale' })
  t.match(await get('/me', bearer('guess')), { status: 503, code: 'view_stale' })
  view.fresh = true
  t.equal((await get('/me', bearer('user'))).status, 200)
})

t.test('K142 the token against forgery is given only to callers with a cookie', async (t) => {
  const { get } = await start(t)
  t.equal((await get('/me', bearer('user'))).headers.get('x-mezite-csrf'), null)
  t.ok((await get('/me', { cookie: '__Host-mezite_session=user' })).headers.get('x-mezite-csrf'))
})

t.test('N238 signed-in people behind one address are counted separately', async (t) => {
  const { get } = await start(t)
  const as = (person: string) => ({ cookie: `__Host-mezite_session=${person}` })
  for (let count = 0; count < 3; count++) t.equal((await get('/open', as('user'))).status, 200)
  t.equal((await get('/open', as('user'))).status, 429, 'one person has the same limit')
  t.equal((await get('/open', as('admin'))).status, 200, 'and uses up nobody else’s')
  for (let count = 0; count < 3; count++) t.equal((await get('/open')).status, 200, 'nor that of strangers')
  t.equal((await get('/open', as('unknown'))).status, 429, 'an unknown cookie makes a stranger')
})

t.test('N238 calls during a sign-in count until it completes', async (t) => {
  const { get } = await start(t, {}, (app) => {
    app.after(() => {
      app.get('/begin', { config: { access: 'public', rate: 'sign_in' } }, async () => ({}))
      app.get(
        '/end',
        { config: { access: 'public', rate: 'sign_in' } },
        async ({ attemptSucceeded, headers }) => {
          if (headers['x-proof'] === 'good') attemptSucceeded?.()
          return {}
        },
      )
    })
  })
  const signIn = async (proof: string) => [
    (await get('/begin')).status,
    (await get('/end', { 'x-proof': proof })).status,
  ]
  for (let count = 0; count < 30; count++) t.same(await signIn('good'), [200, 200])
  for (let count = 0; count < 9; count++) t.same(await signIn('bad'), [200, 200])
  t.same(await signIn('good'), [429, 429], 'failed attempts are limited')
  t.equal((await get('/open')).status, 200)
})

t.test('N238 valid codes are not counted as failed tokens', async (t) => {
  const { get } = await start(t, {}, (app) => {
    app.after(() => {
      app.get('/token', { config: { access: 'public', rate: 'tokens' } }, async ({ headers }, reply) =>
        reply.code(headers['x-code'] === 'good' ? 200 : 401).send({}),
      )
    })
  })
  const ask = async (code: string) => (await get('/token', { 'x-code': code })).status
  for (let count = 0; count < 10; count++) t.equal(await ask('good'), 200)
  for (let count = 0; count < 2; count++) t.equal(await ask('bad'), 401)
  t.equal(await ask('good'), 429)
})
