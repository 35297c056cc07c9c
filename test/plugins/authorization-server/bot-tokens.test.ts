// together: programs
/** Robots at the token endpoint, and what their tokens open. */
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { Agent } from 'node:https'
import { defineHubPlugin } from '@mezite/core'
import { programLogin } from '@mezite/core/testing'
import * as jose from 'jose'
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { post, startWorld, token } from './world.ts'

const HERE = '127.0.0.1'
const ELSEWHERE = '127.0.0.2'
const MOST_REQUESTS = 4
/** A policy about addresses, as plugins have it: apps with the label are for one address. */
const desks = defineHubPlugin({
  name: 'desks',
  api: 1,
  summary: 'For this test',
  setup({ tap }) {
    tap.access.decide(({ app, context: { clientIp } }, vote) => {
      if (app?.labels.desk === 'one' && clientIp !== null && clientIp !== HERE) vote.deny('outside_office')
    })
  },
})

const world = await startWorld(t, {
  plugins: { 'http-apps': { requests_per_person: MOST_REQUESTS } },
  more: [desks],
  roles: { careful: { options: { require_session_mfa: true }, allow: { app_labels: { '*': '*' } } } },
})
const { hub, issuer, received, resource } = world
const AUDIENCE = 'https://mezite.example.com'
const CREDENTIALS = 'client_credentials'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys = [{ kid: 'one', jwk: publicKey.export({ format: 'jwk' }) }]
const trust = [{ issuer: issuer.url, audience: AUDIENCE, claims: { repository: 'example/shop' } }]
const put = (name: string, spec: object) =>
  hub.api('PUT', `/bots/${name}`, {
    kind: 'bot',
    version: 'v1',
    metadata: { name },
    spec: { roles: ['staff'], ...spec },
  })
await put('ci', { keys, trust, max_token_ttl: '10m' })
const { secret } = await hub.api<{ secret: string }>('POST', '/bots/ci/secret')

const now = () => Math.floor(Date.now() / 1_000)
const assertion = (bot = 'ci', claims: object = {}) =>
  new jose.SignJWT({
    iss: `bot:${bot}`,
    sub: `bot:${bot}`,
    aud: hub.signInUrl,
    exp: now() + 60,
    jti: randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(privateKey)
const idToken = (claims: object = {}) =>
  issuer.sign({
    iss: issuer.url,
    sub: 'repo',
    aud: AUDIENCE,
    iat: now(),
    exp: now() + 60,
    jti: randomUUID(),
    repository: 'example/shop',
    ...claims,
  })
const byKey = async (bot = 'ci', more: Readonly<Record<string, string>> = {}) => ({
  grant_type: CREDENTIALS,
  client_assertion_type: ASSERTION,
  client_assertion: await assertion(bot),
  resource: resource('one'),
  ...more,
})
const bySecret = (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: CREDENTIALS,
  client_id: 'bot:ci',
  client_secret: secret,
  resource: resource('one'),
  ...more,
})
const byIdToken = (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: EXCHANGE,
  client_id: 'bot:ci',
  resource: resource('one'),
  subject_token: idToken(),
  subject_token_type: ID_TOKEN,
  ...more,
})
const open = (name: string, headers: Readonly<Record<string, string>>, path = '/') =>
  hub.visitor().fetch(hub.appUrl(name) + path, { headers: { accept: 'application/json', ...headers } })
const given = async (fields: Readonly<Record<string, string>>, headers = {}) => {
  const { status, text } = await token(hub, fields, headers)
  const body = JSON.parse(text) as Readonly<Record<string, string>>
  return {
    status,
    error: body.error,
    detail: body.error_description,
    bearer: { authorization: `Bearer ${body.access_token}` },
    body,
  }
}

const basic = (user: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`,
})

t.test('a robot gets a token for one app by its key, by an ID token and by its secret', async (t) => {
  const { client_id: _, client_secret: __, ...rest } = bySecret()
  for (const [what, fields, headers] of [
    ['key', await byKey(), {}],
    ['ID token', byIdToken(), {}],
    ['secret in the form', bySecret(), {}],
    ['secret as curl -u sends it', rest, basic('bot:ci')],
    ['secret as RFC 6749 encodes it', rest, basic('bot%3Aci')],
  ] as const) {
    const { status, body, bearer } = await given(fields, headers)
    t.equal(status, 200, `${what} ${JSON.stringify(body)}`)
    t.match(body, { access_token: /^mezite_at_[\w-]{43}$/, token_type: 'Bearer', scope: 'app' })
    t.ok(Number(body.expires_in) > 590 && Number(body.expires_in) <= 600, 'as long as its document says')
    t.match(await open('one', bearer), { status: 200, text: 'for bot:ci' })
    t.equal(received.at(-1)?.headers.authorization, undefined)
    t.equal((await open('two', bearer)).status, 401, 'S197 and no other app')
  }
  const git = Buffer.from(`any:${(await given(await byKey())).body.access_token}`).toString('base64')
  t.equal((await open('one', { authorization: `Basic ${git}` })).status, 200, 'as the password of git')
  const find = async () => {
    const all = await hub.api<{ user: string; client: string }[]>('GET', '/audit?type=token.issued')
    return all.some(({ user, client }) => user === 'bot:ci' && client === 'bot:ci')
  }
  await until(find, 'token.issued')
})

t.test('S203 S209 a caller that is not the robot, or may not open the app, gets no token', async (t) => {
  await put('careful', { roles: ['careful'], keys })
  await put('nobody', { roles: ['guests'], keys })
  await put('far', { keys, allow_from: ['10.0.0.0/8'] })
  const used = await byKey()
  t.equal((await given(used)).status, 200)
  const none = 'eyJhbGciOiJub25lIn0'
  const wrong = `${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, number, string, RegExp?])[] = [
    ['an assertion again', used, 401, 'invalid_client'],
    [
      'an assertion for another server',
      { ...(await byKey()), client_assertion: await assertion('ci', { aud: 'https://x.example' }) },
      401,
      'invalid_client',
    ],
    ['an assertion of another client', await byKey('ci', { client_id: 'bot:nobody' }), 401, 'invalid_client'],
    ['two proofs', await byKey('ci', { client_secret: secret }), 401, 'invalid_client'],
    [
      'no proof',
      { grant_type: CREDENTIALS, client_id: 'bot:ci', resource: resource('one') },
      401,
      'invalid_client',
    ],
    ['a wrong secret', bySecret({ client_secret: wrong }), 401, 'invalid_client'],
    ['an unknown robot', await byKey('ghost'), 401, 'invalid_client'],
    [
      'an ID token of another repository',
      byIdToken({ subject_token: idToken({ repository: 'evil/shop' }) }),
      401,
      'invalid_client',
    ],
    [
      'an unsigned ID token',
      byIdToken({ subject_token: `${none}.${idToken().split('.')[1]}.` }),
      401,
      'invalid_client',
    ],
    [
      'an ID token of another type',
      byIdToken({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }),
      401,
      'invalid_client',
    ],
    ['an ID token for the other grant', byIdToken({ grant_type: CREDENTIALS }), 401, 'invalid_client'],
    ['a secret for the other grant', bySecret({ grant_type: EXCHANGE }), 401, 'invalid_client'],
    ['another grant', bySecret({ grant_type: 'refresh_token', refresh_token: 'x' }), 400, 'invalid_request'],
    ['no app', bySecret({ resource: '' }), 400, 'invalid_target'],
    ['an unknown app', bySecret({ resource: resource('nope') }), 400, 'invalid_target'],
    ['a foreign resource', bySecret({ resource: 'https://example.com/' }), 400, 'invalid_target'],
    [
      'a role that needs a passkey',
      await byKey('careful'),
      400,
      'unauthorized_client',
      /session_mfa_required/,
    ],
    ['no role for the app', await byKey('nobody'), 400, 'unauthorized_client', /label_mismatch/],
    ['an address that it may not use', await byKey('far'), 400, 'unauthorized_client', /address_not_allowed/],
  ]
  for (const [what, fields, status, error, detail = /./] of cases) {
    const answer = await given(fields)
    t.match(
      { status: answer.status, error: answer.error, detail: answer.detail ?? '-' },
      { status, error, detail },
      what,
    )
    t.equal(answer.body.access_token, undefined, what)
  }
  const open = await hub.api<{ user: string }[]>('GET', '/sessions')
  t.notOk(
    open.some(({ user }) => /careful|nobody|far/.test(user)),
    'no session is left',
  )
})

t.test(
  'a refusal of a robot that proved itself has its name, and a name without "bot:" gets a sentence',
  async (t) => {
    await put('lone', { roles: ['guests'], keys })
    t.equal((await given(await byKey('lone'))).error, 'unauthorized_client')
    const refused = async (matches: (event: { user: string | null; detail: string | null }) => boolean) =>
      until(async () => {
        const all = await hub.api<{ user: string | null; detail: string | null; success: boolean }[]>(
          'GET',
          '/audit?type=token.issued&limit=1000',
        )
        return all.some((event) => !event.success && matches(event))
      }, 'the refusal is in the audit')
    await refused(({ user, detail }) => user === 'bot:lone' && /label_mismatch/.test(detail ?? ''))
    for (const [fields, headers] of [
      [bySecret({ client_id: 'ci' }), {}],
      [byIdToken({ client_id: 'ci' }), {}],
      [{ grant_type: CREDENTIALS, resource: resource('one') }, basic('ci')],
    ] as const) {
      const { status, body } = await given(fields, headers)
      t.match({ status, body }, { status: 400, body: { error: 'invalid_client' } })
      t.match(body.error_description, /client_id.*such as bot:ci/)
    }
  },
)

t.test('a locked robot proves nothing: no session of it waits for the end of the lock', async (t) => {
  await put('held', { keys })
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'bot:held' } })
  const answer = await given(await byKey('held'))
  t.match(
    { status: answer.status, error: answer.error, detail: answer.detail },
    { status: 400, error: 'unauthorized_client', detail: 'locked' },
  )
  const login = await post(hub, '/v1/webapi/user-certs', {
    bot: 'held',
    assertion: await assertion('held', { aud: hub.url }),
    public_key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      type: 'spki',
      format: 'pem',
    }),
  })
  t.match(login, { status: 403, text: /"code":"locked"/ })
  const sessions = await hub.api<{ user: string }[]>('GET', '/sessions')
  t.notOk(sessions.some(({ user }) => user === 'bot:held'))
  await hub.api('DELETE', `/locks/${id}`)
  t.equal((await given(await byKey('held'))).status, 200)
})

t.test('two client_id parameters are refused', async (t) => {
  for (const more of ['bot:nobody', 'bot:ci', 'other']) {
    const fields = new URLSearchParams(bySecret())
    fields.append('client_id', more)
    const answer = await post(hub, '/v1/oauth/token', fields)
    t.match(answer, { status: /40[01]/, text: /invalid_client|invalid_request/ }, more)
    t.notMatch(answer.text, 'access_token')
  }
})

t.test('a robot revokes its own tokens, and none of others', async (t) => {
  await put('one-more', { keys })
  const revoke = async (fields: Readonly<Record<string, string>>, headers = {}) =>
    (await post(hub, '/v1/oauth/revoke', new URLSearchParams(fields), headers)).status
  const held = async (bot = 'ci') => {
    const { bearer, body } = await given(await byKey(bot))
    const isLive = async () => (await open('one', bearer)).status === 200
    t.ok(await isLive())
    return { token: String(body.access_token), isLive }
  }
  for (const [what, present, headers] of [
    ['by its secret', { client_id: 'bot:ci', client_secret: secret }, {}],
    ['by the token alone', { client_id: 'bot:ci' }, {}],
    ['with Basic', {}, basic('bot:ci')],
    ['by its key', { client_assertion_type: ASSERTION, client_assertion: await assertion('ci') }, {}],
  ] as const) {
    const { token, isLive } = await held()
    t.equal(await revoke({ token, ...present }, headers), 200, what)
    t.notOk(await isLive(), what)
    t.equal(await revoke({ token, client_id: 'bot:ci' }), 200, 'again')
  }
  const { token, isLive } = await held('one-more')
  t.equal(await revoke({ token, client_id: 'bot:ci', client_secret: secret }), 200)
  t.ok(await isLive(), 'the token of another robot')
  t.equal(
    await revoke({ token, client_id: 'bot:one-more', client_secret: `${secret}x` }),
    401,
    'a wrong secret',
  )
  t.ok(await isLive())
  t.equal(await revoke({ token: 'x', client_id: 'bot:ci' }), 200, 'no token')
  await until(async () => {
    const all = await hub.api<{ user: string }[]>('GET', '/audit?type=token.revoked')
    return all.filter(({ user }) => user === 'bot:ci').length >= 4
  }, 'token.revoked')
})

t.test('a robot is not a client of other endpoints', async (t) => {
  const fields = new URLSearchParams({ client_id: 'bot:ci', client_secret: secret, token: 'x' })
  for (const path of ['/v1/oauth/introspect', '/v1/oauth/device_authorization']) {
    const { status } = await hub.visitor().fetch(hub.signInUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: fields.toString(),
    })
    t.ok(status >= 400 && status < 500, `${path}: ${status}`)
  }
})

t.test('a body that is too long or not a form is refused', async (t) => {
  t.equal((await token(hub, { client_id: 'bot:ci', filler: 'x'.repeat(60_000) })).status, 413)
  const json = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(bySecret()),
  })
  t.equal(json.status, 400)
})

t.test('S204 tokens and streams of a robot end within a second', async (t) => {
  for (const [what, cut] of [
    ['locked', () => hub.api('POST', '/locks', { target: { user: 'bot:ci' } })],
    ['its rule of trust is gone', () => put('ci', { keys, max_token_ttl: '10m' })],
    ['its role is gone', () => put('ci', { keys, trust, roles: ['guests'], max_token_ttl: '10m' })],
    ['removed', () => hub.api('DELETE', '/bots/ci')],
  ] as const) {
    await put('ci', { keys, trust, max_token_ttl: '10m' })
    const { bearer } = await given(byIdToken())
    const stream = await hub.visitor().stream(`${hub.appUrl('one')}/drip`, { headers: bearer })
    let ended = false
    stream
      .on('error', () => {})
      .once('close', () => {
        ended = true
      })
    stream.resume()
    const watch = startStopwatch()
    await cut()
    await until(() => ended, what)
    const ms = watch.took()
    t.ok(ms < 1_000, `${what}: ${ms} ms`)
    const { status } = await open('one', bearer)
    t.ok([401, 403].includes(status), `${what}: ${status}`)
    for (const { id } of await hub.api<{ id: string }[]>('GET', '/locks'))
      await hub.api('DELETE', `/locks/${id}`)
  }
  await put('ci', { keys, trust, max_token_ttl: '10m' })
})

t.test('N169 a bot at its cap of requests is refused with all its tokens, and others go on', async (t) => {
  for (const name of ['busy', 'calm']) await put(name, { keys })
  const { bearer } = await given(await byKey('busy'))
  const held = []
  for (let at = 0; at < MOST_REQUESTS; at++) {
    const ask = { headers: bearer, timeoutMs: 600_000 }
    const stream = await hub.visitor().stream(`${hub.appUrl('one')}/drip`, ask)
    t.teardown(() => stream.destroy())
    t.equal(stream.on('error', () => {}).resume().statusCode, 200)
    held.push(stream)
  }
  const other = await given(await byKey('busy', { resource: resource('two') }))
  for (const [name, token] of [
    ['one', bearer],
    ['two', other.bearer],
  ] as const) {
    const refused = await open(name, token)
    t.match(refused, { status: 429, text: /"code":"person_limit"/ }, `at the app ${name}`)
    t.match(refused.headers['retry-after'], /^\d+$/)
  }
  const calm = await given(await byKey('calm'))
  t.match(await open('one', calm.bearer), { status: 200, text: 'for bot:calm' })
  await until(async () => {
    const all = await hub.api<{ user: string; reason: string }[]>('GET', '/audit?type=access.denied')
    return all.filter(({ user, reason }) => user === 'bot:busy' && reason === 'person_limit').length === 2
  }, 'both refusals are in the audit trail')
  for (const stream of held) stream.destroy()
  await until(async () => (await open('one', bearer)).status === 200, 'every place was given back')
})

t.test('rules of addresses hold for each request of a bot, as they do for people', async (t) => {
  await world.register('desk', {}, { env: 'test', desk: 'one' })
  await put('near', { keys, allow_from: [`${HERE}/32`] })
  await put('free', { keys })
  const from = (localAddress: string, name: string, headers: Readonly<Record<string, string>>) => {
    const agent = new Agent({ localAddress })
    t.teardown(() => agent.destroy())
    return hub
      .visitor()
      .fetch(`${hub.appUrl(name)}/`, { agent, headers: { accept: 'application/json', ...headers } })
  }
  world.person('rosa', 'staff')
  const login = await programLogin(hub)
  const asked = await hub.visitor().fetch(`${hub.url}/v1/webapi/me/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${login.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ app: 'desk' }),
  })
  const rosa = { authorization: `Bearer ${JSON.parse(asked.text).access_token}` }
  const near = await given(await byKey('near'))
  const free = await given(await byKey('free', { resource: resource('desk') }))
  const anywhere = await given(await byKey('free'))
  // Twice, because the decision about one address must not be that about the other.
  for (const turn of ['first', 'again']) {
    t.match(await from(HERE, 'one', near.bearer), { status: 200, text: 'for bot:near' }, turn)
    const away = await from(ELSEWHERE, 'one', near.bearer)
    t.match(away, { status: 403, text: /address_not_allowed/ }, `${turn}: an address of no rule of the bot`)
    t.equal((await from(ELSEWHERE, 'one', anywhere.bearer)).status, 200, `${turn}: a bot without rules`)
    for (const [who, headers, text] of [
      ['bot', free.bearer, 'for bot:free'],
      ['person', rosa, 'for rosa@example.com'],
    ] as const) {
      t.match(await from(HERE, 'desk', headers), { status: 200, text }, `${turn}: ${who}`)
      const refused = await from(ELSEWHERE, 'desk', headers)
      t.match(refused, { status: 403, text: /outside_office/ }, `${turn}: ${who} elsewhere`)
    }
  }
  await until(async () => {
    const all = await hub.api<{ user: string; reason: string; client_ip: string }[]>(
      'GET',
      '/audit?type=access.denied',
    )
    return ['bot:near address_not_allowed', 'bot:free outside_office'].every((wanted) =>
      all.some((event) => `${event.user} ${event.reason}` === wanted && event.client_ip === ELSEWHERE),
    )
  }, 'the audit trail has the bot, the reason and the address')
})

t.test('S205 no token, secret or assertion is in a log or a record', async (t) => {
  const fields = await byKey()
  const { body } = await given(fields)
  await open('one', { authorization: `Bearer ${body.access_token}` })
  const records = JSON.stringify(await hub.api('GET', '/audit?limit=1000')) + hub.log.join('\n')
  for (const text of [body.access_token, secret, fields.client_assertion])
    t.notOk(
      records.includes(String(text).slice(12, 60)),
      createHash('sha256').update(String(text)).digest('hex').slice(0, 8),
    )
})
