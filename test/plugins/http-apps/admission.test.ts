// together: quick
import t, { type Test } from 'tap'
import { OK, openByteApp } from './byte-app.ts'
import { appAt, ask, COOKIE, OTHER, openGateway, raw } from './gateway.ts'

const NAVIGATE = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none']

async function open(t: Test, more = {}) {
  const app = await openByteApp(() => OK)
  const gateway = await openGateway(appAt(app.port, more))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

function anonymous(line: string, ...headers: string[]): string {
  return `${line} HTTP/1.1\r\n${['Host: a.apps.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`
}

t.test('B17 B33 E76 a request without a session gets 302 as a navigation, and 401 otherwise', async (t) => {
  const { app, gateway } = await open(t)
  const away = await raw(gateway, anonymous('GET //x?y=1', ...NAVIGATE))
  t.match(away, /^HTTP\/1.1 302 /)
  t.match(
    away,
    /\r\nLocation: https:\/\/hub.test\/web\/launch\?host=a.apps.test&path=%2Fx%3Fy%3D1&nonce=[\w-]{43}\r\n/,
  )
  t.match(away, /\r\nSet-Cookie: __Host-mezite_nonce=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax/)
  t.match(await raw(gateway, anonymous('GET /', 'Accept: text/html')), /^HTTP\/1.1 302 /)
  const script = await raw(gateway, anonymous('GET /', 'Sec-Fetch-Mode: cors', 'Accept: text/html'))
  t.match(
    script,
    /^HTTP\/1.1 401 [\s\S]*application\/problem\+json[\s\S]*"login_url":"https:\/\/hub.test\/web\/launch/,
  )
  t.notMatch(script, /Access-Control/)
  const post = await raw(gateway, `${anonymous('POST /', ...NAVIGATE, 'Content-Length: 1')}x`)
  t.match(post, /^HTTP\/1.1 401 [\s\S]*send it again/)
  const frame = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: iframe']
  const framed = await raw(gateway, anonymous('GET /', ...frame))
  t.match(framed, /^HTTP\/1.1 401 [\s\S]*target="_blank"/)
  t.match(framed, "frame-ancestors 'self' https://*.apps.test;", 'apps of the domain may show it')
  for (const dest of ['frame', 'embed', 'object', 'fencedframe'])
    t.match(
      await raw(gateway, anonymous('GET /', 'Sec-Fetch-Mode: navigate', `Sec-Fetch-Dest: ${dest}`)),
      /^HTTP\/1.1 401 [\s\S]*target="_blank"/,
      dest,
    )
  t.match(post, "frame-ancestors 'none';", 'and no other page of the hub')
  const unknown = await raw(
    gateway,
    anonymous('GET /', ...NAVIGATE).replace('a.apps', 'b.apps'),
    'b.apps.test',
  )
  t.match(unknown, /^HTTP\/1.1 302 /, 'an unknown host answers alike')
  gateway.sessions.clear()
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 401 /)
  t.equal(app.requests.length, 0)
})

t.test('E73 E74 hosts that disagree are refused', async (t) => {
  const { app, gateway } = await open(t)
  const host = (...lines: string[]) =>
    `GET / HTTP/1.1\r\n${lines.map((line) => `Host: ${line}\r\n`).join('')}Cookie: ${COOKIE}\r\nConnection: close\r\n\r\n`
  for (const bad of [
    ['a.apps.test', 'a.apps.test'],
    [],
    ['x@a.apps.test'],
    ['a.apps.test.'],
    ['a.apps.test, b'],
    [''],
  ])
    t.match(await raw(gateway, host(...bad)), /^HTTP\/1.1 400 /, bad.join('+'))
  for (const other of ['b.apps.test', 'apps.test', 'evil.test', 'a.apps.test:444', '127.0.0.1'])
    t.match(await raw(gateway, host(other)), /^HTTP\/1.1 421 /, other)
  t.match(await raw(gateway, ask('GET https://b.apps.test/')), /^HTTP\/1.1 400 /)
  t.equal(app.requests.length, 0)
  t.match(await raw(gateway, host('A.Apps.TEST:443')), / 200 /)
})

t.test('the first of denied, requirement, disabled, audit and stale is the response', async (t) => {
  const { app, gateway } = await open(t)
  const { state } = gateway
  const allowed = state.decision
  state.decision = { effect: 'deny', reason: 'role_missing', roles: [], requirements: [] }
  const page = await raw(gateway, ask('GET /', ...NAVIGATE))
  t.match(
    page,
    /^HTTP\/1.1 403 [\s\S]*<code[^>]*>role_missing<\/code>[\s\S]*Request<\/dt><dd><code[^>]*>[\w-]{36}</,
  )
  t.match(page, /<a [^>]*href="\/.mezite\/">Your applications<\/a>/, 'a next step')
  t.notMatch(page, 'Try again', 'where trying again changes nothing')
  t.match(page, /Content-Security-Policy: default-src 'none'/)
  t.match(gateway.records[0], { type: 'access.denied', success: false, reason: 'role_missing', user: 'ann' })
  state.decision = { ...state.decision, reason: 'locked', message: 'Call <b>4711' }
  t.match(await raw(gateway, ask('GET /', ...NAVIGATE)), /^HTTP\/1.1 403 [\s\S]*Call &lt;b>4711/)
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 403 [\s\S]*"code":"locked"[\s\S]*Call <b>4711"/)
  state.later = true
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 403 /, 'a decision that takes time')
  state.decision = {
    effect: 'require',
    reason: 'session_mfa_required',
    roles: [],
    requirements: [{ name: 'session-mfa', level: 'webauthn', freshnessMs: 0 }],
  }
  t.match(await raw(gateway, ask('GET /', ...NAVIGATE)), /^HTTP\/1.1 302 [\s\S]*\/web\/launch/)
  const script = await raw(gateway, ask('GET /'))
  t.match(
    script,
    /^HTTP\/1.1 401 [\s\S]*"code":"session_mfa_required"[\s\S]*"login_url":"https:[^"]*\/web\/launch/,
  )
  state.decision = allowed
  gateway.apps.set('a.apps.test', appAt(app.port, { enabled: false }))
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 503 [\s\S]*app_disabled/)
  gateway.apps.set('a.apps.test', appAt(app.port))
  state.accepting = false
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 503 [\s\S]*audit_unavailable/)
  state.fresh = false
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 503 [\s\S]*Retry-After[\s\S]*view_stale/)
  t.equal(app.requests.length, 0)
})

t.test('E75 G97 other origins are refused unless listed', async (t) => {
  const { app, gateway } = await open(t)
  const sibling = 'Origin: https://b.apps.test'
  for (const headers of [
    [sibling],
    ['Origin: null'],
    ['Origin: null', 'Sec-Fetch-Site: none'],
    ['Origin: null', 'Sec-Fetch-Site: same-site'],
    ['Origin: null', 'Sec-Fetch-Site: cross-site'],
    ['Sec-Fetch-Site: same-site'],
    ['Sec-Fetch-Site: cross-site'],
  ])
    t.match(
      await raw(gateway, ask('POST /', 'Content-Length: 0', ...headers)),
      /^HTTP\/1.1 403 [\s\S]*origin_not/,
    )
  const preflight = ['Access-Control-Request-Method: PUT', sibling]
  t.match(await raw(gateway, ask('OPTIONS /', ...preflight)), /^HTTP\/1.1 403 /)
  t.match(await raw(gateway, anonymous('OPTIONS /', ...preflight)), /^HTTP\/1.1 401 /)
  t.equal(app.requests.length, 0)
  const typed = ask('POST /', 'Content-Length: 0', 'Sec-Fetch-Site: none')
  t.match(await raw(gateway, typed), / 200 /, 'what a person does without a page')
  const form = ask('POST /', 'Content-Length: 0', 'Origin: null', 'Sec-Fetch-Site: same-origin')
  t.match(await raw(gateway, form), / 200 /, 'a form of an app that sets Referrer-Policy: no-referrer')
  app.requests.length = 0
  gateway.apps.set('a.apps.test', appAt(app.port, { origins: ['https://b.apps.test'] }))
  t.match(
    await raw(gateway, ask('POST /', 'Content-Length: 0', sibling, 'Sec-Fetch-Site: same-site')),
    / 200 /,
  )
  const more = ['Cookie: sid=1', 'Authorization: Basic eA==', 'X-Api-Key: k']
  t.match(await raw(gateway, anonymous('OPTIONS /', ...preflight, ...more)), / 200 /)
  t.notMatch(app.requests[1], /mezite|sid=1|basic|api-key/i, 'a preflight carries nobody')
  t.match(
    await raw(gateway, anonymous('GET /', sibling)),
    /401 [\s\S]*Access-Control-Allow-Origin: https:\/\/b.apps.test/,
  )
  const evil = 'Origin: https://evil.test'
  for (const text of [anonymous('GET /', evil), ask('POST /', 'Content-Length: 0', evil)])
    t.notMatch(await raw(gateway, text), /Access-Control/, 'no answer to a page that is not listed')
  for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND'])
    t.match(await raw(gateway, ask(`${method} /`, evil)), /^HTTP\/1.1 403 [\s\S]*origin_not/, method)
  const own = ['Origin: https://a.apps.test', 'Referer: https://a.apps.test/p']
  gateway.apps.set('a.apps.test', appAt(app.port, { rewriteHost: 'upstream' }))
  t.match(await raw(gateway, ask('POST /', 'Content-Length: 0', ...own)), / 200 /)
  t.match(
    app.requests[2],
    new RegExp(
      `Host: 127.0.0.1:${app.port}\r\n[\\s\\S]*Origin: http://127.0.0.1:${app.port}\r\nReferer: http://127.0.0.1:${app.port}/p\r\n`,
    ),
  )
})

t.test('B17 a session of another app, or an app that is not a web app, opens nothing', async (t) => {
  const origin = 'https://b.apps.test'
  const { app, gateway } = await open(t, { origins: [origin] })
  gateway.sessions.set(OTHER, { ...gateway.sessions.get(OTHER)!, appId: 'app-b' })
  const other = anonymous('GET /', `Cookie: __Host-mezite_app=${OTHER}`)
  t.match(await raw(gateway, other), /^HTTP\/1.1 401 [\s\S]*login_required/)
  gateway.state.later = true
  t.match(await raw(gateway, other), /^HTTP\/1.1 401 /, 'nor one that is found late')
  const preflight = anonymous('OPTIONS /', 'Access-Control-Request-Method: PUT', `Origin: ${origin}`)
  gateway.state.fresh = false
  t.match(await raw(gateway, preflight), /^HTTP\/1.1 503 [\s\S]*view_stale/)
  gateway.state.fresh = true
  gateway.apps.set('a.apps.test', appAt(app.port, { protocol: 'tcp', origins: [origin] }))
  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1.1 404 [\s\S]*app_unknown/)
  t.match(await raw(gateway, preflight), /^HTTP\/1.1 404 [\s\S]*app_unknown/)
  t.equal(app.requests.length, 0)
})

t.test('G97 a request that only resembles a preflight of a listed origin needs a session', async (t) => {
  const origin = 'https://b.apps.test'
  const { app, gateway } = await open(t, { origins: [origin] })
  const asks = ['Access-Control-Request-Method: PUT', `Origin: ${origin}`]
  for (const [line, headers, body] of [
    ['GET /', asks, ''],
    ['POST /', [...asks, 'Content-Length: 1'], 'x'],
    ['DELETE /', asks, ''],
    ['OPTIONS /', asks.slice(1), ''],
    ['OPTIONS /', asks.slice(0, 1), ''],
    ['OPTIONS /', [...asks, 'Content-Length: 1'], 'x'],
    ['OPTIONS /', [asks[0]!, 'Origin: https://c.apps.test'], ''],
  ] as const)
    t.match(await raw(gateway, anonymous(line, ...headers) + body), /^HTTP\/1.1 401 /, `${line} ${headers}`)
  t.equal(app.requests.length, 0)
})

t.test('E75 two origins are refused, and the worse of two Sec-Fetch-Site values counts', async (t) => {
  const { app, gateway } = await open(t)
  const own = 'Origin: https://a.apps.test'
  const post = (...headers: string[]) => raw(gateway, ask('POST /', 'Content-Length: 0', ...headers))
  t.match(await post('Origin: https://evil.test', own), /^HTTP\/1.1 400 [\s\S]*origin_invalid/)
  t.match(await post('Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'), /^HTTP\/1.1 403 /)
  t.equal(app.requests.length, 0)
})

t.test('E74 a host beside the domain of the apps, or below the hub’s own, is not an app’s', async (t) => {
  const app = await openByteApp(() => OK)
  const names = { hubOrigin: 'https://hub.apps.test', signInOrigin: 'https://login.apps.test' }
  const gateway = await openGateway(appAt(app.port), names)
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  for (const host of ['hub.apps.test', 'login.apps.test'])
    t.match(await raw(gateway, ask('GET /').replace('a.apps.test', host), host), /hub$/, host)
  for (const host of ['evilapps.test', 'apps.test.evil.test'])
    t.match(
      await raw(gateway, anonymous('GET /').replace('a.apps.test', host), host),
      /^HTTP\/1.1 421 /,
      host,
    )
})

t.test('hand-over and sign-out run below /.mezite/', async (t) => {
  const { app, gateway } = await open(t)
  const nonce = `Cookie: __Host-mezite_nonce=${'n'.repeat(43)}`
  const link = (code: string, path: string) =>
    `GET /.mezite/session?code=${code}&path=${encodeURIComponent(path)}`
  const good = await raw(gateway, anonymous(link('good-code-good-code', '/x?y'), nonce))
  t.match(
    good,
    /^HTTP\/1.1 303 [\s\S]*Location: \/x\?y\r\n[\s\S]*Set-Cookie: __Host-mezite_app=token[\s\S]*SameSite=Lax\r\n/,
  )
  t.match(good, /Cache-Control: no-store[\s\S]*Referrer-Policy: no-referrer/)
  t.match(await raw(gateway, anonymous(link('good-code-good-code', '/x'))), /^HTTP\/1.1 400 /, 'B27 no nonce')
  t.match(await raw(gateway, anonymous(link('used-code-used-code', '/x'), nonce)), /^HTTP\/1.1 400 /)
  const looked = gateway.state.redeemed.length
  for (const path of [
    '//evil.test',
    '/\\evil.test',
    '/x\\y',
    'https://evil.test',
    '/\r\nX: y',
    '/\t/evil.test',
    '',
  ])
    t.match(await raw(gateway, anonymous(link('good-code-good-code', path), nonce)), /^HTTP\/1.1 400 /, path)
  for (const code of ['', 'short', 'c'.repeat(513), 'good-code-good-code\0'])
    t.match(await raw(gateway, anonymous(link(encodeURIComponent(code), '/x'), nonce)), /^HTTP\/1.1 400 /)
  const forged = 'Cookie: __Host-mezite_nonce=short'
  t.match(await raw(gateway, anonymous(link('good-code-good-code', '/x'), forged)), /^HTTP\/1.1 400 /)
  t.match(
    await raw(gateway, anonymous(link('good-code-good-code', '/x').replace('GET', 'POST'), nonce)),
    /^HTTP\/1.1 404 /,
  )
  t.equal(gateway.state.redeemed.length, looked, 'none of these codes is looked up')
  t.match(
    await raw(gateway, ask('GET /.mezite/logout', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate')),
    /200 [\s\S]*<form/,
  )
  for (const from of [['Origin: https://b.apps.test'], ['Origin: null'], []])
    t.match(await raw(gateway, ask('POST /.mezite/logout', ...from)), /^HTTP\/1.1 403 /)
  const typed = ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate']
  for (const method of ['HEAD', 'PUT', 'DELETE'])
    t.match(await raw(gateway, ask(`${method} /.mezite/logout`, ...typed)), /^HTTP\/1.1 404 /, method)
  t.match(
    await raw(
      gateway,
      ask('GET /.mezite/logout', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: no-cors', 'Accept: image/*'),
    ),
    /200 [\s\S]*<form/,
    'nor does an image of the app itself',
  )
  gateway.sessions.set(OTHER, { ...gateway.sessions.get(OTHER)!, appId: 'app-b' })
  t.match(
    await raw(
      gateway,
      `${anonymous('POST /.mezite/logout', 'Origin: https://a.apps.test', `Cookie: __Host-mezite_app=${OTHER}`)}`,
    ),
    / 200 [\s\S]*While you are signed in to the hub/,
    'nobody is told that they are signed in: the app host cannot know',
  )
  t.strictSame(gateway.state.ended, [], 'B32 another site ends nothing, and nobody a session of another app')
  t.match(
    await raw(gateway, ask('POST /.mezite/logout', 'Origin: https://a.apps.test')),
    /200 [\s\S]*Max-Age=0[\s\S]*hub.test\/web\/logout/,
  )
  t.strictSame(gateway.state.ended, ['s1'])
  for (const own of [
    ask('POST /.mezite/logout', 'Origin: null', 'Sec-Fetch-Site: same-origin'),
    ask('GET /.mezite/logout', ...typed),
    ask('GET /.mezite/logout', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: navigate'),
  ])
    t.match(await raw(gateway, own), /200 [\s\S]*Max-Age=0/)
  t.strictSame(gateway.state.ended, ['s1', 's1', 's1', 's1'], 'the app’s own page, and who types the address')
  t.equal(app.requests.length, 0)
})

t.test('F82 F84 F85 F92 invalid requests are refused', async (t) => {
  const { app, gateway } = await open(t)
  t.match(await raw(gateway, ask('POST /', 'Transfer-Encoding: gzip, chunked')), /^HTTP\/1.1 (?:400|501) /)
  t.match(
    await raw(gateway, ask('POST /', 'Transfer-Encoding: chunked').replace('/1.1', '/1.0')),
    /^HTTP\/1.1 400 /,
  )
  t.match(
    await raw(gateway, ask('POST /', 'Transfer-Encoding: chunked', 'Content-Length: 3')),
    /^HTTP\/1.1 400 /,
  )
  t.match(await raw(gateway, ask('TRACE /')), /^HTTP\/1.1 405 /)
  t.match(await raw(gateway, ask('CONNECT a.apps.test:443')), /^HTTP\/1.1 405 /)
  t.match(await raw(gateway, ask('OPTIONS *')), /^HTTP\/1.1 405 /)
  t.match(await raw(gateway, ask('GET /', 'Expect: y 100-continue')), /^HTTP\/1.1 417 /)
  t.match(await raw(gateway, ask(`GET /${'a'.repeat(20_000)}`)), /^HTTP\/1.1 414 /)
  t.match(await raw(gateway, ask('GET /', `X: ${'a'.repeat(65_000)}`)), /^HTTP\/1.1 431 /)
  t.match(await raw(gateway, ask('GET /a#b')), /^HTTP\/1.1 400 /)
  t.match(await raw(gateway, 'garbage\r\n\r\n'), /^HTTP\/1.1 400 /)
  t.equal(app.requests.length, 0)
  t.strictSame(gateway.errors, [])
})

t.test('every request id that is shown to a person or a program is recorded', async (t) => {
  const { app, gateway } = await open(t)
  const { state } = gateway
  const page = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Site: none']
  const cases: [name: string, request: string, before?: () => void][] = [
    ['no session', anonymous('GET /')],
    ['no page of the hub', ask('GET /.mezite/nothing')],
    ['foreign status', ask('GET /.mezite/session-status', 'Sec-Fetch-Site: cross-site')],
    ['bad code', ask('GET /.mezite/session?code=none', ...page)],
    ['bad header', ask('GET /', 'X_Mezite_User: evil')],
    ['other origin', ask('POST /', 'Content-Length: 0', 'Origin: https://b.apps.test')],
    [
      'disabled',
      ask('GET /', ...page),
      () => gateway.apps.set('a.apps.test', appAt(app.port, { enabled: false })),
    ],
    ['stale', ask('GET /', ...page), () => Object.assign(state, { fresh: false })],
    ['stale status', ask('GET /.mezite/session-status', 'Sec-Fetch-Site: same-origin')],
  ]
  for (const [name, request, before] of cases) {
    before?.()
    const text = await raw(gateway, request)
    const id = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/.exec(text)?.[0]
    t.ok(id, `${name}: ${text}`)
    t.equal(gateway.records.filter(({ requestId }) => requestId === id).length, 1, name)
  }
  const disabled = gateway.records.find(({ reason }) => reason === 'app_disabled')
  t.match(disabled, { type: 'request.failed', user: 'ann', fields: { app: 'a', status: 503 } })
})
