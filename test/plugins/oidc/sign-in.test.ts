// together: sign-in
import type { ServerResponse } from 'node:http'
import { FakeIssuer, type Misbehaviour, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { fakeApp, startSignInHost } from '../sign-in/sign-in-host.ts'

// One person signs in far more often here than the limit of one person allows.
const rate = { signIn: () => {}, launch: () => {} }
const host = await startSignInHost({ apps: [fakeApp('grafana')], rate })
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  await host.close()
  await issuer.close()
})
const rules = [
  { claim: 'groups', value: 'platform-team', roles: ['platform'] },
  { claim: 'groups', value: '^eu-.*$', roles: ['europe'] },
  { claim: 'dept', value: '*', roles: ['any-dept'] },
]
const spec = (more: object = {}) => ({ ...issuer.spec, claims_to_roles: rules, ...more })
/** Each case gets a connector of its own, so nothing is cached from another. */
let count = 0
async function connect(more: object = {}) {
  for (const { metadata } of (await (await fetch(`${host.url}/v1/webapi/connectors`)).json()) as {
    metadata: { name: string }
  }[]) {
    await fetch(`${host.url}/v1/webapi/connectors/${metadata.name}`, { method: 'DELETE' })
  }
  const name = `sso-${++count}`
  const { status } = await host.connect(name, spec(more))
  t.equal(status, 201)
  return name
}
const alice = { sub: 'alice-1', email: 'alice@example.com', email_verified: true, groups: ['platform-team'] }

/** Follows the redirects by hand up to the callback URL, which it returns unopened. */
async function toCallback(visitor: Visitor): Promise<string> {
  let url = host.launch('grafana.apps.example.com', '/a?b=c')
  for (let hop = 0; hop < 6; hop++) {
    const answer = await visitor.fetch(url)
    if (!answer.headers.location) throw new Error(`no redirect from ${url}: ${answer.status} ${answer.text}`)
    url = answer.headers.location
    if (url.includes('/oidc/callback/')) return url
  }
  throw new Error('no callback')
}

/** The plugin's own login URL, to which a launch leads. */
async function loginOf(visitor: Visitor): Promise<string> {
  return (await visitor.fetch(host.launch('grafana.apps.example.com'))).headers.location!
}

async function attempt(misbehave: Misbehaviour, person: object = alice) {
  issuer.misbehave = misbehave
  issuer.person = person as typeof issuer.person
  const visitor = new Visitor()
  try {
    const answer = await visitor.fetch(await toCallback(visitor))
    return { answer, visitor, signedIn: answer.headers.location?.includes('/web/continue') ?? false }
  } finally {
    issuer.misbehave = {}
    issuer.person = alice
  }
}

t.test('a person signs in, is mapped to roles, and lands at the app', async (t) => {
  await connect()
  const { visitor, answer } = await attempt({}, { ...alice, groups: ['platform-team', 'eu-west'], dept: 'x' })
  t.match(answer.headers.location, '/web/continue')
  t.strictSame(host.rolesBy.get('alice@example.com'), ['any-dept', 'europe', 'platform'])
  const last = await visitor.fetch(answer.headers.location!)
  t.equal(
    last.headers.location,
    'https://grafana.apps.example.com:3080/.mezite/session?code=handover-code&path=%2Fa%3Fb%3Dc',
  )
  t.match(host.events.at(-1), { type: 'user.login', success: true, user: 'alice@example.com' })
})

t.test(
  'C38, C52 a state that is missing, wrong, of another browser, or unsolicited is refused',
  async (t) => {
    const name = await connect()
    const callback = `${host.url}/v1/webapi/oidc/callback/${name}`
    const victim = new Visitor()
    const url = await toCallback(victim)
    t.equal((await new Visitor().fetch(url)).status, 400, 'another browser')
    const login = await loginOf(new Visitor())
    t.equal((await new Visitor().fetch(login.replace(/state=.*/, 'state=made-up'))).status, 400, 'no launch')
    const recorded = host.events.length
    t.equal((await victim.fetch(`${callback}?code=x`)).status, 400, 'missing')
    t.equal((await victim.fetch(`${callback}?code=x&state=wrong`)).status, 400, 'wrong')
    t.equal((await victim.fetch(`${url}&state=twice`)).status, 400, 'twice')
    t.strictSame(
      host.events.slice(recorded).map(({ type }) => type),
      Array(3).fill('request.failed'),
      'what anybody can send is not a failed sign-in',
    )
    t.equal((await victim.fetch(url)).status, 303, 'and the right one works')
  },
)

t.test('C39, C40 nonce and PKCE are sent and bound', async (t) => {
  await connect()
  for (const nonce of [undefined, 'wrong']) {
    const { answer } = await attempt({ idToken: (claims) => void Object.assign(claims, { nonce: nonce }) })
    t.equal(answer.status, 400)
  }
  const query = issuer.authorizations.at(-1)!
  t.equal(query.get('code_challenge_method'), 'S256')
  t.match(query.get('code_challenge'), /^[\w-]{43}$/)
  t.match(query.get('nonce'), /^[\w-]{43}$/)
})

t.test('C41 20 concurrent requests with one callback create one session', async (t) => {
  await connect()
  const visitor = new Visitor()
  const url = await toCallback(visitor)
  const cookie = visitor.cookies(new URL(host.url).host)!
  const before = host.byToken.size
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => fetch(url, { redirect: 'manual', headers: { cookie } })),
  )
  t.equal(answers.filter(({ status }) => status === 303).length, 1)
  const refused = answers.filter(({ status }) => status === 400)
  t.equal(refused.length, 19)
  for (const answer of refused)
    t.match(await answer.text(), 'already used', 'whatever the provider thinks of its code')
  t.match(answers[0]?.headers.get('set-cookie'), /__Host-mezite_login_[^;]*; Max-Age=0;/)
  t.equal(host.byToken.size, before + 1)
})

t.test('C42 responses of another provider or connector are refused', async (t) => {
  const name = await connect()
  for (const iss of ['https://other.example', null]) {
    const { answer } = await attempt({
      authorize: (parameters) => (iss ? parameters.set('iss', iss) : parameters.delete('iss')),
    })
    t.equal(answer.status, 400, `iss ${iss}`)
  }
  const visitor = new Visitor()
  const url = await toCallback(visitor)
  await host.connect('other', spec())
  t.equal((await visitor.fetch(url.replace(`/callback/${name}`, '/callback/other'))).status, 400)
})

t.test('C43 signatures of another kind than announced are refused', async (t) => {
  await connect()
  const cases: Record<string, Misbehaviour['idToken']> = {
    none: (claims) =>
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`,
    HS256: (claims) => issuer.signConfused(claims),
    PS256: (claims) => issuer.sign(claims, { alg: 'PS256' }),
    crit: (claims) => issuer.sign(claims, { crit: ['x'], x: 1 }),
    'changed after signing': (claims) => issuer.sign(claims).replace(/.{6}$/, 'AAAAAA'),
    'unknown key': (claims) => issuer.sign(claims, { kid: 'unknown' }),
  }
  for (const [title, idToken] of Object.entries(cases)) {
    const { answer } = await attempt({ idToken: idToken! })
    t.equal(answer.status, 400, title)
  }
  const { privateKey } = (await import('node:crypto')).generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { sign } = await import('node:crypto')
  const { answer } = await attempt({
    idToken: (claims) => {
      const jwk = privateKey.export({ format: 'jwk' })
      const head = { alg: 'RS256', jwk: { kty: jwk.kty, n: jwk.n, e: jwk.e } }
      const text = [head, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
    },
  })
  t.equal(answer.status, 400, 'embedded jwk')
})

t.test('C44 unknown key ids cause one request for keys in thirty seconds', async (t) => {
  await connect()
  t.ok((await attempt({})).signedIn)
  const before = issuer.asked.get('/jwks') ?? 0
  for (let i = 0; i < 15; i++) {
    const { answer } = await attempt({ idToken: (claims) => issuer.sign(claims, { kid: `unknown-${i}` }) })
    t.equal(answer.status, 400)
  }
  t.ok((issuer.asked.get('/jwks') ?? 0) - before <= 1)
})

t.test(
  'C44, fault 15 a new key of the provider works at the next sign-in, and a removed one no longer',
  async (t) => {
    const { now } = Date
    const elapsed = performance.now.bind(performance)
    // Another test has used up the refetch of this issuer.
    let ahead = 31_000
    Date.now = () => now() + ahead
    performance.now = () => elapsed() + ahead
    t.teardown(() => {
      Date.now = now
      performance.now = elapsed
    })
    await connect()
    t.ok((await attempt({})).signedIn)
    const asked = () => issuer.asked.get('/jwks') ?? 0
    const signWithOld = issuer.signer()
    issuer.rotateKey()
    const before = asked()
    t.ok((await attempt({})).signedIn, 'the new key, at once')
    t.equal(asked() - before, 1, 'by one refetch')
    const old = await attempt({ idToken: (claims) => signWithOld(claims) })
    t.equal(old.answer.status, 400, 'the refetch has dropped the removed key')

    // A key that is removed without a new one being used: the age of the key set ends it.
    const signWithSecond = issuer.signer()
    issuer.rotateKey()
    t.ok(
      (await attempt({ idToken: (claims) => signWithSecond(claims) })).signedIn,
      'as long as the set is fresh',
    )
    ahead += 10 * 60_000
    t.equal((await attempt({ idToken: (claims) => signWithSecond(claims) })).answer.status, 400)
    t.ok((await attempt({})).signedIn)
  },
)

t.test('C45 audience, azp, issuer and times are checked; 60 s of skew are allowed', async (t) => {
  await connect()
  const now = Math.floor(Date.now() / 1_000)
  const bad: Record<string, object> = {
    'aud list without azp': { aud: ['mezite', 'other'] },
    'other aud': { aud: 'other' },
    'wrong azp': { aud: ['mezite', 'other'], azp: 'other' },
    'wrong azp, one aud': { azp: 'other' },
    'iss with a slash': { iss: `${issuer.url}/` },
    'exp past': { exp: now - 600 },
    'iat future': { iat: now + 600 },
    'iat past': { iat: now - 600 },
    'nbf future': { nbf: now + 600 },
  }
  for (const [title, change] of Object.entries(bad)) {
    const { answer } = await attempt({ idToken: (claims) => void Object.assign(claims, change) })
    t.equal(answer.status, 400, title)
  }
  for (const change of [{ exp: now - 40 }, { iat: now + 40 }, { nbf: now + 40 }]) {
    const { signedIn, answer } = await attempt({ idToken: (claims) => void Object.assign(claims, change) })
    t.ok(signedIn, `${JSON.stringify(change)} ${answer.text.slice(-400)}`)
  }
})

t.test('A9, C46, C47 unverified, hostile or taken names sign nobody in', async (t) => {
  await connect()
  t.ok((await attempt({})).signedIn)
  const refused: Record<string, object> = {
    'email_verified false': { email_verified: false },
    'email_verified absent': { email_verified: undefined },
    'another sub': { sub: 'alice-2' },
    'another case': { sub: 'mallory', email: 'ALICE@example.com' },
    'full width': { sub: 'mallory', email: 'ａlice@example.com' },
    comma: { sub: 'm', email: 'a,b@example.com' },
    CRLF: { sub: 'm', email: 'a\r\nb@example.com' },
    'no string': { sub: 'm', email: ['alice@example.com'] },
  }
  for (const [title, change] of Object.entries(refused)) {
    const { answer } = await attempt({}, { ...alice, ...change })
    t.equal(answer.status, 403, title)
    t.match(host.events.at(-1), { type: 'user.login.failed', success: false }, title)
  }
  for (const email of ['alice@evil@example.com', 'alice@example.com.evil', '\u0430lice@example.com']) {
    const { signedIn } = await attempt({}, { ...alice, sub: email, email })
    t.ok(signedIn, email)
    t.equal(host.events.at(-1).user, email, 'their own name, not the look-alike')
  }
})

t.test(
  'require_verified_email: false allows an unverified address as a name; other claims do not need it',
  async (t) => {
    await connect({ require_verified_email: false })
    t.ok(
      (await attempt({}, { ...alice, sub: 'u-1', email: 'unverified@example.com', email_verified: false }))
        .signedIn,
    )
    await connect({ username_claim: 'preferred_username' })
    const named = { sub: 'u-2', preferred_username: 'nadia', email: 'x@example.com' }
    t.ok((await attempt({}, named)).signedIn)
    t.equal(host.events.at(-1).user, 'nadia')
    await connect()
    t.ok((await attempt({}, { ...alice, email_verified: 'true' })).signedIn, 'spelled as a string')
    t.equal((await attempt({}, { ...alice, email_verified: 'yes' })).answer.status, 403)
  },
)

t.test('C48 missing, malformed or misplaced groups give no role', async (t) => {
  await connect()
  const cases: [title: string, groups: object, roles: string[]][] = [
    ['missing', { groups: undefined }, []],
    ['a string', { groups: 'platform-team' }, ['platform']],
    ['a list in a string', { groups: 'platform-team,x' }, []],
    ['an object', { groups: { a: 'platform-team' } }, []],
    ['5,000', { groups: [...Array(5_000).keys()].map((n) => `g${n}`).concat('platform-team') }, ['platform']],
    ['distributed', { groups: undefined, _claim_names: { groups: 'src1' } }, []],
  ]
  for (const [title, groups, roles] of cases) {
    t.ok((await attempt({}, { ...alice, ...groups })).signedIn, title)
    t.strictSame(host.rolesBy.get('alice@example.com'), roles, title)
  }
  t.match(host.logs.join('\n'), /distributed/)
})

t.test('C49 userinfo of another person is refused', async (t) => {
  await connect()
  const { answer } = await attempt({ userinfo: (claims) => void Object.assign(claims, { sub: 'bob' }) })
  t.equal(answer.status, 400)
})

t.test('C50 texts of the provider are shown escaped', async (t) => {
  await connect()
  const { answer } = await attempt({
    authorize: (parameters) => {
      parameters.delete('code')
      parameters.set('error', 'access_denied')
      parameters.set('error_description', `<script>alert(1)</script>\r\n\u202e\u0007${'x'.repeat(10_000)}`)
    },
  })
  t.equal(answer.status, 403)
  t.notMatch(answer.text, '<script>')
  t.match(answer.text, '&lt;script>')
  t.notMatch(answer.text, /[\u202e\u0007]/, 'nor does it turn the sentence around')
  t.ok(answer.text.length < 5_000)
})

t.test('C51 endpoints that redirect, flood or belong to another issuer are refused', async (t) => {
  const cases: Record<string, Misbehaviour> = {
    'token redirects': {
      takeOver: (path, response) =>
        path === '/token' &&
        Boolean(response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()),
    },
    'keys flood': {
      takeOver: (path, response) => {
        if (path !== '/jwks') return false
        response.writeHead(200, { 'content-type': 'application/json' })
        const chunk = Buffer.alloc(1 << 16, 32)
        const more = () => {
          while (!response.destroyed && response.write(chunk));
        }
        response.on('drain', more)
        more()
        return true
      },
    },
  }
  for (const [title, misbehave] of Object.entries(cases)) {
    await connect()
    const { answer, signedIn } = await attempt(misbehave)
    t.notOk(signedIn, title)
    t.ok(answer.status >= 400, title)
  }
  for (const change of [
    { issuer: 'https://other.example' },
    { token_endpoint: 'http://169.254.169.254/token' },
    { authorization_endpoint: 'javascript:alert(1)' },
  ]) {
    await connect()
    issuer.misbehave = { discovery: (document) => void Object.assign(document, change) }
    const answer = await new Visitor().open(host.launch('grafana.apps.example.com'))
    issuer.misbehave = {}
    t.equal(answer.status, 502, JSON.stringify(change))
  }
})

t.test(
  'fault 13 a failing provider gets one request at a time, and none for two seconds after a failure',
  async (t) => {
    await connect()
    const asked = () => issuer.asked.get('/.well-known/openid-configuration') ?? 0
    const before = asked()
    issuer.misbehave = { takeOver: (_path, response) => Boolean(response.writeHead(500).end()) }
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => new Visitor().open(host.launch('grafana.apps.example.com'))),
    )
    issuer.misbehave = {}
    t.ok(answers.every(({ status, text }) => status === 502 && text.includes('provider_unreachable')))
    t.equal(asked() - before, 1)
    let last = answers[0]!
    for (const end = Date.now() + 60_000; last.status === 502 && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      last = await new Visitor().fetch(await loginOf(new Visitor()))
    }
    t.equal(last.status, 302, 'and then it works again')
  },
)

t.test(
  'fault 13 a provider that fails during a sign-in causes a page without details, a record and a log line',
  async (t) => {
    for (const place of ['/token', '/jwks', '/userinfo']) {
      await connect()
      const { answer } = await attempt({
        takeOver: (path, response) => path === place && Boolean(response.destroy()),
      })
      t.equal(answer.status, 502, place)
      t.match(answer.text, 'provider_unreachable')
      t.notMatch(answer.text, '127.0.0.1')
      t.match(host.events.at(-1), { type: 'user.login.failed', reason: 'provider_unreachable' })
      t.match(host.logs.at(-1), /a sign-in failed.*|fetch failed/)
    }
  },
)

t.test('C54 a deleted connector ends its sessions at once', async (t) => {
  const name = await connect()
  const { visitor, answer } = await attempt({})
  t.ok(answer.headers.location)
  await fetch(`${host.url}/v1/webapi/connectors/${name}`, { method: 'DELETE' })
  t.match(host.ended.at(-1), { reason: 'connector_deleted' })
  t.equal((await visitor.fetch(answer.headers.location!)).status, 503, 'nobody can sign in now')
})

t.test('signing out continues at the provider', async (t) => {
  await connect()
  const { visitor } = await attempt({})
  const page = await visitor.fetch(`${host.url}/web/logout`)
  const out = await visitor.submit(page, /\/web\/logout/)
  t.equal(out.status, 200)
  t.match(out.text, `${issuer.url}/end?id_token_hint=`)
})

t.test('C53, C55 logs, audit, pages and the database have no code, token or secret', async (t) => {
  const name = await connect()
  const visitor = new Visitor()
  const url = await toCallback(visitor)
  let idToken = ''
  issuer.misbehave = {
    idToken: (claims) => {
      idToken = issuer.sign(claims)
      return idToken
    },
  }
  const answer = await visitor.fetch(url)
  issuer.misbehave = {}
  t.equal(answer.status, 303)
  const code = new URL(url).searchParams.get('code')!
  const state = new URL(url).searchParams.get('state')!
  const resource = await (await fetch(`${host.url}/v1/webapi/connectors/${name}`)).text()
  const dump = JSON.stringify(await host.database.selectFrom('oidc_connectors').selectAll().execute())
  const outputs = [...host.logs, JSON.stringify(host.events), resource, dump, answer.text].join('\n')
  for (const secret of [code, state, idToken, issuer.clientSecret]) t.notOk(outputs.includes(secret))
  t.notOk(outputs.includes(Buffer.from(issuer.clientSecret).join(',')), 'not as bytes either')
})

t.test('the connector test reports the addresses to register', async (t) => {
  const name = await connect()
  const test = async () =>
    (await fetch(`${host.url}/v1/webapi/connectors/${name}/test`, { method: 'POST' })).json()
  t.match(await test(), { ok: true, redirect_uri: `${host.url}/v1/webapi/oidc/callback/${name}` })
  await host.connect(name, spec({ client_secret: { value: 'wrong' } }))
  const wrong = { ok: false, checks: [{ name: 'credentials', result: 'fail', detail: /check client_id/ }] }
  const credentials = async () => {
    const { ok, checks } = (await test()) as { ok: boolean; checks: { name: string }[] }
    return { ok, checks: checks.filter(({ name }) => name === 'credentials') }
  }
  t.match(await credentials(), wrong)
  issuer.misbehave = { takeOver: refuseClient }
  t.match(await credentials(), wrong, 'as RFC 6749 5.2 wants it')
  issuer.misbehave = {}
})

/** What a provider answers that does not know the client, which authenticated in a header. */
function refuseClient(path: string, response: ServerResponse): boolean {
  if (path !== '/token') return false
  const headers = { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="id"' }
  response.writeHead(401, headers).end('{"error":"invalid_client"}')
  return true
}

t.test(
  'basic credentials are escaped only where needed, and post is tried once they are refused',
  async (t) => {
    const name = await connect()
    const tried: string[] = []
    const noted = (authorization: string) => {
      tried.push(authorization === '' ? 'post' : Buffer.from(authorization.slice(6), 'base64').toString())
    }
    t.ok((await attempt({ token: (authorization) => void noted(authorization) })).signedIn)
    t.strictSame(tried.splice(0), [`mezite:${issuer.clientSecret}`])
    // As providers do that take basic credentials as they come, or not at all.
    const body = { error: 'invalid_client', error_description: 'no basic here' }
    const token = (authorization: string) => {
      noted(authorization)
      return authorization === '' ? undefined : { status: 401, body }
    }
    t.ok((await attempt({ token })).signedIn)
    t.equal(tried.splice(0).at(-1), 'post')
    t.ok((await attempt({ token })).signedIn)
    t.strictSame(tried, ['post'], 'what works is tried first')
    const test = await fetch(`${host.url}/v1/webapi/connectors/${name}/test`, { method: 'POST' })
    t.match(await test.text(), 'accepted (client_secret_post)')
  },
)

t.test(
  'the provider’s error is in the log, the audit and the test, and the page offers another try',
  async (t) => {
    const name = await connect()
    const body = { error: 'invalid_client', error_description: 'client is disabled\u0007' }
    const { answer, visitor } = await attempt({ token: () => ({ status: 400, body }) })
    t.equal(answer.status, 400)
    t.match(answer.text, '<h1>Sign-in failed at your provider</h1>')
    const fields = { provider_error: 'invalid_client', provider_error_description: 'client is disabled' }
    t.match(host.events.at(-1), { type: 'user.login.failed', reason: 'token_refused', fields })
    t.match(host.logs.at(-1), 'client is disabled')
    issuer.misbehave = { token: () => ({ status: 400, body }) }
    const test = await fetch(`${host.url}/v1/webapi/connectors/${name}/test`, { method: 'POST' })
    issuer.misbehave = {}
    const report = await test.text()
    t.match(report, 'client is disabled')
    t.match(report, 'client_secret_basic, client_secret_post')
    const [, retry = ''] = /href="([^"]+)">Try again</.exec(answer.text) ?? []
    t.match(retry, '/web/login?state=')
    const again = await visitor.fetch(host.url + retry.replaceAll('&amp;', '&'))
    t.match(again.headers.location, `/oidc/login/${name}?state=`)
  },
)

t.test('people see a plain sentence when the provider refuses, not the text of a library', async (t) => {
  await connect()
  for (const [misbehave, sentence] of [
    [{ takeOver: refuseClient }, /did not complete this sign-in\. Try again/],
    [{ idToken: (claims) => void Object.assign(claims, { aud: 'other' }) }, /did not complete this sign-in/],
    [{ userinfo: (claims) => void Object.assign(claims, { sub: 'mallory' }) }, /did not say who you are/],
  ] as [Misbehaviour, RegExp][]) {
    const { answer } = await attempt(misbehave)
    t.match(answer.text, sentence)
    t.notMatch(answer.text, /unexpected|response|challenge|"aud"|OAUTH/i)
  }
})

t.test('a connector document is checked', async (t) => {
  const bad = [
    { issuer_url: 'http://id.example.com' },
    { client_secret: { file: '/etc/passwd' } },
    { scopes: ['email'] },
    { unknown: true },
    { claims_to_roles: [{ claim: 'g', value: '^($', roles: ['a'] }] },
    { claims_to_roles: [{ claim: 'g', value: 'x', roles: ['a,b'] }] },
    { private_key: { value: 'x' } },
    { token_auth: 'private_key_jwt' },
    { client_secret: { value: '-----BEGIN PRIVATE KEY-----' } },
  ]
  for (const more of bad) t.equal((await host.connect('bad', spec(more))).status, 400, JSON.stringify(more))
  const { body } = await host.connect('bad', spec({ scopes: ['email'], issuer_url: 'http://id.example.com' }))
  t.match(body.detail, 'spec.issuer_url: must be https')
  t.match(body.detail, 'spec.scopes: must contain openid')
})
