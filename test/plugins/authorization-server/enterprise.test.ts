// together: programs
/** A provider says that a person uses a program (ID-JAG): whom the hub believes, and what the token opens and for how long. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { FakeIssuer } from '@mezite/core/testing'
import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { until } from '../../until.ts'
import { JWT_BEARER, seconds, startClient } from './enterprise-client.ts'
import { post, startWorld, token } from './world.ts'

const client = await startClient(t)
const stranger = await FakeIssuer.start()
t.teardown(() => stranger.close())
const world = await startWorld(t, {
  plugin: createAuthorizationServer({ accepts: () => true, ca: client.ca }),
  config: (issuer) => ({
    registration: false,
    metadata_ports: [client.port],
    enterprise: [
      { issuer: issuer.url, connector: 'sso', client_ids: [client.id, client.publicId] },
      { issuer: 'http://127.0.0.1:9', connector: 'sso', client_ids: [client.id] },
    ],
  }),
  roles: { careful: { options: { require_session_mfa: true }, allow: { app_labels: { '*': '*' } } } },
})
const { hub, issuer, resource, received } = world

/** Signs the person in once, so that the hub knows them. */
async function known(name: string, ...groups: string[]): Promise<string> {
  world.person(name, ...groups)
  await hub.visitor().open(`${hub.signInUrl}/web/account`)
  return name
}
const claimsOf = (sub: string, more: object = {}) => ({
  iss: issuer.url,
  sub,
  aud: hub.signInUrl,
  client_id: client.id,
  resource: resource('one'),
  scope: 'app',
  iat: seconds(),
  exp: seconds() + 300,
  jti: randomUUID(),
  ...more,
})
const TYPE = { typ: 'oauth-id-jag+jwt' }
const assertionOf = (sub: string, more: object = {}, header: object = {}) =>
  issuer.sign(claimsOf(sub, more), { ...TYPE, ...header })

/** What the program gets for an assertion. */
async function present(assertion: string, more: Readonly<Record<string, string>> = {}, headers = {}) {
  const answer = await token(
    hub,
    { grant_type: JWT_BEARER, assertion, ...(await client.proof(hub.signInUrl)), ...more },
    headers,
  )
  const body = JSON.parse(answer.text) as Readonly<Record<string, string>>
  return { status: answer.status, error: body.error, access: body.access_token ?? '', body }
}
const open = (name: string, access: string, path = '/') =>
  hub.visitor().fetch(hub.appUrl(name) + path, {
    headers: { accept: 'application/json', authorization: `Bearer ${access}` },
  })
const sessionsOf = async (name: string) =>
  (await hub.api<{ user: string; kind: string }[]>('GET', '/sessions')).filter(
    ({ user, kind }) => user === `${name}@example.com` && kind === 'token',
  )
interface Recorded {
  readonly user: string | null
  readonly method?: string
  readonly program?: string
  readonly name?: string
  readonly client: string | null
  readonly success: boolean
  readonly reason: string | null
  readonly detail: string | null
}
const recorded = (type: string, what: string, matches: (event: Recorded) => boolean) =>
  until(async () => (await hub.api<Recorded[]>('GET', `/audit?type=${type}&limit=1000`)).some(matches), what)

await known('alice', 'staff')

t.test('an assertion of the provider opens one app for the person, without a consent', async (t) => {
  const { status, access, body } = await present(assertionOf('alice'))
  t.equal(status, 200, JSON.stringify(body))
  t.match(body, { access_token: /^mezite_at_[\w-]{43}$/, token_type: 'Bearer', scope: 'app' })
  t.notOk('refresh_token' in body)
  t.ok(Number(body.expires_in) > 3_500 && Number(body.expires_in) <= 3_600, String(body.expires_in))
  t.match(await open('one', access), { status: 200, text: 'for alice@example.com' })
  t.equal(received.at(-1)?.headers.authorization, undefined)
  t.equal((await open('two', access)).status, 401, 'S197 and no other app')
  await recorded('user.login', 'the sign-in', ({ user, method, program, name, client: id }) => {
    return (
      user === 'alice@example.com' &&
      method === 'id_jag' &&
      program === 'Agent' &&
      id === client.id &&
      name === 'one'
    )
  })
  await recorded('token.issued', 'the token', ({ user, success, client: id }) => {
    return user === 'alice@example.com' && success && id === client.id
  })
})

t.test('a new key of the provider counts at once, and unknown keys cause few fetches', async (t) => {
  const asked = () => issuer.asked.get('/jwks') ?? 0
  const former = assertionOf('alice')
  issuer.rotateKey()
  t.match(await present(assertionOf('alice')), { status: 200 }, 'the new key')
  t.match(await present(former), { status: 400, error: 'invalid_grant' }, 'the former one is gone')
  const before = asked()
  for (let at = 0; at < 5; at++) {
    const unknown = assertionOf('alice', {}, { kid: `unknown-${at}` })
    t.match(await present(unknown), { status: 400, error: 'invalid_grant' })
  }
  t.ok(asked() - before <= 1, `${asked() - before} fetches for unknown keys`)
})

t.test('the metadata say that the hub takes assertions, only where a provider is configured', async (t) => {
  const read = async (url: string) =>
    JSON.parse((await hub.visitor().fetch(`${url}/.well-known/oauth-authorization-server`)).text)
  const document = await read(hub.signInUrl)
  t.ok(document.grant_types_supported.includes(JWT_BEARER))
  t.strictSame(document.authorization_grant_profiles_supported, [
    'urn:ietf:params:oauth:grant-profile:id-jag',
  ])
  const plain = await startWorld(t)
  const answer = await plain.hub
    .visitor()
    .fetch(`${plain.hub.signInUrl}/.well-known/oauth-authorization-server`)
  const { grant_types_supported: grants, authorization_grant_profiles_supported: profiles } = JSON.parse(
    answer.text,
  )
  t.notOk(grants.includes(JWT_BEARER))
  t.equal(profiles, undefined)
  const id = await plain.client()
  const refused = await token(plain.hub, { grant_type: JWT_BEARER, assertion: 'x', client_id: id })
  t.match(refused, { status: 400, text: /unsupported_grant_type/ })
})

t.test('S300 an assertion that is not exactly right is refused', async (t) => {
  const before = (await sessionsOf('alice')).length
  const other = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const good = assertionOf('alice')
  const [head, , signature] = good.split('.') as [string, string, string]
  const changed = Buffer.from(JSON.stringify(claimsOf('root'))).toString('base64url')
  const { jti: _, ...noJti } = claimsOf('alice')
  const { exp: __, ...noExp } = claimsOf('alice')
  const { iat: ___, ...noIat } = claimsOf('alice')
  for (const [what, assertion, detail] of [
    ['an ID token', assertionOf('alice', {}, { typ: 'JWT' }), /typ/],
    ['no type', assertionOf('alice', {}, { typ: undefined }), /typ/],
    ['another issuer', stranger.sign(claimsOf('alice', { iss: stranger.url }), TYPE), /no such issuer/],
    ['the name of the provider, the key of another', stranger.sign(claimsOf('alice'), TYPE), /ERR_J/],
    ['another spelling of the issuer', assertionOf('alice', { iss: `${issuer.url}/` }), /no such issuer/],
    ['another server', assertionOf('alice', { aud: 'https://other.example' }), /aud/],
    ['the token endpoint', assertionOf('alice', { aud: `${hub.signInUrl}/v1/oauth/token` }), /aud/],
    ['two servers', assertionOf('alice', { aud: [hub.signInUrl, 'https://other.example'] }), /several/],
    ['no server', assertionOf('alice', { aud: [] }), /aud/],
    ['another program', assertionOf('alice', { client_id: client.otherId }), /another program/],
    ['no program', assertionOf('alice', { client_id: undefined }), /client_id/],
    ['programs in a list', assertionOf('alice', { client_id: [client.id] }), /another program/],
    [
      'expired',
      assertionOf('alice', { iat: seconds() - 400, exp: seconds() - 100 }),
      /EXPIRED|TIMESTAMP|exp|iat/,
    ],
    ['old', assertionOf('alice', { iat: seconds() - 400, exp: seconds() + 10 }), /EXPIRED|iat/],
    ['valid for long', assertionOf('alice', { exp: seconds() + 302 }), /300 s/],
    ['of the future', assertionOf('alice', { iat: seconds() + 200, exp: seconds() + 300 }), /iat/],
    ['not valid yet', assertionOf('alice', { nbf: seconds() + 200 }), /nbf/],
    ['no end', issuer.sign(noExp, TYPE), /./],
    ['no beginning', issuer.sign(noIat, TYPE), /iat/],
    ['no id', issuer.sign(noJti, TYPE), /jti/],
    ['an id that is a number', assertionOf('alice', { jti: 7 }), /jti/],
    ['a long id', assertionOf('alice', { jti: 'x'.repeat(256) }), /jti/],
    ['subjects in a list', assertionOf('alice', { sub: ['alice'] }), /sub/],
    ['bound to a key', assertionOf('alice', { cnf: { jkt: 'x' } }), /cnf/],
    ['with details', assertionOf('alice', { authorization_details: [] }), /authorization_details/],
    ['an unknown critical header', assertionOf('alice', {}, { crit: ['x'], x: 1 }), /ERR_/],
    ['alg none', new UnsecuredJWT(claimsOf('alice')).encode(), /./],
    ['HS256 with the public key', issuer.signConfused(claimsOf('alice')), /./],
    [
      'a key in the header',
      await new SignJWT(claimsOf('alice'))
        .setProtectedHeader({
          alg: 'RS256',
          ...TYPE,
          jwk: other.publicKey.export({ format: 'jwk' }) as never,
        })
        .sign(other.privateKey),
      /ERR_/,
    ],
    ['changed claims', `${head}.${changed}.${signature}`, /SIGNATURE/],
    ['no text', 'x', /ERR_/],
    ['a long text', 'x'.repeat(17_000), /too long/],
  ] as const) {
    const { status, error, body } = await present(assertion)
    t.strictSame(
      { status, error },
      { status: 400, error: 'invalid_grant' },
      `${what} ${JSON.stringify(body)}`,
    )
    t.notMatch(JSON.stringify(body), /alice|ERR_/, `${what}: the answer says nothing more`)
    await recorded('token.issued', what, (event) => {
      return !event.success && event.client === client.id && detail.test(event.detail ?? '')
    })
  }
  const { grant_type, ...proof } = { grant_type: JWT_BEARER, ...(await client.proof(hub.signInUrl)) }
  t.match(await token(hub, { grant_type, ...proof }), { status: 400, text: /invalid_grant/ }, 'none')
  t.equal((await sessionsOf('alice')).length, before, 'no session stays')
  t.equal((await present(good)).status, 200, 'the same provider, program and person')
})

t.test('S300 the app and the scope are those of the assertion, exactly', async (t) => {
  for (const [what, claims, error] of [
    ['no app', { resource: undefined }, 'invalid_grant'],
    ['two apps', { resource: [resource('one'), resource('two')] }, 'invalid_grant'],
    ['an unknown app', { resource: resource('three') }, 'invalid_target'],
    ['the hub', { resource: `${hub.signInUrl}/` }, 'invalid_target'],
    ['a path of the app', { resource: `${resource('one')}admin` }, 'invalid_target'],
    ['no scope', { scope: undefined }, 'invalid_grant'],
    ['another scope', { scope: 'openid' }, 'invalid_scope'],
    ['a scope that contains the word', { scope: 'apps' }, 'invalid_scope'],
  ] as const) {
    const { status, error: given } = await present(assertionOf('alice', claims))
    t.strictSame({ status, given }, { status: 400, given: error }, what)
  }
  const narrowed = (more: Readonly<Record<string, string>>) => present(assertionOf('alice'), more)
  t.match(await narrowed({ resource: resource('two') }), { status: 400, error: 'invalid_target' })
  t.match(await narrowed({ scope: 'app openid' }), { status: 400, error: 'invalid_scope' })
  t.match(await narrowed({ scope: 'app', resource: resource('one') }), { status: 200 })
  await world.register('hidden', { plugins: { 'authorization-server': { programs: 'off' } } })
  const hidden = await present(assertionOf('alice', { resource: resource('hidden') }))
  t.match(hidden, { status: 400, error: 'invalid_target' }, 'an app that is not offered to programs')
})

t.test('S300 an assertion counts once, also when it is presented many times at once', async (t) => {
  const assertion = assertionOf('alice')
  const answers = await Promise.all(Array.from({ length: 8 }, () => present(assertion)))
  t.strictSame(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(400)])
  t.match(await present(assertion), { status: 400, error: 'invalid_grant' })
  await recorded('token.issued', 'the replay', ({ user, detail }) => {
    return user === 'alice@example.com' && /used before/.test(detail ?? '')
  })
})

t.test('S300 only a program that is named and proves itself may present one', async (t) => {
  const fetches = client.fetched.length
  for (const [what, fields] of [
    ['another program', await client.proof(hub.signInUrl, client.otherId)],
    ['no proof', { client_id: client.id }],
    ['a program without a key', { client_id: client.publicId }],
    ['a bot', { client_id: 'bot:ci', client_secret: 'mezite_bot_x' }],
  ] as const) {
    const assertion = assertionOf('alice', { client_id: fields.client_id })
    const answer = await token(hub, { grant_type: JWT_BEARER, assertion, ...fields })
    t.ok([400, 401].includes(answer.status), `${what}: ${answer.status}`)
    t.notMatch(answer.text, /mezite_at_/, what)
  }
  t.notOk(client.fetched.slice(fetches).includes('/other'), 'nor is the metadata of others fetched')
  const proof = { dpop: 'x' }
  t.match(await present(assertionOf('alice'), {}, proof), { status: 400, error: 'invalid_request' })
})

t.test(
  'S301 the person is the account of the connector, never one of the same name or address',
  async (t) => {
    for (const [what, sub, claims] of [
      ['nobody', 'zoe', {}],
      ['an e-mail address', 'alice@example.com', {}],
      ['an e-mail address as a claim', 'zoe', { email: 'alice@example.com', email_verified: true }],
      ['another case', 'Alice', {}],
      ['an account without a sign-in', 'local', {}],
    ] as const) {
      const { status, error } = await present(assertionOf(sub, claims))
      t.strictSame({ status, error }, { status: 400, error: 'invalid_grant' }, what)
    }
  },
)

t.test('S301 the gate decides: a locked person, and one without a role, get no token', async (t) => {
  await known('gus', 'guests')
  await known('mia', 'careful')
  await known('lee', 'staff')
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'lee@example.com' } })
  for (const name of ['gus', 'mia', 'lee']) {
    t.match(await present(assertionOf(name)), { status: 400, error: 'invalid_grant' }, name)
    t.strictSame(await sessionsOf(name), [], `${name}: no session stays`)
  }
  await hub.api('DELETE', `/locks/${id}`)
  t.match(await present(assertionOf('lee')), { status: 200 })
  await recorded('user.login', 'the sign-in', ({ user, method }) => {
    return user === 'lee@example.com' && method === 'id_jag'
  })
  const logins = await hub.api<Recorded[]>('GET', '/audit?type=user.login&limit=1000')
  const refused = logins.filter(({ user, method }) => method === 'id_jag' && /^(?:gus|mia)@/.test(user ?? ''))
  t.strictSame(refused, [], 'no sign-in is recorded for the others')
})

t.test(
  'S302 a lock, a removal or a lost role of the person ends the token, and cuts its streams',
  async (t) => {
    for (const [what, end] of [
      ['locked', () => hub.api('POST', '/locks', { target: { user: 'ben@example.com' } })],
      ['removed', () => hub.api('DELETE', '/users/ben@example.com')],
      ['without the role', () => known('ben', 'guests')],
    ] as const) {
      await known('ben', 'staff')
      const { status, access, body } = await present(assertionOf('ben'))
      t.equal(status, 200, `${what} ${JSON.stringify(body)}`)
      const stream = open('one', access, '/drip').then(
        () => 'ended',
        () => 'cut',
      )
      await until(() => received.some(({ url }) => url === '/drip'), 'the stream')
      received.length = 0
      await end()
      t.ok(await stream, `${what}: the stream ends`)
      t.ok([401, 403].includes((await open('one', access)).status), what)
      t.match(
        await present(assertionOf('ben')),
        { status: 400, error: 'invalid_grant' },
        `${what}: no new one`,
      )
      for (const { id } of await hub.api<{ id: string }[]>('GET', '/locks'))
        await hub.api('DELETE', `/locks/${id}`)
    }
  },
)

t.test('the program ends its token, and an administrator the program', async (t) => {
  const revoked = await present(assertionOf('alice'))
  const form = new URLSearchParams({ token: revoked.access, ...(await client.proof(hub.signInUrl)) })
  t.equal((await post(hub, '/v1/oauth/revoke', form)).status, 200)
  t.equal((await open('one', revoked.access)).status, 401)
  world.person('alice', 'staff')
  const page = await hub.visitor().open(`${hub.signInUrl}/web/account`)
  t.match(page.text, /Agent/, 'the person sees it')
  const removed = await present(assertionOf('alice'))
  t.equal((await open('one', removed.access)).status, 200)
  await hub.api('POST', '/clients/remove', { client_id: client.id })
  t.equal((await open('one', removed.access)).status, 401)
})

t.test('a provider that does not respond is not a refusal', async (t) => {
  const { status, error } = await present(issuer.sign(claimsOf('alice', { iss: 'http://127.0.0.1:9' }), TYPE))
  t.strictSame({ status, error }, { status: 400, error: 'temporarily_unavailable' })
})

t.test('S302 a connector that leads elsewhere now ends the trust in its former provider', async (t) => {
  const { access } = await present(assertionOf('alice'))
  const spec = (issuer_url: string) => ({
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: {
      ...issuer.spec,
      issuer_url,
      claims_to_roles: [{ claim: 'groups', value: 'staff', roles: ['staff'] }],
      scopes: ['openid', 'email', 'groups'],
    },
  })
  await hub.api('PUT', '/connectors/sso', spec(issuer.url.replace('127.0.0.1', 'localhost')))
  t.equal((await open('one', access)).status, 401)
  t.match(await present(assertionOf('alice')), { status: 400, error: 'invalid_grant' })
  await recorded('token.issued', 'the reason', ({ detail }) => /leads to the issuer/.test(detail ?? ''))
  await hub.api('PUT', '/connectors/sso', spec(issuer.url))
  await known('alice', 'staff')
  t.match(await present(assertionOf('alice')), { status: 200 })
})

t.test('S302 without the connector nobody is believed', async (t) => {
  const { access } = await present(assertionOf('alice'))
  t.equal((await open('one', access)).status, 200)
  await hub.api('DELETE', '/connectors/sso')
  t.equal((await open('one', access)).status, 401)
  t.match(await present(assertionOf('alice')), { status: 400, error: 'invalid_grant' })
  t.strictSame(await sessionsOf('alice'), [])
})
