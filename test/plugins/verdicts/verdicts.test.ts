// together: plugin-hubs
/** What `/v1/verdict` answers to proxies, and to whoever pretends to be one; requests are those that each kind of proxy sends. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { until } from '../../until.ts'
import { described, KINDS, SENDER, startBehind } from './start-behind.ts'

const behind = await startBehind(t)
const { hub, call, ports, appHost } = behind
await behind.connect()
const session = await cookieOf('alice', ['staff'])

/** Signs a person in at the app, through the hub itself: the proxy would pass `/.mezite/` on. */
async function cookieOf(name: string, groups: readonly string[]): Promise<string> {
  behind.person(name, groups)
  const jar = new Map<string, Map<string, string>>()
  let next = ''
  const first = await call('/v1/verdict', [...described(behind, 'caddy'), ['Accept', 'text/html']])
  keep(appHost, first.headers['set-cookie'])
  next = first.headers.location as string
  function keep(host: string, lines: readonly string[] = []) {
    const own = jar.get(host) ?? new Map<string, string>()
    jar.set(host, own)
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      own.set(name, value)
    }
  }
  for (let hop = 0; hop < 12; hop++) {
    const url = new URL(next)
    const cookies = [...(jar.get(url.host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
    const lines: [string, string][] = [
      ['Accept', 'text/html'],
      ['Sec-Fetch-Mode', 'navigate'],
      ...(cookies === '' ? [] : [['Cookie', cookies] as [string, string]]),
    ]
    const answer = url.host.endsWith(`mezite.localhost:${ports.publicPort}`)
      ? await call(url.pathname + url.search, lines, { host: url.host })
      : await plain(url)
    keep(url.host, answer.headers['set-cookie'])
    if (url.host === appHost && url.pathname === '/.mezite/session') break
    const { location } = answer.headers
    if (location === undefined) throw new Error(`${url.href}: ${answer.status} ${answer.text.slice(0, 400)}`)
    next = new URL(location, url).href
  }
  const token = jar.get(appHost)?.get('__Host-mezite_app')
  if (token === undefined) throw new Error('no session of the app')
  return `__Host-mezite_app=${token}`
}

async function plain(url: URL) {
  const response = await fetch(url, { redirect: 'manual' })
  return {
    status: response.status,
    headers: { location: response.headers.get('location') ?? undefined } as never,
    text: await response.text(),
  } as Awaited<ReturnType<typeof call>>
}

type Lines = readonly (readonly [string, string])[]
const ask = (
  kind: (typeof KINDS)[number],
  changes: Parameters<typeof described>[2] = {},
  more: Lines = [],
  options = {},
) => call('/v1/verdict', [...described(behind, kind, changes), ...more], options)
const signedIn: Lines = [['Cookie', `theme=dark; ${session}`]]

t.test(
  'each kind of proxy gets the identity of a person with a session, and cookies without that of the hub',
  async (t) => {
    for (const kind of KINDS) {
      const { status, headers, text } = await ask(kind, { target: '/page?x=1' }, signedIn)
      t.equal(status, 200, kind)
      t.match(headers, {
        'x-mezite-user': 'alice@example.com',
        'x-mezite-roles': 'staff',
        cookie: 'theme=dark',
      })
      t.equal(text, '')
      const claims = JSON.parse(
        Buffer.from(
          (headers['mezite-jwt-assertion'] as string).split('.')[1] as string,
          'base64url',
        ).toString(),
      )
      t.match(claims, { sub: 'alice@example.com', app: 'wiki', aud: 'https://wiki.apps.mezite.localhost' })
    }
    const { headers } = await ask('nginx', {}, [['Cookie', session]])
    t.equal(headers.cookie, '', 'empty, so that the proxy replaces what it has')
  },
)

t.test(
  'each verdict is one record with the proxy, the address of the client and the original request',
  async (t) => {
    await ask('haproxy', { target: '/report?secret=1', method: 'POST', address: '198.51.100.3' }, signedIn)
    let row: Record<string, unknown> | undefined
    await until(async () => {
      const found = await hub.api<Record<string, unknown>[]>('GET', '/audit?type=app.request&limit=20')
      row = found.find(({ path }) => path === '/report')
      return row !== undefined
    }, 'the record of the verdict')
    t.match(row, {
      user: 'alice@example.com',
      client_ip: '198.51.100.3',
      ...{ app: 'wiki', agent: null, method: 'POST', path: '/report', status: null, proxy: 'haproxy' },
    })
  },
)

t.test('a proxy may ask over HTTP/2', async (t) => {
  const connection = connectHttp2(`https://hub.mezite.localhost:${ports.publicPort}`, {
    createConnection: () =>
      connectTls({
        ...{ host: '127.0.0.1', port: ports.hubPort, ca: hub.ca },
        ...{ servername: 'hub.mezite.localhost', ALPNProtocols: ['h2'] },
      }),
  })
  t.teardown(() => connection.destroy())
  for (const [asked, method, status] of [
    ['POST', 'POST', 200],
    ['POST', 'PUT', 403],
    ['DELETE', 'DELETE', 403],
  ] as const) {
    const lines = [...described(behind, 'envoy', { method: asked, target: '/page' }), ...signedIn]
    const stream = connection.request({
      ...{ ':method': method, ':path': '/v1/verdict' },
      ...Object.fromEntries(lines),
    })
    stream.resume().end()
    const [headers] = await once(stream, 'response')
    t.equal(headers[':status'], status, `${asked}, asked with ${method}`)
    t.equal(headers['x-mezite-user'], status === 200 ? 'alice@example.com' : undefined)
  }
})

t.test('a browser without a session is led to the sign-in; nginx gets 401 with the address', async (t) => {
  const browser: Lines = [['Accept', 'text/html']]
  for (const kind of KINDS) {
    const { status, headers } = await ask(kind, { target: '/deep?a=b' }, browser)
    t.equal(status, kind === 'nginx' ? 401 : 302, kind)
    t.match(
      headers.location,
      /^https:\/\/hub\.mezite\.localhost:\d+\/web\/launch\?host=wiki\.apps\.mezite\.localhost&path=%2Fdeep/,
    )
    t.match(headers['set-cookie']?.[0], /^__Host-mezite_nonce=.*HttpOnly/)
    const script = await ask(kind, {}, [['Accept', 'application/json']])
    t.equal(script.status, 401)
    t.equal(script.headers.location, undefined)
  }
})

t.test('roles and rules inside the application decide by the original method and path', async (t) => {
  const cases: [string, string, number][] = [
    ['GET', '/page', 200],
    ['DELETE', '/page', 403],
    ['GET', '/secret/a', 403],
    ['GET', '/%73ecret/a', 403],
    ['GET', '/x/../secret/a', 403],
    ['GET', '//secret/a', 403],
    ['GET', '/x%252f..%252fsecret', 403],
  ]
  for (const [method, target, status] of cases)
    t.equal((await ask('haproxy', { method, target }, signedIn)).status, status, `${method} ${target}`)
  await t.rejects(cookieOf('greta', ['guest']), /: 403 /, 'whom no role lets in gets no session')
})

t.test('a WebSocket needs the rule for it and that for GET', async (t) => {
  const opening: Lines = [
    ...signedIn,
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Version', '13'],
  ]
  t.equal((await ask('nginx', { target: '/live/1' }, opening)).status, 200)
  t.equal((await ask('nginx', { target: '/page' }, opening)).status, 403)
  t.equal((await ask('nginx', { target: '/secret/1' }, opening)).status, 403)
})

t.test('only a proxy that proves itself may ask', async (t) => {
  const denied = async (what: string, answer: Promise<{ status: number; headers: object; text: string }>) => {
    const { status, headers, text } = await answer
    t.equal(status, 403, what)
    t.match(text, /caller_unknown/)
    t.notOk('x-mezite-user' in headers || 'mezite-jwt-assertion' in headers)
  }
  await denied('no secret', ask('nginx', { secret: null }, signedIn))
  await denied('another secret', ask('nginx', { secret: 'x'.repeat(48) }, signedIn))
  await denied('an empty secret', ask('nginx', { secret: '' }, signedIn))
  await denied('two secrets', ask('nginx', {}, [['mezite-proxy-secret', behind.secrets.nginx as string]]))
  await denied(
    'a secret in another spelling',
    ask('nginx', { secret: null }, [['Mezite_Proxy_Secret', behind.secrets.nginx as string]]),
  )
  await denied('from another network', ask('nginx', { secret: 'f'.repeat(32) }, signedIn))
  await denied(
    'with forwarded headers',
    ask('nginx', { secret: 'f'.repeat(32) }, [...signedIn, ['X-Forwarded-For', '10.9.0.1']]),
  )
})

t.test(
  'a proxy describes each request once and in a valid form, and no word of the client stands in for it',
  async (t) => {
    const faults: [string, (typeof KINDS)[number], Parameters<typeof described>[2], Lines][] = [
      ...(['method', 'target', 'host', 'address'] as const).flatMap((key) =>
        (['nginx', 'haproxy', 'envoy', 'caddy', 'traefik'] as const).map(
          (kind) => [`${kind} without ${key}`, kind, { [key]: null }, []] as never,
        ),
      ),
      [
        'the words of the other kind',
        'nginx',
        { method: null, target: null, host: null, address: null },
        described(behind, 'caddy').slice(1),
      ],
      [
        'the words of the other kind',
        'caddy',
        { method: null, target: null, host: null, address: null },
        described(behind, 'nginx').slice(1),
      ],
      ['two methods', 'nginx', {}, [['Mezite-Original-Method', 'GET']]],
      ['two hosts', 'caddy', {}, [['X-Forwarded-Host', appHost]]],
      ['two lines of addresses', 'caddy', {}, [['X-Forwarded-For', '192.0.2.1']]],
      ['a list of addresses', 'caddy', { address: '192.0.2.1, 192.0.2.2' }, []],
      ['no address', 'nginx', { address: 'unknown' }, []],
      ['a zone', 'nginx', { address: 'fe80::1%eth0' }, []],
      ['plain HTTP', 'traefik', { scheme: 'http' }, []],
      ['no scheme', 'traefik', { scheme: null }, []],
      ['another port', 'nginx', { host: 'wiki.apps.mezite.localhost:1' }, []],
      ['a trailing dot', 'nginx', { host: `wiki.apps.mezite.localhost.` }, []],
      ['an address as host', 'nginx', { host: '[::1]' }, []],
      ['user info', 'nginx', { host: 'a@wiki.apps.mezite.localhost' }, []],
    ]
    for (const [what, kind, changes, more] of faults) {
      const { status, text, headers } = await ask(kind, changes, [...signedIn, ...more])
      t.equal(status, 403, `${what}: ${text}`)
      t.match(text, /proxy_headers_invalid/, what)
      t.equal(headers['x-mezite-user'], undefined)
    }
    for (const method of ['POST', 'DELETE', 'OPTIONS', 'HEAD']) {
      const { status, headers } = await ask('nginx', {}, signedIn, { method })
      t.equal(status, 403, method)
      t.equal(headers['x-mezite-user'], undefined)
    }
    t.equal(
      (await ask('envoy', { method: 'POST' }, signedIn, { method: 'POST' })).status,
      200,
      'Envoy asks with the method',
    )
    t.equal(
      (await ask('envoy', { method: 'GET' }, signedIn, { method: 'POST' })).status,
      403,
      'but with no other',
    )
    t.equal((await ask('nginx', {}, signedIn, { method: 'PROPFIND' })).status, 405)
  },
)

t.test(
  'requests that no rule can read, and hosts and paths that are not for the proxy, are denied',
  async (t) => {
    const cases: Parameters<typeof described>[2][] = [
      { method: 'CONNECT' },
      { method: 'TRACE' },
      { method: 'get' },
      { method: 'GET POST' },
      { target: 'https://wiki.apps.mezite.localhost/' },
      { target: '*' },
      { target: '/a b' },
      { target: '/a#b' },
      { target: '/.mezite/session-status' },
      { host: `hub.mezite.localhost:${ports.publicPort}` },
      { host: `unknown.apps.mezite.localhost:${ports.publicPort}` },
      { host: 'wiki.elsewhere.example' },
    ]
    await hub.api('PUT', '/apps/carried', {
      ...{ kind: 'app', version: 'v1', metadata: { name: 'carried', labels: { team: 'web' } } },
      spec: { uri: 'http://127.0.0.1:1' },
    })
    cases.push({ host: `carried.apps.mezite.localhost:${ports.publicPort}` })
    for (const changes of cases) {
      const { status, headers } = await ask('nginx', changes, signedIn)
      t.equal(status, 403, JSON.stringify(changes))
      t.equal(headers['x-mezite-user'], undefined)
    }
  },
)

t.test('a session counts at its own application alone', async (t) => {
  const { status } = await ask(
    'nginx',
    { host: `second.apps.mezite.localhost:${ports.publicPort}` },
    signedIn,
  )
  t.equal(status, 401)
})

t.test('a client that pretends to be the hub or a proxy is refused', async (t) => {
  const names = [
    'X-Mezite-User',
    'x_mezite_user',
    'X-Mezite-Verified',
    'Mezite-Jwt-Assertion',
    'Mezite_Original_Host',
    'Remote-User',
    'X-Original-Url',
    'X-Rewrite-Url',
    'X-Original-Host',
    'X-HTTP-Method-Override',
  ]
  for (const kind of ['haproxy', 'caddy'] as const)
    for (const name of names) {
      const { status, headers } = await ask(kind, {}, [...signedIn, [name, 'mallory']])
      t.equal(status, 400, `${kind} ${name}`)
      t.equal(headers['mezite-jwt-assertion'], undefined)
    }
  t.equal(
    (
      await ask('nginx', {}, [
        ...signedIn,
        ['X-Forwarded-For', '10.0.0.1'],
        ['X-Forwarded-Host', 'evil.example'],
      ])
    ).status,
    200,
  )
})

t.test('a client may not send an identity header that the document names', async (t) => {
  const spec = { uri: 'none', identity_headers: { 'X-Webauth-User': 'user' } }
  await hub.api('PUT', '/apps/wiki', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'wiki', labels: { team: 'web' } },
    spec,
  })
  t.match((await ask('caddy', {}, signedIn)).headers, { 'x-webauth-user': 'alice@example.com' })
  t.equal((await ask('caddy', {}, [...signedIn, ['x_webauth_user', 'root']])).status, 400)
})

t.test('a passkey that a role demands leads on, and a lock denies at once', async (t) => {
  const careful = await cookieOf('carl', ['staff'])
  t.equal((await ask('haproxy', {}, [['Cookie', careful]])).status, 200)
  await hub.api('PUT', '/roles/staff', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'staff' } },
    spec: { options: { require_session_mfa: true }, allow: { app_labels: { team: 'web' } } },
  })
  const asked = await ask('haproxy', {}, [
    ['Cookie', careful],
    ['Accept', 'text/html'],
  ])
  t.equal(asked.status, 302)
  t.match(asked.headers.location, /\/web\/launch\?/)
  await hub.api('PUT', '/roles/staff', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'staff' } },
    spec: { allow: { app_labels: { team: 'web' } } },
  })
  t.equal((await ask('haproxy', {}, [['Cookie', careful]])).status, 200)
  await hub.api('POST', '/locks', { target: { user: 'carl@example.com' } })
  t.equal((await ask('haproxy', {}, [['Cookie', careful]])).status, 403)
})

t.test(
  'a direct request past the proxy reaches nothing, and the state of the application says who serves it',
  async (t) => {
    const { status, text } = await call('/page', signedIn, { host: appHost })
    t.equal(status, 502)
    t.match(text, /app_elsewhere/)
    t.match(await hub.api('GET', '/apps/wiki'), {
      spec: { uri: 'none', protocol: 'verdict' },
      status: { state: 'ready', reason: 'served_by_proxy' },
    })
  },
)

t.test('a public path opens to a sender, but not where the proxy would pass its secret on', async (t) => {
  const host = appHost.replace('wiki.', 'feed.')
  for (const kind of KINDS) {
    t.match(
      await ask(kind, { host, target: '/near/1' }),
      { status: 200, headers: { 'mezite-verified': 'near' } },
      kind,
    )
    const keyed = await ask(kind, { host, target: '/keyed/1' }, [['X-Feed-Key', SENDER]])
    t.match(keyed, { status: 403, text: /verdict_impossible/ }, kind)
    t.notOk(JSON.stringify(keyed.headers).includes(SENDER))
    const wrong = await ask(kind, { host, target: '/keyed/1' }, [['X-Feed-Key', 'x'.repeat(40)]])
    t.equal(wrong.status, 401, kind)
  }
})

t.test(
  'a token in Authorization is taken away by each proxy, or refused where it would pass on',
  async (t) => {
    const token = await behind.token()
    const basic = `Basic ${Buffer.from(`git:${token}`).toString('base64')}`
    const removes = ['Mezite-Proxy-Removes', 'Authorization'] as const
    for (const line of [`Bearer ${token}`, basic]) {
      const lines = [['Authorization', line]] as const
      for (const kind of KINDS) {
        const { status, headers, text } = await ask(kind, {}, lines)
        if (kind === 'caddy') {
          t.match({ status, text }, { status: 403, text: /verdict_impossible/ }, 'an older configuration')
          continue
        }
        t.equal(status, 200, kind)
        t.match(headers, { authorization: '', 'x-mezite-user': 'bot:ci' })
        t.equal(headers['mezite-remove'], undefined)
      }
      const removed = await ask('caddy', {}, [removes, ...lines])
      t.match(removed, { status: 200, headers: { 'mezite-remove': 'Authorization' } })
      t.notMatch(JSON.stringify(removed.headers), token)
      for (const wrong of [[removes, removes], [['Mezite-Proxy-Removes', 'Cookie']]] as const)
        t.equal((await ask('caddy', {}, [...wrong, ...lines])).status, 403, JSON.stringify(wrong))
      t.equal((await ask('nginx', {}, [removes, ...lines])).status, 403, 'nobody else may say so')
    }
    const own = await ask('caddy', {}, [removes, ['Authorization', 'Bearer of-the-app'], ...signedIn])
    t.match(own, { status: 200, headers: { authorization: 'Bearer of-the-app' } })
    t.equal(own.headers['mezite-remove'], undefined)
    t.equal(
      (await ask('caddy', {}, [['Mezite-Token', token]])).status,
      200,
      'another header is always removed',
    )
    t.equal((await ask('caddy', {}, [['Mezite-Remove', 'Authorization'], ...signedIn])).status, 400)
  },
)

t.test('documents that make no sense without an agent are refused', async (t) => {
  const put = (spec: object) =>
    hub.api('PUT', '/apps/odd', { kind: 'app', version: 'v1', metadata: { name: 'odd' }, spec })
  for (const spec of [
    { uri: 'none', agents: ['node-1'] },
    { uri: 'none', health: { path: '/' } },
    { uri: 'none', headers: { request: { set: { 'x-a': 'b' } } } },
    { uri: 'none://host:1' },
    { uri: 'None' },
    { uri: 'none', protocol: 'http' },
    { uri: 'http://127.0.0.1:1', protocol: 'verdict' },
  ])
    await t.rejects(put(spec), JSON.stringify(spec))
})

t.test('arbitrary lines never open anything, and the hub goes on', async (t) => {
  const words = [
    'Mezite-Proxy-Secret',
    'Mezite-Original-Host',
    'X-Forwarded-Uri',
    'Cookie',
    'Authorization',
    'X-A',
  ]
  for (let round = 0; round < 150; round++) {
    const lines = Array.from({ length: 1 + (round % 7) }, (_, at) => {
      const value = randomBytes(1 + ((round * 7 + at) % 40)).toString(at % 2 === 0 ? 'base64' : 'hex')
      return [words[(round + at) % words.length] as string, value] as const
    })
    const proven =
      round % 3 === 0 ? described(behind, KINDS[round % 5] as never, { target: `/${lines[0]?.[1]}` }) : []
    const { status, headers } = await call('/v1/verdict', [...proven, ...lines])
    t.ok(status >= 302 && status < 500 && headers['x-mezite-user'] === undefined, `${status}`)
    if (round % 100 === 99) t.equal((await ask('nginx', {}, signedIn)).status, 200)
  }
})
