// together: quick
import t, { type Test } from 'tap'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, COOKIE, openGateway, raw } from './gateway.ts'

async function open(t: Test, answer: () => string = () => OK) {
  const app = await openByteApp(answer)
  const gateway = await openGateway(appAt(app.port))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

function values(request: string, name: string): string[] {
  return [...request.matchAll(new RegExp(`^${name}: ?(.*)\\r$`, 'gim'))].map(([, value]) => value ?? '')
}

t.test('A1 A2 A14 client-sent identity and forwarding headers are replaced', async (t) => {
  const { app, gateway } = await open(t)
  const evil = ['Mezite-Jwt-Assertion', 'X-Mezite-User', 'x-mezite-ROLES'].flatMap((name) =>
    Array.from({ length: 5 }, () => `${name}:  evil \t`),
  )
  const forged = [
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'Forwarded',
    'X-Real-IP',
    'X-Original-URL',
    'True-Client-IP',
  ]
  const answer = await raw(gateway, ask('GET /x', ...evil, ...forged.map((name) => `${name}: evil`)))
  t.match(answer, /^HTTP\/1.1 200 OK\r\n/)
  const [request = ''] = app.requests
  t.notMatch(request, /evil/)
  t.strictSame(values(request, 'mezite-jwt-assertion'), ['head.body.signature'])
  t.strictSame(values(request, 'x-mezite-user'), ['ann'])
  t.strictSame(values(request, 'x-mezite-roles'), ['dev,ops'])
  t.strictSame(values(request, 'x-forwarded-for'), ['192.0.2.7'])
  t.match(
    request,
    /^GET \/x HTTP\/1.1\r\nHost: a.apps.test\r\nMezite-Jwt-Assertion: /,
    'A6 identity is first',
  )
})

t.test('A2 forwarding headers of a client never pass, in any spelling that a CGI accepts', async (t) => {
  const { app, gateway } = await open(t)
  const names = [
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Prefix',
    'X-Real-IP',
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'X-Original-URL',
    'X-Original-Host',
    'X-Rewrite-URL',
    'X-HTTP-Host-Override',
    'X-Host',
    'X-Request-ID',
    'X-Remote-User',
    'True-Client-IP',
    'CF-Connecting-IP',
    'Fastly-Client-IP',
    'Client-IP',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'Proxy-Authenticate',
    'Proxy',
    'TE',
    'HTTP2-Settings',
  ]
  for (const spell of [
    (name: string) => name,
    ...['_', '.'].map((to) => (name: string) => name.replaceAll('-', to)),
  ]) {
    const sent = names.map((name, at) => `${spell(name)}: evil-${at}`)
    t.match(await raw(gateway, ask('GET /', ...sent)), / 200 /)
    t.strictSame(app.requests.at(-1)?.match(/.*evil.*/g), null)
  }
})

t.test('A3 variants with _, . and whatever else a CGI takes for a hyphen are refused', async (t) => {
  const { app, gateway } = await open(t)
  const odd = [..."!#$%&'*+.^_`|~"].map((character) => `X-Mezite${character}User`)
  for (const name of ['X_Mezite_User', 'Mezite_Jwt_Assertion', 'X.Mezite.User', 'x-mezite_roles', ...odd])
    t.match(await raw(gateway, ask('GET /', `${name}: evil`)), /^HTTP\/1.1 400 /, name)
  t.equal(app.requests.length, 0)
})

t.test('A4 Connection cannot name identity headers away', async (t) => {
  const { app, gateway } = await open(t)
  await raw(
    gateway,
    `GET / HTTP/1.1\r\nHost: a.apps.test\r\nCookie: ${COOKIE}\r\nX-Hop: 1\r\nConnection: close, Mezite-Jwt-Assertion, X-Mezite-User, x-hop\r\n\r\n`,
  )
  t.strictSame(values(app.requests[0] ?? '', 'x-mezite-user'), ['ann'])
  t.strictSame(values(app.requests[0] ?? '', 'x-hop'), [])
})

t.test('A5 identity names in trailers are dropped, others arrive', async (t) => {
  const { app, gateway } = await open(t)
  const body = '3\r\nabc\r\n0\r\nX-Mezite-User: evil\r\nX-Checksum: 1\r\n\r\n'
  t.match(await raw(gateway, ask('POST /', 'Transfer-Encoding: chunked') + body), / 200 /)
  t.notMatch(app.requests[0], /evil/)
  t.match(app.requests[0], /\r\n\r\n3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n$/)
})

t.test('A6 many tiny headers are refused', async (t) => {
  const { app, gateway } = await open(t)
  const many = Array.from({ length: 2300 }, (_, i) => `a${i}:b`)
  t.match(await raw(gateway, ask('GET /', ...many)), /^HTTP\/1.1 431 /)
  t.match(await raw(gateway, ask('GET /', ...many.slice(0, 101))), /^HTTP\/1.1 431 /, 'F92')
  t.equal(app.requests.length, 0)
})

t.test('A8 A9 roles that do not fit fail closed, names are encoded without loss', async (t) => {
  const { app, gateway } = await open(t)
  gateway.state.roles = Array.from({ length: 300 }, (_, i) => `role-with-a-long-name-number-${i}`)
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 500 [\s\S]*roles_too_long/)
  t.equal(app.requests.length, 0)
  gateway.state.roles = []
  gateway.state.user = 'é\r\nX-Evil: 1%'
  t.match(await raw(gateway, ask('GET /')), / 200 /)
  t.strictSame(values(app.requests[0] ?? '', 'x-mezite-user'), ['%C3%A9%0D%0AX-Evil:%201%25'])
  t.strictSame(values(app.requests[0] ?? '', 'x-evil'), [])
  gateway.state.user = 'a%20b'
  t.match(await raw(gateway, ask('GET /')), / 200 /)
  t.strictSame(values(app.requests[1] ?? '', 'x-mezite-user'), ['a%2520b'], 'another one than `a b`')
  gateway.state.roles = ['dev,admin']
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 500 [\s\S]*roles_invalid/)
})

t.test('A1 the caller is signed again for each assertion, and after a change of access', async (t) => {
  const { app, gateway } = await open(t)
  const roles = ['dev']
  const subject = { user: 'ann', roles, kind: 'session', sessionId: 's1', satisfied: [] } as const
  let signed = 0
  const sign = () => `head.body.${++signed}`
  Object.assign(gateway.deps.assertion, { sign })
  Object.assign(gateway.deps.sessions, { subjectOf: () => subject })
  const said = async (name: string) => {
    t.match(await raw(gateway, ask('GET /')), / 200 /)
    return values(app.requests.at(-1) ?? '', name)
  }
  t.strictSame([await said('mezite-jwt-assertion'), await said('mezite-jwt-assertion')].flat(), [
    'head.body.1',
    'head.body.2',
  ])
  Object.assign(gateway.deps.assertion, { sign: () => 'head.body.same' })
  t.strictSame(await said('x-mezite-roles'), ['dev'])
  roles.push('ops')
  t.strictSame(await said('x-mezite-roles'), ['dev,ops'])
  Object.freeze(roles)
  Object.freeze(subject)
  Object.assign(gateway.deps.assertion, { sign })
  t.strictSame([await said('mezite-jwt-assertion'), await said('mezite-jwt-assertion')].flat(), [
    'head.body.3',
    'head.body.4',
  ])
})

t.test('the value of the signing service is sent only if it is a signed token', async (t) => {
  const { app, gateway } = await open(t)
  let given: unknown
  Object.assign(gateway.deps.assertion, { sign: () => (given instanceof Function ? given() : given) })
  const wrong = [
    ...['a.b.c\n', 'a.b.c\r\nX-Mezite-Roles: admin', 'a.b', 'a.b.c.d', 'a..c', ' a.b.c', 'a.b.c=', 'jwt'],
    ...[undefined, null, {}, { toString: () => 'a.b.c' }, async () => Promise.reject(new Error('no key'))],
  ]
  for (given of wrong) t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 500 [\s\S]*forward_failed/)
  t.equal(app.requests.length, 0)
  given = 'aB_-9.e30.x'
  t.match(await raw(gateway, ask('GET /')), / 200 /)
  t.strictSame(values(app.requests[0] ?? '', 'mezite-jwt-assertion'), [given])
})

t.test('A12 B21 B22 the hub’s cookies never reach the app, others do byte for byte', async (t) => {
  const { app, gateway } = await open(t)
  const cookie = `a=1;  b="x; y"; ${COOKIE}; __Host-mezite_app=evil;__Host-mezite_session=s; \xa0__Host-mezite_app=no; c= 2 `
  t.match(
    await raw(
      gateway,
      `GET / HTTP/1.1\r\nHost: a.apps.test\r\nConnection: close\r\nCookie: ${cookie}\r\n\r\n`,
    ),
    / 200 /,
  )
  t.strictSame(values(app.requests[0] ?? '', 'cookie'), ['a=1;  b="x; y"; \xa0__Host-mezite_app=no; c= 2'])
  const first = `GET / HTTP/1.1\r\nHost: a.apps.test\r\nConnection: close\r\nCookie: __Host-mezite_app=evil; ${COOKIE}\r\n\r\n`
  t.match(await raw(gateway, first), /^HTTP\/1.1 401 /, 'the first counts')
  for (const space of ['\xa0', '\x85', '\v', '\f']) {
    const forged = first.replace('__Host-mezite_app=evil', `${space}__Host-mezite_app=evil`)
    t.match(await raw(gateway, forged), /^HTTP\/1.1 (?:200|400) /, 'another name is another cookie')
  }
  const before = app.requests.length
  t.match(await raw(gateway, ask('GET /', 'Cookie: __HOST-Mezite_other=evil; d=3')), / 200 /)
  t.strictSame(values(app.requests[before] ?? '', 'cookie'), ['d=3'])
})

t.test('A13 B23 B25 B26 forbidden headers of an app are removed from its responses', async (t) => {
  const lines = [
    'Set-Cookie: __Host-mezite_app=evil; Path=/; Secure',
    'Set-Cookie: __host-MEZITE_app=evil; Path=/; Secure',
    'Set-Cookie: =__Host-mezite_app=evil; Path=/; Secure',
    'Set-Cookie: \t =__host-mezite_nonce=evil; Path=/; Secure',
    'Set-Cookie: sid=1; Domain=apps.test; Path=/; Domain',
    'Clear-Site-Data: "cookies", "cache"',
    'Strict-Transport-Security: max-age=0',
    'Alt-Svc: h3=":443"',
    'X-Mezite-User: evil',
    'Mezite-Jwt-Assertion: evil',
    'Location: http://a.apps.test/next',
  ]
  const { gateway } = await open(t, () => OK.replace('\r\n\r\n', `\r\n${lines.join('\r\n')}\r\n\r\n`))
  const answer = await raw(gateway, ask('GET /'))
  t.notMatch(answer, /evil|max-age=0|Alt-Svc|cookies|Domain/)
  t.match(answer, /\r\nSet-Cookie: sid=1; Path=\/\r\n/)
  t.match(answer, /\r\nClear-Site-Data: "cache"\r\n/)
  t.match(answer, /\r\nStrict-Transport-Security: max-age=31536000\r\n/)
  t.match(answer, /\r\nLocation: https:\/\/a.apps.test\/next\r\n/)
})

t.test('A16 only the exact prefix belongs to the hub; other spellings stay behind the gate', async (t) => {
  const { app, gateway } = await open(t)
  for (const path of ['/.Mezite/logout', '/%2emezite/logout', '//.mezite/logout', '/x/../.mezite/logout']) {
    t.match(await raw(gateway, ask(`GET ${path}`)), / 200 /)
    t.match(app.requests.at(-1), new RegExp(`^GET ${path.replace(/[.]/g, '\\.')} `), 'F93 byte for byte')
    t.match(
      await raw(gateway, `GET ${path} HTTP/1.1\r\nHost: a.apps.test\r\nConnection: close\r\n\r\n`),
      / 401 /,
    )
  }
  t.equal(app.requests.length, 4)
  for (const path of ['/.mezite', '/.mezite?x', '/.mezite/', '/.mezite/x'])
    t.match(await raw(gateway, ask(`GET ${path}`)), / 404 /, path)
  t.equal(app.requests.length, 4)
})
