// together: programs
/** Programs that an operator makes known (`mezctl clients create`): public clients that prove themselves by PKCE. */
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { authorizationUrl, authorize, consent, follow, post, proofKey, startWorld, token } from './world.ts'

const { hub, person, resource } = await startWorld(t, { config: { registration: false } })
const LOOPBACK = 'http://127.0.0.1/callback'
const PRIVATE = 'com.example.orders:/done'
const HTTPS = 'https://orders.example.com/done'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const mezctl = (...words: string[]) => runMezctl(words, { MEZITE_DATA_DIR: hub.dataDir })

interface Made {
  readonly client_id: string
  readonly redirect_uris: readonly string[]
}
const create = (name: string, redirect_uris: readonly string[], more: object = {}) =>
  hub.api<Made>('POST', '/clients', { name, redirect_uris, ...more })
const open = (access_token: string) =>
  hub.visitor().fetch(`${hub.appUrl('one')}/`, { headers: { authorization: `Bearer ${access_token}` } })

person('ann', 'staff')
const ann = hub.visitor()
await ann.open(`${hub.signInUrl}/web/account`)

t.test('mezctl makes a program, which people let in without a registration', async (t) => {
  const made = await mezctl('clients', 'create', 'Deploy CLI', '--redirect-uri', LOOPBACK, '--json')
  t.equal(made.code, 0, made.err)
  const { client_id } = JSON.parse(made.out)
  const redirect_uri = 'http://127.0.0.1:4711/callback'
  const tokens = await authorize(hub, ann, client_id, resource('one'), { redirect_uri })
  t.match(await open(tokens.access_token), { status: 200, text: 'for ann@example.com' })
  const refreshed = await token(hub, {
    ...{ grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id },
  })
  t.equal(refreshed.status, 200)
  const listed = await mezctl('clients', 'ls')
  t.match(listed.out, /Deploy CLI +operator +1/)
  const text = await mezctl('clients', 'create', 'Orders', '--redirect-uri', PRIVATE, '--redirect-uri', HTTPS)
  t.match(text.out, /Created program Orders\.[\s\S]*Client ID: +[\w-]{36}\nIssuer: +https:/)
  t.match(text.out, `Redirect URIs: ${PRIVATE}, ${HTTPS}`)
})

t.test('each kind of redirect URI gets the code, and no other address does', async (t) => {
  const { client_id } = await create('All kinds', [LOOPBACK, PRIVATE, HTTPS])
  for (const redirect_uri of ['http://127.0.0.1:1/callback', 'http://127.0.0.1:65000/callback', HTTPS]) {
    const fields = {
      client_id,
      redirect_uri,
      resource: resource('one'),
      code_challenge: proofKey().challenge,
    }
    const target = await consent(hub, ann, fields)
    t.ok(target instanceof URL && target.searchParams.has('code'), redirect_uri)
  }
  const wrong = [
    `${HTTPS}/`,
    'https://orders.example.com/',
    'http://127.0.0.1/other',
    'com.example.orders:/x',
  ]
  for (const redirect_uri of [...wrong, 'com.example.evil:/done', 'https://orders.example.com:444/done']) {
    const url = authorizationUrl(hub, {
      ...{ client_id, redirect_uri, resource: resource('one'), code_challenge: proofKey().challenge },
    })
    t.match(await ann.fetch(url), { status: 400, headers: { location: undefined } }, redirect_uri)
  }
})

t.test('PKCE is demanded: without a challenge, with plain, and with another verifier', async (t) => {
  const { client_id } = await create('Careless', [HTTPS])
  const fields = { client_id, redirect_uri: HTTPS, resource: resource('one') }
  for (const more of [{}, { code_challenge: proofKey().verifier, code_challenge_method: 'plain' }]) {
    const answer = await follow(ann, authorizationUrl(hub, { ...fields, ...more }), new URL(HTTPS).origin)
    t.ok(!(answer instanceof URL) || answer.searchParams.get('code') === null, JSON.stringify(more))
  }
  const target = await consent(hub, ann, { ...fields, code_challenge: proofKey().challenge })
  const code = target instanceof URL ? (target.searchParams.get('code') ?? '') : ''
  const redeem = { grant_type: 'authorization_code', code, client_id, redirect_uri: HTTPS }
  const refused = await token(hub, { ...redeem, code_verifier: proofKey().verifier })
  t.match(refused, { status: 400, text: /invalid_grant/ })
})

t.test('a program gets in by the code of a device only if its operator says so', async (t) => {
  const start = async (client_id: string) =>
    post(hub, '/v1/oauth/device_authorization', new URLSearchParams({ client_id, resource: resource('one') }))
  const { client_id: tv } = await create('TV', [], { device: true })
  t.equal((await start(tv)).status, 200)
  const { client_id: other } = await create('No TV', [HTTPS])
  t.match(await start(other), { status: 400, text: /is not allowed for this client/ })
  const refused = await token(hub, { grant_type: DEVICE, device_code: 'x'.repeat(43), client_id: other })
  t.equal(refused.status, 400)
  t.match(await mezctl('clients', 'create', 'Neither'), { code: 2, err: /--redirect-uri URI, --device/ })
  await t.rejects(create('Neither', []), { code: 'redirect_uri_invalid' })
})

t.test('redirect URIs that lead to others, or run scripts, are refused', async (t) => {
  for (const wrong of [
    'http://orders.example.com/done',
    'http://127.0.0.2/done',
    'http://127.0.0.1.example.com/done',
    'https://localhost/done',
    'https://user@orders.example.com/',
    'https://user:pw@orders.example.com/',
    'https://orders.example.com/#here',
    'https://orders.example.com/#',
    'https://*.example.com/done',
    'https://orders.example.com/a b',
    'https://orders.example.com/\n',
    'java\tscript:alert(1)',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'blob:https://orders.example.com/x',
    'myapp:/done',
    'myapp://done',
    'about:blank',
    '//orders.example.com/done',
    'orders.example.com/done',
    '',
    `https://orders.example.com/${'x'.repeat(1_024)}`,
  ])
    await t.rejects(create('Wrong', [wrong]), /redirect|1024|1,024/i, JSON.stringify(wrong))
  for (const name of ['', ' x', '<b>', 'a\u202eb', 'x'.repeat(65), 'two\nlines'])
    await t.rejects(create(name, [HTTPS]), { code: 'invalid_request' }, JSON.stringify(name))
  await t.rejects(create('Many', Array(21).fill(HTTPS)), { code: 'invalid_request' })
  t.notOk((await hub.api<{ name: string }[]>('GET', '/clients')).some(({ name }) => name === 'Wrong'))
})

t.test('a name is used once, also by two who create it at the same time', async (t) => {
  const both = await Promise.allSettled([create('Twice', [HTTPS]), create('Twice', [HTTPS])])
  t.strictSame(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await t.rejects(create('Twice', [HTTPS]), { status: 409, code: 'client_exists' })
})

t.test('its removal ends tokens, consents and codes that are not redeemed yet', async (t) => {
  const { client_id } = await create('Going', [HTTPS])
  const tokens = await authorize(hub, ann, client_id, resource('one'), { redirect_uri: HTTPS })
  t.equal((await open(tokens.access_token)).status, 200)
  const { verifier, challenge } = proofKey()
  const fields = { client_id, redirect_uri: HTTPS, resource: resource('one'), code_challenge: challenge }
  const target = await consent(hub, ann, fields)
  const code = target instanceof URL ? (target.searchParams.get('code') ?? '') : ''
  const gone = await mezctl('clients', 'rm', client_id, '--yes')
  t.equal(gone.code, 0, gone.err)
  t.equal((await open(tokens.access_token)).status, 401)
  const redeem = { grant_type: 'authorization_code', code, client_id, redirect_uri: HTTPS }
  t.match(await token(hub, { ...redeem, code_verifier: verifier }), { status: 401, text: /invalid_client/ })
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id }
  t.match(await token(hub, refresh), { status: 401, text: /invalid_client/ })
  const page = await consent(hub, ann, fields)
  t.match(page, { status: 400 })
  const now = await hub.api<{ client_id: string | null }[]>('GET', '/clients/now')
  t.notOk(now.some((one) => one.client_id === client_id))
  const records = await hub.api<{ type: string; client?: string; kind?: string }[]>(
    'GET',
    '/audit?limit=1000',
  )
  const own = records.filter((one) => one.client === client_id && one.kind === 'operator')
  t.strictSame(own.map(({ type }) => type).sort(), ['client.registered', 'client.removed'])
  await t.rejects(hub.api('DELETE', `/clients/${client_id}`), { code: 'client_not_found' })
  await create('Going', [HTTPS])
})
