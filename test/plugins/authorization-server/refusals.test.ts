// together: programs
/** What programs must not do, what each attempt leaves in the audit, and that no secret is left anywhere. */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Database, database, defineHubPlugin } from '@mezite/core'
import type { Answer } from '@mezite/core/testing'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { sql } from 'kysely'
import t from 'tap'
import { until } from '../../until.ts'
import {
  authorizationUrl,
  authorize,
  consent,
  follow,
  post,
  proofKey,
  REDIRECT,
  startWorld,
  type Tokens,
  token,
} from './world.ts'

let db: Database
const reader = defineHubPlugin({
  name: 'database-reader',
  api: 1,
  summary: 'Lets the test read what is stored',
  needs: { database },
  setup({ use }) {
    db = use.database
  },
})
const world = await startWorld(t, {
  more: [reader],
  roles: { brief: { options: { max_session_ttl: '10m' }, allow: { app_labels: { env: 'test' } } } },
})
const { hub, person, resource } = world
const clientId = await world.client()
const alice = hub.visitor()
person('alice', 'staff')

/** Everything secret that this file gets or sends; the last test looks for it. */
const secrets = new Set<string>()
const keep = (tokens: Tokens): Tokens => {
  for (const secret of [tokens.access_token, tokens.refresh_token, tokens.id_token])
    if (secret !== undefined) secrets.add(secret)
  return tokens
}
const authorized = async (...args: Parameters<typeof authorize>) => keep(await authorize(...args))
const answers: string[] = []
/** A request to the token endpoint, whose answer must not repeat what was sent. */
async function ask(fields: Readonly<Record<string, string>>, headers = {}): Promise<Answer> {
  for (const name of ['code', 'refresh_token', 'client_assertion', 'client_secret', 'device_code'])
    if (fields[name] !== undefined && fields[name].length > 20) secrets.add(fields[name])
  const answer = await token(hub, fields, headers)
  if (answer.status === 200) keep(JSON.parse(answer.text))
  else answers.push(answer.text)
  return answer
}
const refresh = (refresh_token: string, more: object = {}) =>
  ask({ grant_type: 'refresh_token', refresh_token, client_id: clientId, ...more })
const open = async (name: string, { access_token }: { readonly access_token: string }) =>
  hub.visitor().fetch(hub.appUrl(name), {
    headers: { accept: 'application/json', authorization: `Bearer ${access_token}` },
  })

interface Recorded {
  readonly type: string
  readonly success: boolean
  readonly reason: string | null
  readonly client: string | null
  readonly step: string
  readonly detail: string | null
  readonly user: string | null
}
const recorded = (what: string, matches: (event: Recorded) => boolean) =>
  until(async () => {
    const all = await hub.api<Recorded[]>('GET', '/audit?type=token.issued&limit=1000')
    const registered = await hub.api<Recorded[]>('GET', '/audit?type=client.registered&limit=1000')
    return [...all, ...registered].some((event) => !event.success && matches(event))
  }, what)

/** A code for the client, not yet redeemed. */
async function codeFor(fields: Readonly<Record<string, string>> = {}) {
  const { verifier, challenge } = proofKey()
  const asked = { client_id: clientId, resource: resource('one'), code_challenge: challenge, ...fields }
  const target = (await consent(hub, alice, asked)) as URL
  const code = target.searchParams.get('code') ?? ''
  secrets.add(code)
  return {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    code,
    code_verifier: verifier,
  }
}

t.test('each refused request has a code, and a record with program, step and reason', async (t) => {
  const other = await world.client({ client_name: 'Another program' })
  const stranger = randomUUID()
  type Fields = Readonly<Record<string, string>>
  const code = async (more: Fields = {}) => ({ ...(await codeFor()), ...more })
  const spent = async () => {
    const used = await codeFor()
    t.equal((await ask(used)).status, 200)
    return used
  }
  const rotated = async () => {
    const { refresh_token } = await authorized(hub, alice, clientId, resource('one'))
    t.equal((await refresh(refresh_token)).status, 200)
    return { grant_type: 'refresh_token', refresh_token, client_id: clientId }
  }
  const bot = {
    grant_type: 'client_credentials',
    client_id: 'bot:ghost',
    resource: resource('one'),
    client_secret: `mezite_bot_${'x'.repeat(43)}`,
  }
  const elsewhere = { redirect_uri: 'http://127.0.0.1:1/callback' }
  const cases: readonly (readonly [string, () => Fields | Promise<Fields>, number, string, RegExp])[] = [
    ['a code again', spent, 400, 'invalid_grant', /already consumed|used before/],
    ['a code that nobody issued', () => code({ code: 'x'.repeat(43) }), 400, 'invalid_grant', /not found/],
    ['a code of another program', () => code({ client_id: other }), 400, 'invalid_grant', /client mismatch/],
    ['S199 a code for another address', () => code(elsewhere), 400, 'invalid_grant', /redirect_uri/],
    ['S200 a wrong verifier', () => code({ code_verifier: proofKey().verifier }), 400, 'invalid_grant', /./],
    ['a refresh token again', rotated, 400, 'invalid_grant', /already used|used before/],
    [
      'another app than the granted one',
      () => code({ resource: resource('two') }),
      400,
      'invalid_target',
      /./,
    ],
    ['a foreign audience', () => code({ resource: 'https://evil.example/' }), 400, 'invalid_target', /./],
    ['an unknown program', () => code({ client_id: stranger }), 401, 'invalid_client', /not found/],
    ['an unknown grant', () => code({ grant_type: 'password' }), 400, 'unsupported_grant_type', /./],
    ['S203 a bot that does not exist', () => bot, 401, 'invalid_client', /bot_refused/],
  ]
  for (const [what, make, status, error, detail] of cases) {
    const fields = await make()
    const answer = await ask(fields)
    const body = JSON.parse(answer.text)
    t.match({ status: answer.status, body }, { status, body: { error } }, `${what}: ${answer.text}`)
    t.notOk(body.access_token, what)
    await recorded(
      what,
      (event) =>
        event.client === fields.client_id &&
        event.step === 'token' &&
        event.reason === error &&
        detail.test(event.detail ?? ''),
    )
  }
  const { challenge } = proofKey()
  const good = { client_id: clientId, resource: resource('one'), code_challenge: challenge }
  for (const [what, fields, reason] of [
    ['S199 a wrong redirect URI', { ...good, redirect_uri: 'https://evil.example/' }, 'invalid_redirect_uri'],
    ['an unknown client', { ...good, client_id: `${stranger}-x` }, 'invalid_client'],
    ['S200 no PKCE', { ...good, code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
  ] as const) {
    const page = await follow(alice, authorizationUrl(hub, fields), new URL(REDIRECT).origin)
    if (page instanceof URL) t.equal(page.searchParams.get('error'), reason, what)
    else t.match(page, { status: 400, text: /This program cannot continue/ }, what)
    await recorded(
      what,
      (event) =>
        event.step === 'authorization' && event.reason === reason && event.client === fields.client_id,
    )
  }
  await t.rejects(world.client({ redirect_uris: ['http://evil.example/'] }), /invalid_redirect_uri/)
  await recorded(
    'a registration',
    ({ step, reason }) => step === 'registration' && reason === 'invalid_redirect_uri',
  )
  const unknown = new URLSearchParams({ token: 'x', client_id: stranger })
  t.equal((await post(hub, '/v1/oauth/revoke', unknown)).status, 401)
  await recorded('a revocation', ({ step, client }) => step === 'revocation' && client === stranger)
})

t.test('S203 the assertion of a program is valid once, for this hub alone', async (t) => {
  const own = await generateKeyPair('ES256', { extractable: true })
  const foreign = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'own', use: 'sig', alg: 'ES256' }
  const id = await world.client({
    client_name: 'Backend',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [jwk] },
  })
  const now = () => Math.floor(Date.now() / 1_000)
  const proof = async (claims: object = {}, key = own.privateKey) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await new SignJWT({
      iss: id,
      sub: id,
      aud: hub.signInUrl,
      iat: now(),
      exp: now() + 60,
      jti: randomUUID(),
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'own' })
      .sign(key),
  })
  const spent = await proof()
  const answer = await ask({ ...(await codeFor({ client_id: id })), client_id: id, ...spent })
  t.equal(answer.status, 200)
  const { refresh_token } = JSON.parse(answer.text) as Tokens
  const again = { grant_type: 'refresh_token', refresh_token, client_id: id }
  const other = 'https://other.example/'
  for (const [what, made] of [
    ['the same one again', spent],
    ['expired a minute ago', await proof({ exp: now() - 60 })],
    ['valid in a minute', await proof({ nbf: now() + 60 })],
    ['made in an hour', await proof({ iat: now() + 3_600, exp: now() + 3_660 })],
    ['for another server', await proof({ aud: other })],
    ['for another server too', await proof({ aud: [hub.signInUrl, other] })],
    ['of another program', await proof({ iss: clientId })],
    ['without an id', await proof({ jti: undefined })],
    ['with a foreign key', await proof({}, foreign.privateKey)],
    ['none', {}],
  ] as const) {
    const refused = await ask({ ...again, ...made })
    t.equal(refused.status, 401, what)
    t.equal(JSON.parse(refused.text).error, 'invalid_client', what)
  }
  await recorded('a foreign assertion', ({ client, reason }) => client === id && reason === 'invalid_client')
  const behind = await ask({ ...again, ...(await proof({ exp: now() - 5 })) })
  t.equal(behind.status, 200, 'clocks may differ by some seconds')
  const next = { ...again, refresh_token: (JSON.parse(behind.text) as Tokens).refresh_token }
  const ahead = await ask({ ...next, ...(await proof({ nbf: now() + 5 })) })
  t.equal(ahead.status, 200, 'in both directions')

  const introspect = async (text: string, as: Readonly<Record<string, string>>) => {
    const fields = new URLSearchParams({ token: text, ...as })
    const { status, text: body } = await post(hub, '/v1/oauth/introspect', fields)
    return { status, ...JSON.parse(body) } as Readonly<Record<string, unknown>>
  }
  const current = JSON.parse(ahead.text) as Tokens
  const itself = async () => ({ client_id: id, ...(await proof()) })
  t.match(await introspect(current.access_token, await itself()), {
    status: 200,
    active: true,
    sub: /^[\w-]{43}$/,
    aud: resource('one'),
    client_id: id,
  })
  const theirs = await authorized(hub, alice, clientId, resource('one'))
  const nothing = { status: 200, active: false }
  t.strictSame(await introspect(theirs.access_token, await itself()), nothing, 'the token of another program')
  t.strictSame(await introspect(theirs.access_token, { client_id: clientId }), nothing, 'without a secret')
  t.match(await introspect(current.access_token, { client_id: id }), { status: 401, error: 'invalid_client' })
  const end = new URLSearchParams({ token: current.refresh_token, ...(await itself()) })
  t.equal((await post(hub, '/v1/oauth/revoke', end)).status, 200)
  t.strictSame(await introspect(current.access_token, await itself()), nothing)
  t.equal((await open('one', current)).status, 401, 'the end of a refresh token ends its access tokens')
})

t.test('tokens of a removed account end, also for the next holder of the name', async (t) => {
  person('rosa', 'staff')
  const tokens = await authorized(hub, hub.visitor(), clientId, resource('one'), { scope: 'openid app' })
  t.equal((await open('one', tokens)).status, 200)
  await hub.api('DELETE', '/users/rosa@example.com')
  person('rosa', 'staff')
  await hub.visitor().open(`${hub.signInUrl}/web/account`)
  t.equal((await open('one', tokens)).status, 401)
  t.match(await refresh(tokens.refresh_token), { status: 400, text: /invalid_grant/ })
})

t.test('a token without an audience opens no app, and a granted app always gives one', async (t) => {
  person('alice', 'staff')
  const own = await world.client({ client_name: 'Reader' })
  const { verifier, challenge } = proofKey()
  const asked = { client_id: own, scope: 'openid profile', code_challenge: challenge }
  const target = (await consent(hub, alice, asked)) as URL
  const answer = await ask({
    grant_type: 'authorization_code',
    client_id: own,
    redirect_uri: REDIRECT,
    code: target.searchParams.get('code') ?? '',
    code_verifier: verifier,
  })
  t.equal(answer.status, 200)
  const reader = JSON.parse(answer.text) as Tokens
  for (const name of ['one', 'two']) t.equal((await open(name, reader)).status, 401)
  const info = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/userinfo`, {
    headers: { authorization: `Bearer ${reader.access_token}` },
  })
  t.match(info, { status: 200, text: /alice@example.com/ })
  const made = await hub.visitor().fetch(`${hub.signInUrl}/v1/oauth/userinfo`, {
    headers: { authorization: `Bearer mezite_access_${'x'.repeat(43)}` },
  })
  t.equal(made.status, 401)
  await recorded(
    'a token that nobody issued',
    ({ step, reason }) => step === 'userinfo' && reason === 'invalid_token',
  )
  const named = await ask(await codeFor({ scope: 'openid app' }))
  t.equal(named.status, 200)
  const tokens = JSON.parse(named.text) as Tokens
  t.equal((await open('one', tokens)).status, 200, 'the granted app, though the request names none')
  t.equal((await open('two', tokens)).status, 401)
})

t.test("a role's max_session_ttl limits consents and tokens, counted from the sign-in", async (t) => {
  person('bruno', 'brief')
  const tokens = await authorized(hub, hub.visitor(), clientId, resource('one'))
  t.ok(tokens.expires_in <= 600, `${tokens.expires_in} s`)
  const renewed = JSON.parse((await refresh(tokens.refresh_token)).text) as Tokens
  t.ok(renewed.expires_in <= tokens.expires_in, 'a refresh does not prolong it')
  const all = await hub.api<{ user: string; expires: string; created: string }[]>('GET', '/sessions')
  const own = all.filter(({ user }) => user === 'bruno@example.com')
  t.ok(own.length > 2)
  const signedIn = Math.min(...own.map(({ created }) => Date.parse(created)))
  for (const { expires } of own) t.ok(Date.parse(expires) <= signedIn + 600_000, expires)
})

t.test('an unmet requirement returns 403 with insufficient_scope, and the app gets nothing', async (t) => {
  const guard = (options: object) =>
    hub.api('PUT', '/roles/guard', {
      kind: 'role',
      version: 'v1',
      metadata: { name: 'guard' },
      spec: { options, allow: { app_labels: { env: 'test' } } },
    })
  await guard({})
  await hub.api('POST', '/users', { name: 'wendy@example.com', roles: ['guard'] })
  person('wendy')
  const tokens = await authorized(hub, hub.visitor(), clientId, resource('one'))
  t.equal((await open('one', tokens)).status, 200)
  await guard({ require_session_mfa: true })
  const before = world.received.length
  const answer = await open('one', tokens)
  t.equal(answer.status, 403)
  const metadata = `${hub.appUrl('one')}/.well-known/oauth-protected-resource`
  t.equal(
    answer.headers['www-authenticate'],
    `Bearer error="insufficient_scope", resource_metadata="${metadata}", scope="app"`,
  )
  t.equal(world.received.length, before)
  t.match(await refresh(tokens.refresh_token), { status: 400, text: /invalid_grant/ }, 'no new token either')
  await recorded('the refused refresh', ({ detail }) => /session_mfa_required/.test(detail ?? ''))
})

t.test('a script of a browser calls the token endpoint from the origin of its redirect URI', async (t) => {
  const redirect_uri = 'https://spa.example/callback'
  const id = await world.client({ redirect_uris: [redirect_uri], client_name: 'Single page' })
  const fields = async () => ({
    ...(await codeFor({ client_id: id, redirect_uri })),
    client_id: id,
    redirect_uri,
  })
  const foreign = await ask(await fields(), { origin: 'https://evil.example' })
  t.equal(foreign.status, 400)
  t.equal(foreign.headers['access-control-allow-origin'], undefined)
  const answer = await ask(await fields(), { origin: 'https://spa.example' })
  t.equal(answer.status, 200)
  t.equal(answer.headers['access-control-allow-origin'], 'https://spa.example')
})

t.test('S202 a program at a private address is refused without a connection', async (t) => {
  let connections = 0
  const listener = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.teardown(() => listener.close())
  const { port } = listener.address() as AddressInfo
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433']) {
    const client_id = `https://${host}:${port}/client.json`
    const asked = { client_id, resource: resource('one'), code_challenge: proofKey().challenge }
    const page = await follow(alice, authorizationUrl(hub, asked), new URL(REDIRECT).origin)
    t.match(page, { status: 400, text: /This program cannot continue/ }, host)
    t.notMatch((page as Answer).text, /ECONN|ENOTFOUND|public internet/, 'it does not say what it found')
    await recorded(host, ({ client, reason }) => client === client_id.slice(0, 64) && reason !== null)
  }
  t.equal(connections, 0)
})

t.test('S210 200 of 10,000 unused registrations are kept', async (t) => {
  await sql`INSERT INTO authorization_server_records (key, model, payload, client_id, created)
    SELECT 'Client:flood-' || n, 'Client', '{"client_name":"flood"}', 'flood-' || n, n
    FROM generate_series(1, 10000) AS n`.execute(db)
  const newest = await world.client({ client_name: 'The next one' })
  const kept = await hub.api<{ client_id: string; people: number }[]>('GET', '/clients')
  t.ok(kept.filter(({ people }) => people === 0).length <= 200, `${kept.length}`)
  t.ok(kept.some(({ client_id }) => client_id === newest))
  await authorized(hub, alice, clientId, resource('one'))
})

t.test('S205 no token, code, secret or assertion is stored, logged, recorded or repeated', async (t) => {
  const device = new URLSearchParams({ client_id: clientId, scope: 'app', resource: resource('one') })
  const started = await post(hub, '/v1/oauth/device_authorization', device)
  secrets.add(JSON.parse(started.text).device_code)
  const { client_secret } = await hub.api<{ client_secret: string }>('PUT', '/app-clients/one', {
    redirect_uris: ['https://one.example.com/callback'],
  })
  secrets.add(client_secret)
  for (const [, value = ''] of (alice.cookies(new URL(hub.signInUrl).host) ?? '').matchAll(/=([\w-]{40,})/g))
    secrets.add(value)
  t.ok(secrets.size > 40, `${secrets.size}`)
  const { rows } = await sql<{ name: string }>`SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`.execute(db)
  t.ok(rows.length > 20)
  const places = new Map([
    ['the log', hub.log.join('\n')],
    ['answers', answers.join('\n')],
    ['the audit', JSON.stringify(await hub.api('GET', '/audit?limit=1000'))],
  ])
  for (const { name } of rows) {
    const all = await sql<{ text: string }>`SELECT t::text AS text FROM ${sql.table(name)} AS t`.execute(db)
    places.set(`table ${name}`, all.rows.map(({ text }) => text).join('\n'))
  }
  for (const secret of secrets) {
    // The prefix of a token is no secret; bytes are printed in hexadecimal.
    const random = secret.replace(/^mezite_[a-z]+_/, '').slice(-40)
    const hex = Buffer.from(random).toString('hex')
    for (const [place, text] of places)
      if (text.includes(random) || text.includes(hex)) t.fail(`${secret.slice(0, 14)}… is in ${place}`)
  }
  t.ok(
    places.get('table authorization_server_records')?.includes('AccessToken:'),
    'it reads what it searches',
  )
})
