// together: quick
import t from 'tap'
import { Problem } from '../../../core/api/problem.ts'
import { appDocument, readApp } from '../../../core/gate/catalog/app-document.ts'
import { appBody, publicNames } from '../sessions/start-rooms.ts'

const read = (name: string, spec: object = {}, metadata: object = {}) =>
  readApp(appBody(name, spec, metadata), publicNames)
function faultOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof Problem && error.code === 'resource_invalid') return error.message
    throw error
  }
}

t.test('K145 public_addr is accepted or refused as documented', async (t) => {
  const accepted: [string, string][] = [
    ['grafana.apps.example.com', 'grafana.apps.example.com'],
    ['GRAFANA.Apps.Example.com', 'grafana.apps.example.com'],
    ['a.b.apps.example.com', 'a.b.apps.example.com'],
    ['xn--bcher-kva.apps.example.com', 'xn--bcher-kva.apps.example.com'],
    [`${'a'.repeat(63)}.apps.example.com`, `${'a'.repeat(63)}.apps.example.com`],
  ]
  for (const [given, wanted] of accepted) t.equal(read('x', { public_addr: given }).publicAddr, wanted)
  const refused: [string, RegExp][] = [
    ['apps.example.com', /not apps.example.com itself/],
    ['grafana.example.com', /must be below/],
    ['evilapps.example.com', /must be below/],
    ['grafana.apps.example.com:443', /without scheme and port/],
    ['https://grafana.apps.example.com', /without scheme and port/],
    ['grafana.apps.example.com.', /end with a dot/],
    ['*.apps.example.com', /wildcard/],
    ['10.0.0.1', /not an address/],
    ['[::1]', /not an address/],
    ['b\u00fccher.apps.example.com', /host name/],
    [`${'a'.repeat(64)}.apps.example.com`, /host name/],
    ['-a.apps.example.com', /host name/],
    ['a..apps.example.com', /host name/],
    ['a b.apps.example.com', /host name/],
    ['a_b.apps.example.com', /host name/],
    ['login.apps.example.com', /where people sign in/],
    ['LOGIN.apps.example.com', /where people sign in/],
  ]
  for (const [given, wanted] of refused) {
    t.match(
      faultOf(() => read('x', { public_addr: given })),
      wanted,
      given,
    )
  }
  const own = { ...publicNames, hubOrigin: 'https://mezite.apps.example.com:8443' }
  t.match(
    faultOf(() => readApp(appBody('mezite'), own)),
    /hub's own host/,
  )
  t.equal(read('grafana').publicAddr, 'grafana.apps.example.com', 'the default')
})

t.test('the name of an app must be a DNS label', async (t) => {
  for (const name of ['a', 'a-1', '0', 'a'.repeat(63)]) t.equal(read(name).name, name)
  for (const name of ['', '-a', 'a-', 'A', 'a.b', 'a_b', 'a'.repeat(64), 'a\n', '__proto__']) {
    t.match(
      faultOf(() => read(name)),
      /metadata.name/,
      name,
    )
  }
})

t.test('J134 only http, https and tcp URIs without surprises can be registered', async (t) => {
  for (const uri of [
    'http://10.0.0.1',
    'https://app.internal:8443/',
    'http://[::1]:80',
    'http://my_app:3000',
  ]) {
    t.equal(read('x', { uri }).uri, uri, 'byte for byte')
  }
  t.equal(read('x', { uri: 'tcp://db:5432' }).protocol, 'tcp')
  for (const uri of [
    'file:///etc/passwd',
    'unix:/run/x.sock',
    'ftp://a',
    'http://',
    'http://u:p@host',
    'http://host/path',
    'http://host?q',
    'http://host#f',
    'tcp://db',
    'http://host:0',
    'http://host:65536',
    'http://a b',
    'http://a\r\nb',
    'HTTP://a',
    'http://a..b',
    'http://[::zz]',
    ' http://a',
  ]) {
    t.match(
      faultOf(() => read('x', { uri })),
      /spec.uri/,
      uri,
    )
  }
  t.match(
    faultOf(() => read('x', { uri: 'tcp://db:5432', protocol: 'http' })),
    /spec.protocol/,
  )
})

t.test('http.version fits the uri, and headers leave alone those that the hub sets', async (t) => {
  t.equal(read('x', { uri: 'https://x', http: { version: 'h2' } }).httpVersion, 'h2')
  t.equal(read('x', {}).httpVersion, '1.1')
  for (const [uri, version] of [
    ['http://x', 'h2'],
    ['https://x', 'h2c'],
    ['http://x', '2'],
  ])
    t.match(
      faultOf(() => read('x', { uri, http: { version } })),
      /spec.http.version/,
    )
  const names = [
    'X-Mezite-User',
    'x_mezite_user',
    'X-Forwarded-For',
    'Host',
    'Content-Length',
    'Connection',
    'a b',
  ]
  for (const name of [...names, 'Cookie', 'Sec-Fetch-Site', 'Content-Type'])
    t.match(
      faultOf(() => read('x', { identity_headers: { [name]: 'user' } })),
      /spec.identity_headers/,
      name,
    )
  for (const name of names)
    for (const change of [{ set: { [name]: 'x' } }, { remove: [name] }])
      t.match(
        faultOf(() => read('x', { headers: { request: change } })),
        /spec.headers.request/,
        name,
      )
  for (const name of [
    'Set-Cookie',
    'Strict-Transport-Security',
    'Transfer-Encoding',
    'Content-Length',
    'X-Mezite-A',
  ])
    t.match(
      faultOf(() => read('x', { headers: { response: { set: { [name]: 'x' } } } })),
      /spec.headers.response/,
      name,
    )
  for (const value of ['a\r\nb', ' a', '\u00e9'])
    t.match(
      faultOf(() => read('x', { headers: { request: { set: { 'X-A': value } } } })),
      /spec.headers.request/,
    )
  for (const name of [...names, 'Cookie', 'X-A'])
    t.match(
      faultOf(() => read('x', { headers: { request: { pass: [name] } } })),
      /spec.headers.request.pass/,
      name,
    )
  const pass = ['X-Auth-Token', 'x-auth-token']
  t.same(read('x', { headers: { request: { pass } } }).headers.request.pass, ['x-auth-token'])
  for (const more of [
    { headers: { request: { pass, set: { x_auth_token: 'a' } } } },
    { headers: { request: { pass, remove: ['X-Auth-Token'] } } },
    { headers: { request: { pass } }, identity_headers: { 'X-Auth-Token': 'assertion' } },
  ])
    t.match(
      faultOf(() => read('x', more)),
      /spec.headers.request.pass/,
      JSON.stringify(more),
    )
  t.match(
    faultOf(() => read('x', { identity_headers: { 'X-A': 'mail' } })),
    /spec.identity_headers/,
  )
})

t.test('a plugin adds a kind of app with its own schemes', async (t) => {
  const kinds = [{ name: 'ssh', schemes: ['ssh'], servedByHub: false }]
  const ssh = (spec: object) =>
    readApp(appBody('x', spec), { ...publicNames, appsDomain: null, appsDomains: [] }, { kinds })
  t.match(ssh({ uri: 'ssh://host:22' }), { protocol: 'ssh', publicAddr: '' })
  t.match(ssh({ uri: 'tcp://host:22' }), { protocol: 'tcp' })
  for (const spec of [
    { uri: 'ssh://host' },
    { uri: 'ssh://host:22', protocol: 'tcp' },
    { uri: 'tcp://host:22', protocol: 'ssh' },
    { uri: 'tcp://host:22', protocol: 'rdp' },
  ])
    t.match(
      faultOf(() => ssh(spec)),
      /spec\.(uri|protocol)/,
      JSON.stringify(spec),
    )
  t.match(
    faultOf(() => read('x', { uri: 'ssh://host:22' })),
    /spec\.uri/,
    'not without the plugin',
  )
})

t.test('a document reads back unchanged, and all faults are reported at once', async (t) => {
  const app = read(
    'x',
    {
      agents: ['Node-1', 'node-1', 'node-2'],
      rewrite: { host: 'upstream' },
      origins: ['https://spa.apps.example.com'],
      timeouts: { idle: '90m' },
      tls: { verify: false },
      identity_headers: { 'X-Remote-User': 'user' },
      headers: {
        request: { set: { 'X-A': '1' }, remove: ['X-B'], pass: ['X-Auth-Token'] },
        response: { remove: ['Server'] },
      },
    },
    { labels: { env: 'prod' }, expires: '2030-01-31T12:00:00Z', description: 'd' },
  )
  t.same(app.agents, ['node-1', 'node-2'])
  t.same(app.timeouts, { connectMs: 5_000, responseMs: 60_000, idleMs: 5_400_000 })
  t.equal(app.expires, Date.parse('2030-01-31T12:00:00Z'))
  t.same(readApp(JSON.parse(JSON.stringify(appDocument(app))), publicNames), app)
  const fault = faultOf(() =>
    read('x', {
      uri: 'ftp://x',
      origins: ['https://a/b'],
      timeouts: { connect: '0s' },
      rewrite: { host: 'a b' },
    }),
  )
  for (const path of ['spec.uri', 'spec.origins', 'spec.timeouts.connect', 'spec.rewrite.host'])
    t.match(fault, path)
  t.match(
    faultOf(() => read('x', { agent: ['a'] })),
    /did you mean 'agents'/,
  )
  t.match(
    faultOf(() => read('x', {}, { labels: { 'a b': 'c' } })),
    /label key/,
  )
  t.match(
    faultOf(() => read('x', {}, { labels: { a: 'c\u0000' } })),
    /label value/,
  )
  t.match(
    faultOf(() => read('x', {}, { expires: 'tomorrow' })),
    /metadata.expires/,
  )
  t.match(
    faultOf(() => readApp([], publicNames)),
    /must be an object/,
  )
})

t.test('identity_headers take facts, templates around them, and no misspelled ones', (t) => {
  const valid = [
    'user',
    'email',
    'name',
    'roles',
    'each_role',
    'assertion',
    '{user.local}',
    'CORP\\{email.local}',
  ]
  valid.push('{name} <{email}>', 'cn={user}')
  for (const value of valid)
    t.strictSame(read('x', { identity_headers: { 'X-User': value } }).identityHeaders['X-User'], value)
  const wrong = [
    'mail',
    '',
    'text',
    '{roles}',
    '{user.first}',
    '{user',
    'user}',
    '{{user}}',
    ' {user}',
    '{user} ',
  ]
  for (const value of [...wrong, '{user}\n', '{user}é', '{assertion}', 7])
    t.match(
      faultOf(() => read('x', { identity_headers: { 'X-User': value } })),
      /X-User/,
      String(value),
    )
  t.end()
})

t.test('a secret header is read apart from the document, which never shows it', (t) => {
  const set = { 'X-Plain': 'one', Authorization: { value: 'Bearer s3cret' }, 'X-Kept': { stored: true } }
  const app = read('x', { headers: { request: { set } } })
  t.same(app.headers.request, { set: { 'X-Plain': 'one' }, remove: [], secret: ['Authorization', 'X-Kept'] })
  t.same(app.headerSecrets, { Authorization: 'Bearer s3cret' })
  const document = appDocument(app)
  t.notMatch(JSON.stringify(document), /s3cret/)
  t.same(document.spec.headers?.request?.set, {
    'X-Plain': 'one',
    Authorization: { stored: true },
    'X-Kept': { stored: true },
  })
  const again = readApp(JSON.parse(JSON.stringify(document)), publicNames)
  t.same({ ...again, headerSecrets: undefined }, { ...app, headerSecrets: undefined })
  const wrong: readonly (readonly [string, unknown])[] = [
    ['Authorization', { file: '/etc/passwd' }],
    ['Authorization', { value: 's3cret\r\nX: y' }],
    ['Authorization', { stored: false }],
    ['Authorization', { value: 's3cret', stored: true }],
    ['X-Mezite-User', { value: 's3cret' }],
    ['Host', { value: 's3cret' }],
  ]
  for (const [name, value] of wrong) {
    const fault = faultOf(() => read('x', { headers: { request: { set: { [name]: value } } } }))
    t.match(fault, /spec\.headers\.request/, JSON.stringify(value))
    t.notMatch(fault, /s3cret/, 'a message repeats no value')
  }
  t.match(
    faultOf(() => read('x', { headers: { response: { set: { 'X-A': { value: 'x' } } } } })),
    /X-A/,
  )
  t.end()
})

t.test('spec.health has a path and an interval, for web applications', (t) => {
  t.same(read('x', { health: { path: '/healthz' } }).health, { path: '/healthz', intervalMs: 30_000 })
  const app = read('x', { health: { path: '/up?full=1', interval: '5s' } })
  t.same(readApp(JSON.parse(JSON.stringify(appDocument(app))), publicNames), app)
  for (const health of [{}, { path: 'up' }, { path: '/a b' }, { path: '/#x' }, { path: '/', interval: '0s' }])
    t.match(
      faultOf(() => read('x', { health })),
      /spec\.health/,
      JSON.stringify(health),
    )
  t.match(
    faultOf(() => read('x', { health: { path: '/', interval: '2d' } })),
    /from 1s to 24h/,
  )
  t.match(
    faultOf(() => read('x', { uri: 'tcp://a:1', health: { path: '/' } })),
    /protocol http/,
  )
  t.end()
})
