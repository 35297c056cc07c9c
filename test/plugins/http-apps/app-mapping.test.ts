// together: quick
/** Names, addresses and headers of messages between the two sides of an app. */

import type { App } from '@mezite/core'
import t, { type Test } from 'tap'
import { normalisedPath } from '../../../plugins/http-apps/relay/request-hook.ts'
import { openByteApp } from './byte-app.ts'
import { appAt, ask, openGateway, raw } from './gateway.ts'

async function open(t: Test, more: Partial<App> = {}, lines: (port: number) => readonly string[] = () => []) {
  const app = await openByteApp(
    () =>
      `HTTP/1.1 200 OK\r\n${lines(app.port)
        .map((line) => `${line}\r\n`)
        .join('')}Content-Length: 2\r\n\r\nok`,
  )
  const gateway = await openGateway(appAt(app.port, more))
  t.teardown(async () => {
    await gateway.close()
    app.close()
  })
  return { app, gateway }
}

const NO_CHANGE = { set: {}, remove: [] }

t.test('addresses follow rewrite.host upstream in both directions', async (t) => {
  const { app, gateway } = await open(t, { rewriteHost: 'upstream' }, (port) => [
    `Location: http://127.0.0.1:${port}/a`,
    `Content-Location: http://127.0.0.1:${port}/b`,
    `Link: <http://127.0.0.1:${port}/p2>; rel="next", </p0>; rel=prev, <https://other.test/>; rel=x`,
    `Refresh: 5; url=http://127.0.0.1:${port}/c?d=e`,
    `Refresh: 0;URL='http://127.0.0.1:${port}/f'`,
    'Refresh: 30',
  ])
  const sent = ['Destination: https://a.apps.test/new%20name', 'Origin: https://a.apps.test']
  const response = await raw(gateway, ask('MOVE /old', ...sent))
  t.match(app.requests[0], `\r\nDestination: http://127.0.0.1:${app.port}/new%20name\r\n`)
  t.match(app.requests[0], `\r\nOrigin: http://127.0.0.1:${app.port}\r\n`)
  t.match(response, '\r\nLocation: https://a.apps.test/a\r\n')
  t.match(response, '\r\nContent-Location: https://a.apps.test/b\r\n')
  t.match(
    response,
    '\r\nLink: <https://a.apps.test/p2>; rel="next", </p0>; rel=prev, <https://other.test/>; rel=x\r\n',
  )
  t.match(response, '\r\nRefresh: 5; url=https://a.apps.test/c?d=e\r\n')
  t.match(response, "\r\nRefresh: 0;URL='https://a.apps.test/f'\r\n")
  t.match(response, '\r\nRefresh: 30\r\n')
  await raw(gateway, ask('MOVE /old', 'Destination: https://a.apps.test.evil.test/x'))
  t.match(app.requests[1], '\r\nDestination: https://a.apps.test.evil.test/x\r\n')
})

t.test(
  'redirects to any spelling of loopback with the port of the app lead to its public address',
  async (t) => {
    let location = ''
    const { app, gateway } = await open(t, {}, () => [`Location: ${location}`])
    const own = [
      'localhost',
      'LOCALHOST',
      'localhost.',
      'app.localhost',
      '127.0.0.1',
      '127.0.0.2',
      '127.1',
      '0x7f.1',
    ]
    own.push(
      '2130706433',
      '0.0.0.0',
      '[::1]',
      '[0:0:0:0:0:0:0:1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
    )
    for (const host of own)
      for (const scheme of ['http:', 'https:', '']) {
        location = `${scheme}//${host}:${app.port}/a?b#c`
        const [, mapped] = /\r\nLocation: (.*)\r\n/.exec(await raw(gateway, ask('GET /'))) ?? []
        t.equal(mapped, 'https://a.apps.test/a?b#c', location)
      }
    const foreign = [
      `http://localhost:${app.port + 1}/`,
      'http://localhost/',
      `http://192.0.2.1:${app.port}/`,
    ]
    foreign.push(`http://localhost.evil.test:${app.port}/`, `http://u:p@localhost:${app.port}/`)
    foreign.push(
      `http://evil.test:80#@localhost:${app.port}/`,
      `http://127.0.0.1.evil.test:${app.port}/`,
      '/a',
    )
    for (location of foreign) t.match(await raw(gateway, ask('GET /')), `\r\nLocation: ${location}\r\n`)
  },
)

t.test('Destination has the scheme of the app, also when the app sees its public host', async (t) => {
  const { app, gateway } = await open(t)
  const given = [
    'https://a.apps.test/b%20c',
    'https://a.apps.test',
    'https://b.apps.test/c',
    '/d',
    'http://a.apps.test/',
  ]
  for (const value of given)
    await raw(gateway, ask('COPY /a', `Destination: ${value}`, 'Referer: https://a.apps.test/x'))
  const seen = app.requests.map((text) => /\r\nDestination: (.*)\r\n/.exec(text)?.[1])
  t.strictSame(seen, ['http://a.apps.test/b%20c', 'http://a.apps.test', ...given.slice(2)])
  t.match(app.requests[0], /\r\nReferer: https:\/\/a\.apps\.test\/x\r\n/, 'no other header does')
})

t.test('X-Forwarded-Port is the port of the public address, never that of a client', async (t) => {
  const { app, gateway } = await open(t)
  await raw(gateway, ask('GET /', 'X-Forwarded-Port: 1'))
  t.strictSame(app.requests[0]?.match(/^X-Forwarded-Port: .*$/gim), ['X-Forwarded-Port: 443\r'.trim()])
})

/** Names in which other products send the user, the client's certificate, its address or the method. */
const GUARDED = [
  ...['Remote-User', 'Remote-Groups', 'Remote-Email', 'X-Remote-User', 'X-Remote-Group', 'X-WebAuth-User'],
  ...['X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Preferred-Username'],
  ...['X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-Request-Access-Token', 'X-Auth-User'],
  ...['X-Authenticated-User', 'X-Authenticated-Userid', 'X-Authentik-Username', 'X-Vouch-User', 'X-Userinfo'],
  ...['X-Consumer-Username', 'X-Credential-Identifier', 'Cf-Access-Authenticated-User-Email', 'X-User-Email'],
  ...['Cf-Access-Jwt-Assertion', 'X-Goog-Authenticated-User-Email', 'X-Goog-IAP-JWT-Assertion', 'SM_USER'],
  ...['X-Pomerium-Claim-Email', 'X-Pomerium-Jwt-Assertion', 'Tailscale-User-Login', 'Teleport-Jwt-Assertion'],
  ...['X-Amzn-Oidc-Identity', 'X-Amzn-Oidc-Data', 'X-MS-Client-Principal-Name', 'X-MS-Client-Principal'],
  ...['X-SSL-Client-DN', 'SSL-Client-S-DN', 'X-Client-Cert', 'X-Client-Certificate', 'Client-Cert-Chain'],
  ...['X-ARR-ClientCert', 'X-Amzn-Mtls-Clientcert-Subject', 'X-Shib-User', 'Shib-Identity-Provider', 'Eppn'],
  ...['OIDC_CLAIM_email', 'MELLON_NAME_ID', 'X-RH-Identity', 'iv-user', 'X-Original-Method'],
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'CF-Connecting-IPv6', 'CF-Pseudo-IPv4'],
  ...[
    'WL-Proxy-Client-IP',
    'X-Envoy-External-Address',
    'X-Azure-ClientIP',
    'X-Azure-SocketIP',
    'CDN-Real-IP',
  ],
  // Names of the review of issue 34, and the rest of the families of known products.
  ...['X-Kong-Username', 'X-Okta-User', 'X-SSO-User', 'Auth-User', 'X-Email', 'X-Groups', 'X-Roles'],
  ...['Forwarded-For', 'X-Username', 'X-Mail', 'X-Group', 'X-Role', 'X-Login', 'Auth-Email', 'Auth-Groups'],
  ...[
    'SSO-User',
    'X-SAML-Subject',
    'X-LDAP-Groups',
    'CAS-User',
    'X-CAS-User',
    'X-Proxy-User',
    'X-Proxy-Roles',
  ],
  ...['X-Proxy-Ext-Tenant', 'X-Token-User-Email', 'X-Token-Subject', 'X-ID-Token', 'X-Endpoint-API-UserInfo'],
  ...['X-Apigateway-Api-Userinfo', 'X-Authenticated-Groups', 'X-Authenticated-Scope', 'X-Consumer-Groups'],
  ...['X-Anonymous-Consumer', 'OIDC_access_token', 'OIDC_id_token_payload', 'SM_USERDN', 'SM_USERGROUPS'],
  ...['SM_SERVERSESSIONID', 'SMUSER', 'iv-user-l', 'iv-creds', 'OAM_REMOTE_USER_GROUPS', 'Osso-User-Dn'],
  ...['WL-Proxy-Client-Cert', 'WL-Proxy-SSL', 'MS-ASPNETCORE-WINAUTHTOKEN', 'MS-ASPNETCORE-CLIENTCERT'],
  ...['kubeflow-userid', 'X-Hass-User-ID', 'X-Appengine-User-Email', 'X-Appengine-Cron', 'X-Envoy-Internal'],
  ...['X-Amzn-Ava-User-Context', 'X-Onelogin-User', 'X-Auth0-Roles', 'X-Zscaler-User', 'X-Citrix-Login'],
  ...[
    'mail',
    'uid',
    'cn',
    'affiliation',
    'unscoped-affiliation',
    'entitlement',
    'persistent-id',
    'isMemberOf',
  ],
  ...[
    'X-Forwarded',
    'Forwarded-For-Ip',
    'X-ProxyUser-Ip',
    'X-Vercel-Proxied-For',
    'X-Custom-IP-Authorization',
  ],
  ...['X-Nf-Client-Connection-Ip', 'X-Trusted-IP', 'X-Original-URI', 'X-Logged-In-User', 'X-Verified-Email'],
  ...['CloudFront-Viewer-Address', 'Fly-Client-IP', 'X-Original-Forwarded-For', 'X-Appengine-User-IP'],
]

t.test('A2 names that applications trust for user, address or method never come from a client', async (t) => {
  const { app, gateway } = await open(t)
  for (const spell of [
    (name: string) => name,
    ...['_', '.', '!'].map((by) => (name: string) => name.replaceAll('-', by)),
  ]) {
    // A request has at most a hundred headers.
    for (let at = 0; at < GUARDED.length; at += 60) {
      const names = GUARDED.slice(at, at + 60).map(spell)
      t.match(await raw(gateway, ask('GET /', ...names.map((name) => `${name}: evil`))), / 200 /)
      t.strictSame(app.requests.at(-1)?.match(/.*evil.*/g), null)
      const trailers = names.map((name) => `${name}: evil\r\n`).join('')
      const body = `Transfer-Encoding: chunked\r\n\r\n0\r\n${trailers}X-Checksum: 1\r\n\r\n`
      t.match(await raw(gateway, ask('POST /').replace(/\r\n\r\n$/, `\r\n${body}`)), / 200 /)
      t.match(app.requests.at(-1), /X-Checksum: 1\r\n\r\n$/)
      t.strictSame(app.requests.at(-1)?.match(/.*evil.*/g), null)
    }
  }
})

t.test('A2 other names pass', async (t) => {
  const { app, gateway } = await open(t)
  const names = [
    ...['Authorization', 'X-Api-Key', 'X-CSRF-Token', 'X-Requested-With', 'X-Access-Token', 'DPoP'],
    // Programs send these themselves, with a secret beside or to choose among their own rights.
    ...['X-ClickHouse-User', 'X-Trino-User', 'X-Hasura-Role', 'X-Redmine-Switch-User', 'Impersonate-User'],
    ...['X-Amz-Meta-Email', 'X-Okta-Verification-Challenge', 'X-GitHub-Event', 'X-Gitlab-Token', 'From'],
  ]
  for (const name of [...names, 'User-Agent', 'X-Client-Version', 'X-Ms-Client-Request-Id', 'Traceparent'])
    await t.test(name, async (t) => {
      await raw(gateway, ask('GET /', `${name}: sent`))
      t.match(app.requests.at(-1), new RegExp(`\r\n${name}: sent\r\n`))
    })
})

t.test('A2 headers.request.pass lets clients send single names of those families to one app', async (t) => {
  const headers = { request: { ...NO_CHANGE, pass: ['x-auth-token'] }, response: NO_CHANGE }
  const { app, gateway } = await open(t, { headers, origins: ['https://b.apps.test'] })
  const sent = ['X-Auth-Token: one', 'x-auth-token: two', 'X_Auth_Token: evil', 'X-Auth-User: evil']
  t.match(await raw(gateway, ask('GET /', ...sent)), / 200 /)
  t.strictSame(
    app.requests[0]?.match(/^x.auth.*$/gim),
    ['X-Auth-Token: one\r', 'x-auth-token: two\r'].map((line) => line.trim()),
  )
  const listed = ask('GET /', 'X-Auth-Token: one').replace(
    'Connection: close',
    'Connection: close, x-auth-token',
  )
  t.match(await raw(gateway, listed), / 200 /)
  t.notMatch(app.requests[1], /auth-token/i, 'it belonged to one connection')
  const preflight = `OPTIONS / HTTP/1.1\r\nHost: a.apps.test\r\nConnection: close\r\nOrigin: https://b.apps.test\r\nAccess-Control-Request-Method: PUT\r\nX-Auth-Token: one\r\n\r\n`
  t.match(await raw(gateway, preflight), / 200 /)
  t.notMatch(app.requests[2], /auth-token/i, 'a preflight carries nobody’s credentials')
})

t.test('identity_headers carry the verified identity, and nobody else sets their names', async (t) => {
  const identityHeaders = { 'X-Remote-User': 'user', 'X-Groups': 'roles', 'X-Token': 'assertion' } as const
  const { app, gateway } = await open(t, { identityHeaders })
  gateway.state.user = 'jürgen'
  const forged = ['X-Remote-User: root', 'x-groups: admin', 'X_Groups: admin', 'X.Token: forged']
  t.match(await raw(gateway, ask('GET /', ...forged)), / 200 /)
  t.match(
    app.requests[0],
    /\r\nX-Remote-User: j%C3%BCrgen\r\nX-Groups: dev,ops\r\nX-Token: head.body.signature\r\n/,
  )
  t.notMatch(app.requests[0], /root|admin|forged/)
  gateway.tap.request((request) => ({ ...request, headers: ['X-Groups', 'admin'] }))
  t.match(await raw(gateway, ask('GET /')), / 500 [\s\S]*forward_refused/, 'not even a plugin')
  t.equal(app.requests.length, 1)
})

t.test(
  'identity_headers carry e-mail address, display name, parts of them, and a line for each role',
  async (t) => {
    const identityHeaders = {
      'X-Email': 'email',
      'X-Name': 'name',
      'X-Login': '{email.local}',
      'X-Org': 'org={email.domain};user={user.local}',
      'X-Group': 'each_role',
    } as const
    const { app, gateway } = await open(t, { identityHeaders })
    gateway.state.user = 'ann@corp.test'
    gateway.state.profile = { name: 'Ann Ü.', email: 'ann.b@mail.test' }
    const forged = ['X-Email: root@evil.test', 'x_login: root', 'X-Group: admin', 'X-Name: root']
    t.match(await raw(gateway, ask('GET /', ...forged)), / 200 /)
    const lines = [
      ...['X-Email: ann.b@mail.test', 'X-Name: Ann%20%C3%9C.', 'X-Login: ann.b'],
      ...['X-Org: org=mail.test;user=ann', 'X-Group: dev', 'X-Group: ops'],
    ]
    t.match(app.requests[0], `\r\n${lines.join('\r\n')}\r\n`)
    t.notMatch(app.requests[0], /root|admin|evil/)
    // A fact that nobody vouches for is no header, and still not one of the client.
    for (const profile of [null, { name: null, email: null }]) {
      gateway.state.profile = profile
      gateway.state.user = 'plain'
      gateway.state.revision += 1
      t.match(await raw(gateway, ask('GET /', ...forged)), / 200 /)
      t.strictSame(
        app.requests.at(-1)?.match(/^X-(?:Email|Name|Login|Org|Group): .*$/gim),
        ['X-Group: dev\r', 'X-Group: ops\r'].map((line) => line.trim()),
      )
      t.notMatch(app.requests.at(-1), /root|admin|evil/)
    }
  },
)

t.test('secret header lines replace those of clients, and without them nothing is sent', async (t) => {
  const headers = { request: { ...NO_CHANGE, secret: ['Authorization'] }, response: NO_CHANGE }
  const { app, gateway } = await open(t, { headers })
  gateway.state.secretHeaders = () => {
    throw new Error('the key is wrong')
  }
  const failed = await raw(gateway, ask('GET /', 'Authorization: Bearer x'))
  t.match(failed, / 500 [\s\S]*forward_failed/)
  t.notMatch(failed, /the key/)
  t.equal(app.requests.length, 0)
  gateway.state.secretHeaders = () => ['Authorization', 'Bearer s3cret']
  t.match(await raw(gateway, ask('GET /', 'Authorization: Bearer x')), / 200 /)
  t.strictSame(app.requests[0]?.match(/^Authorization: .*$/gim), ['Authorization: Bearer s3cret\r'.trim()])
})

t.test('headers sets and removes lines in both directions', async (t) => {
  const headers = {
    request: {
      set: { 'X-Scope-OrgID': 'tenant-1', Authorization: 'Basic YTpi' },
      remove: ['accept-language', 'cookie'],
    },
    response: { set: { 'X-Frame-Options': 'DENY' }, remove: ['server'] },
  }
  const { app, gateway } = await open(t, { headers }, () => [
    'Server: old/1',
    'X-Frame-Options: ALLOW',
    'ETag: "1"',
  ])
  const sent = [
    'X-Scope-OrgID: other',
    'X_Scope_OrgID: other',
    'Authorization: Bearer x',
    'Accept-Language: de',
    'Cookie: a=1',
  ]
  const response = await raw(gateway, ask('GET /', ...sent))
  t.match(app.requests[0], /\r\nX-Scope-OrgID: tenant-1\r\nAuthorization: Basic YTpi\r\n/)
  t.notMatch(app.requests[0], /other|Bearer|Accept-Language|Cookie/)
  t.match(response, /\r\nX-Frame-Options: DENY\r\n/)
  t.match(response, /\r\nETag: "1"\r\n/)
  t.notMatch(response, /Server|ALLOW/)
})

t.test('a preflight gets no identity header and no constant line', async (t) => {
  const origin = 'https://b.apps.test'
  const { app, gateway } = await open(t, {
    origins: [origin],
    identityHeaders: { 'X-Remote-User': 'user' },
    headers: { request: { set: { Authorization: 'Basic YTpi' }, remove: [] }, response: NO_CHANGE },
  })
  const preflight = `OPTIONS / HTTP/1.1\r\nHost: a.apps.test\r\nConnection: close\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: PUT\r\nX-Remote-User: root\r\n\r\n`
  t.match(await raw(gateway, preflight), / 200 /)
  t.notMatch(app.requests[0], /X-Remote-User|Authorization/)
})

t.test('http.request sees the path in its normal form, and the app receives that form', async (t) => {
  const paths = {
    '/': '/',
    '/a/b': '/a/b',
    '/a/./b/../c': '/a/c',
    '/%61dmin': '/admin',
    '/a/%2e%2E/b': '/b',
    '/../../x': '/x',
    '/a/..': '/',
    '/a/.': '/a/',
    '/a%2fb': '/a%2Fb',
    '/a\\..\\b': '/a%5C..%5Cb',
    '//a': '//a',
    '/%zz': '/%zz',
    '/%25%32%65': '/%252e',
  }
  for (const [given, normal] of Object.entries(paths)) t.equal(normalisedPath(given), normal, given)
  const { app, gateway } = await open(t)
  const seen: unknown[] = []
  gateway.tap.request((request, { app, subject, clientIp, upgrade }) => {
    seen.push([request.method, request.path, request.query, app.name, subject?.user, clientIp, upgrade])
    t.notMatch(request.headers, ['X-Mezite-User'])
    t.strictSame(
      request.headers.filter((_, i) => i % 2 === 0),
      ['X-A', 'Cookie'],
    )
    return undefined
  })
  t.match(await raw(gateway, ask('GET /x/../%61?q=%61&r', 'X-A: 1', 'Cookie: b=2')), / 200 /)
  t.strictSame(seen, [['GET', '/a', 'q=%61&r', 'a', 'ann', '192.0.2.7', false]])
  t.match(app.requests[0], /^GET \/a\?q=%61&r HTTP/)
})

t.test(
  'http.request changes path, query and headers, or refuses; reserved names and other methods fail',
  async (t) => {
    const { app, gateway } = await open(t)
    let tap: Parameters<typeof gateway.tap.request>[0] = () => undefined
    gateway.tap.request((request, context) => tap(request, context))
    tap = (request) => ({
      ...request,
      path: '/new',
      query: null,
      headers: ['X-New', '1', 'Cookie', 'a=1; __Host-mezite_app=x'],
    })
    t.match(await raw(gateway, ask('GET /old?q', 'X-Old: 1')), / 200 /)
    t.match(app.requests[0], /^GET \/new HTTP/)
    t.match(app.requests[0], /\r\nX-New: 1\r\nCookie: a=1\r\n\r\n$/)
    tap = (_request, { refuse }) => void refuse('path_blocked', 'This path is closed.')
    t.match(await raw(gateway, ask('GET /')), / 403 [\s\S]*path_blocked/)
    t.match(gateway.records.at(-1), {
      type: 'access.denied',
      reason: 'path_blocked',
      user: 'ann',
      fields: { app: 'a' },
    })
    const wrong = [
      { method: 'POST' },
      { path: 'x' },
      { path: '/a b' },
      { path: '/a?b' },
      { path: '/a#b' },
      { query: 'a\r\nb' },
      { query: '#' },
      { headers: ['X-A'] },
      { headers: null },
    ]
    for (const part of wrong) {
      tap = (request) => ({ ...request, ...part }) as never
      t.match(await raw(gateway, ask('GET /')), / 500 [\s\S]*forward_failed/, JSON.stringify(part))
    }
    for (const reason of ['Not snake', '', 7])
      t.match(
        await raw(gateway, ask('GET /')).then(() => {
          tap = (_request, { refuse }) => void refuse(reason as string)
          return raw(gateway, ask('GET /'))
        }),
        / 500 [\s\S]*forward_failed/,
        String(reason),
      )
    t.equal(app.requests.length, 1)
    t.equal(gateway.tunnel.dials.length, 1, 'refused before an agent is asked')
  },
)

t.test('http.response changes status and headers; framing and reserved names fail closed', async (t) => {
  const { app, gateway } = await open(t, {}, () => ['X-Powered-By: x', 'Set-Cookie: a=1'])
  let tap: Parameters<typeof gateway.tap.response>[0] = () => undefined
  gateway.tap.response((response, context) => tap(response, context))
  tap = (response, { app, subject, method, path }) => {
    t.strictSame([app.name, subject?.user, method, path], ['a', 'ann', 'GET', '/p'])
    const kept = response.headers.filter((_, i, all) => all[i - (i % 2)] !== 'X-Powered-By')
    return { status: 418, headers: [...kept, 'X-New', '1'] }
  }
  const response = await raw(gateway, ask('GET /p?q'))
  t.match(response, /^HTTP\/1.1 418 /)
  t.match(response, /\r\nX-New: 1\r\n/)
  t.notMatch(response, /X-Powered-By/)
  t.match(response, /\r\n\r\nok$/)
  t.match((await gateway.recorded(1)).at(-1)?.fields, { status: 418 })
  const wrong = [
    { status: 204 },
    { status: 101 },
    { status: 999 },
    { headers: ['Transfer-Encoding', 'chunked'] },
    { headers: ['Content-Length', '1'] },
    { headers: ['X-Mezite-User', 'x'] },
    { headers: ['Set-Cookie', '__Host-mezite_app=x'] },
    { headers: ['A\r\nB', 'x'] },
    { headers: 'x' },
  ]
  for (const part of wrong) {
    tap = (response) => ({ ...response, ...part }) as never
    const refused = await raw(gateway, ask('GET /p'))
    t.match(refused, /^HTTP\/1.1 500 [\s\S]*forward_failed/, JSON.stringify(part))
    t.notMatch(refused, /Set-Cookie: a=1/)
  }
  t.equal(app.requests.length, 1 + wrong.length)
})

t.test('an admitted request that no agent takes is recorded, under the id that its page shows', async (t) => {
  const display = { name: 'Orders & more', description: null, icon: null, group: null }
  const { gateway } = await open(t, { display })
  const idOf = (text: string) => /"request_id":"([^"]+)"/.exec(text)?.[1]
  gateway.tunnel.connected = []
  const id = idOf(await raw(gateway, ask('GET /a?secret')))
  t.match(gateway.records.at(-1), {
    type: 'app.request',
    success: false,
    reason: 'agent_none',
    user: 'ann',
    sessionId: 's1',
    requestId: id,
    fields: { app: 'a', agent: null, method: 'GET', path: '/a', status: 502, bytes_in: 0 },
  })
  gateway.tunnel.connected = ['node-1']
  gateway.tunnel.failing.add('node-1')
  const shown = await raw(gateway, ask('GET /b'))
  t.match(
    shown,
    '"detail":"Orders & more cannot be reached."',
    'by the name that people know, without a code',
  )
  const refused = idOf(shown)
  t.match(
    gateway.records.at(-1),
    { type: 'app.request', reason: 'refused', requestId: refused, fields: { status: 502 } },
    'with the reason of the agent',
  )
  gateway.state.roles = ['a,b']
  gateway.tunnel.failing.clear()
  const failed = idOf(await raw(gateway, ask('GET /c')))
  t.match(gateway.records.at(-1), {
    type: 'app.request',
    reason: 'roles_invalid',
    requestId: failed,
    fields: { status: 500 },
  })
})
