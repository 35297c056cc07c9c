// together: programs
/** `mezctl programs doctor`: what a token of a program says, which rule it fits, and what the gate decides. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as jose from 'jose'
import t from 'tap'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { startWorld, token } from '../authorization-server/world.ts'

const { hub, issuer, resource, register } = await startWorld(t, {
  roles: {
    readers: { allow: { app_labels: { env: 'test' } } },
    'bot-desk': { allow: { admin: [{ kinds: ['bot'], verbs: ['read'] }] } },
  },
})
const AUDIENCE = 'https://mezite.example.com'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys = [{ kid: 'one', jwk: publicKey.export({ format: 'jwk' }) }]
const rule = { issuer: issuer.url, audience: AUDIENCE }
const put = (name: string, spec: object) =>
  hub.api('PUT', `/bots/${name}`, {
    kind: 'bot',
    version: 'v1',
    metadata: { name },
    spec: { roles: ['readers'], ...spec },
  })
const trust = [
  { ...rule, claims: { repository: 'example/shop', ref: '^refs/heads/(main|rel-.*)$' } },
  { ...rule, audience: 'https://other.example.com', claims: { repository: 'example/docs', ref: 'x' } },
]
await put('ci', { keys, trust })
await put('nightly', { trust: [{ ...rule, claims: { repository: 'example/shop' } }] })
await register('closed', {}, { env: 'prod' })

const now = () => Math.floor(Date.now() / 1_000)
const idToken = (claims: object = {}, header: Readonly<Record<string, string>> = {}) =>
  issuer.sign(
    {
      ...{ iss: issuer.url, sub: 'repo:example/shop', aud: AUDIENCE, iat: now(), exp: now() + 300 },
      ...{ jti: randomUUID(), repository: 'example/shop', ref: 'refs/heads/main' },
      ...claims,
    },
    header,
  )
const exchange = (given: string) =>
  token(hub, {
    ...{ grant_type: EXCHANGE, client_id: 'bot:ci', resource: resource('one'), subject_token: given },
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
  })
const assertion = (claims: object = {}) =>
  new jose.SignJWT({
    ...{ iss: 'bot:ci', sub: 'bot:ci', aud: hub.signInUrl, exp: now() + 60, jti: randomUUID() },
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(privateKey)

const doctor = (line: string, input: string) =>
  runMezctl(['programs', 'doctor', ...line.split(' ')], { MEZITE_DATA_DIR: hub.dataDir }, input)

interface Found {
  readonly kind: string
  readonly session: { user: string; apps: string[] } | null
  readonly bots: {
    bot: string
    accepted: boolean
    reason: string | null
    rules: { rule: number; fits: boolean; mismatches: string[] }[]
  }[]
  readonly gate: { user: string; app: string; effect: string; reason: string }[]
}
const found = async (line: string, input: string): Promise<Found & { code: number | null }> => {
  const { out, code, err } = await doctor(`${line} --format json`, input)
  if (out === '') throw new Error(err)
  return { ...JSON.parse(out), code }
}

t.test('a token that fits is shown with its claims, its rule and what the gate decides', async (t) => {
  const { code, out } = await doctor('ci --app one', `${idToken()}\n`)
  t.equal(code, 0, out)
  t.match(out, /Token: +ID token\n/)
  t.match(out, `Issuer:    ${issuer.url}`)
  t.match(out, /Audience: +https:\/\/mezite\.example\.com/)
  t.match(out, /\nrepository +example\/shop/)
  t.match(out, /bot:ci accepts it\.\n {2}Rule 1 fits\.\n {2}Rule 2 does not fit:/)
  t.match(out, /bot:ci may open one: /)
})

t.test('a token that fits no rule is compared with all of them, and names every mismatch', async (t) => {
  const wrong = idToken({ ref: 'refs/pull/7/merge', repository: 'example/docs' })
  const { code, kind, bots, gate } = await found('ci', wrong)
  t.equal(code, 3)
  t.equal(kind, 'id_token')
  t.match(bots, [{ bot: 'ci', accepted: false, reason: 'claims_not_met' }])
  t.strictSame(
    bots[0]?.rules.map(({ mismatches }) => mismatches),
    [
      [
        'repository must be "example/shop", and is "example/docs"',
        'ref must be "^refs/heads/(main|rel-.*)$", and is "refs/pull/7/merge"',
      ],
      [
        'aud must be "https://other.example.com", and is "https://mezite.example.com"',
        'ref must be "x", and is "refs/pull/7/merge"',
      ],
    ],
  )
  t.strictSame(gate, [], 'no app was named')
  const { out, err } = await doctor('ci', wrong)
  t.match(out, /bot:ci refuses it: claims_not_met\n {2}Rule 1 does not fit:\n {4}repository must be/)
  t.match(err, /would not get in[\s\S]*mezctl bots get ci/)
})

t.test('the same steps decide as for a program, in the same order', async (t) => {
  const cases: readonly (readonly [reason: string, input: string])[] = [
    ['proof_expired', idToken({ exp: now() - 120 })],
    ['proof_not_yet_valid', idToken({ iat: now() + 3_600, exp: now() + 3_900 })],
    ['proof_lives_too_long', idToken({ exp: now() + 200_000 })],
    ['audience_wrong', idToken({ aud: 'https://elsewhere.example' })],
    ['issuer_not_trusted', idToken({ iss: 'https://elsewhere.example' })],
    ['issuer_not_trusted', idToken({ iss: undefined })],
    ['type_wrong', idToken({}, { typ: 'at+jwt' })],
    ['algorithm_not_allowed', issuer.signConfused({ iss: issuer.url, aud: AUDIENCE, sub: 'x' })],
    ['key_unknown', idToken({}, { kid: 'gone' })],
    ['signature_invalid', `${idToken().slice(0, -8)}AAAAAAAA`],
    ['proof_malformed', 'a.b.c'],
    ['audience_wrong', await assertion({ aud: 'https://elsewhere.example' })],
    ['subject_wrong', await assertion({ sub: 'bot:nightly' })],
    ['secret_wrong', `mezite_bot_${'A'.repeat(43)}`],
  ]
  for (const [reason, given] of cases) {
    const { bots } = await hub.api<Found>('POST', '/programs/check', { token: given, bot: 'ci' })
    t.match(bots, [{ bot: 'ci', accepted: false, reason }], reason)
  }
  const { code, bots } = await found('bot:ci', await assertion())
  t.match({ code, bots }, { code: 0, bots: [{ accepted: true, rules: [] }] }, 'an assertion of its key')
})

t.test('a check does not use a token up, and says when it was used', async (t) => {
  const given = idToken()
  t.equal((await found('ci', given)).code, 0)
  t.equal((await found('ci', given)).code, 0)
  const answer = await exchange(given)
  t.equal(answer.status, 200, answer.text)
  t.match(await found('ci', given), { code: 3, bots: [{ reason: 'proof_replayed' }] })
})

t.test('with the name of an app, the bots that trust the issuer are found', async (t) => {
  const { code, bots, gate } = await found('one', idToken({ ref: 'refs/tags/v1' }))
  t.equal(code, 0)
  t.match(bots, [
    { bot: 'ci', accepted: false },
    { bot: 'nightly', accepted: true },
  ])
  t.match(gate, [
    { user: 'bot:ci', app: 'one', effect: 'allow' },
    { user: 'bot:nightly', app: 'one', effect: 'allow' },
  ])
  const refused = await doctor('closed', idToken())
  t.equal(refused.code, 3)
  t.match(refused.out, /bot:nightly may not open closed: \w+/)
  t.match(refused.err, /the gate would not let the program in to closed/)
  t.match(await doctor('ci --app closed', idToken()), { code: 3 })
  t.match(await doctor('nobody', idToken()), { code: 1, err: /bot_not_found/ })
  t.match(await doctor('one', idToken({ iss: 'https://elsewhere.example' })), {
    code: 3,
    out: /No bot trusts its issuer/,
  })
})

t.test('an access token of the hub is shown with its account, its app and its end', async (t) => {
  const { access_token: given } = JSON.parse((await exchange(idToken())).text)
  const { code, session, gate } = await found('one', given)
  t.match(
    { code, session, gate },
    { code: 0, session: { user: 'bot:ci', apps: ['one'] }, gate: [{ effect: 'allow' }] },
  )
  t.match(await doctor('two', given), { code: 3, out: /It opens one as bot:ci[\s\S]*does not open two/ })
  t.match(await doctor('one', `mezite_at_${'A'.repeat(43)}`), { code: 3, out: /It opens nothing/ })
})

t.test('only issuers that a rule of the bot names are asked for their keys', async (t) => {
  let asked = 0
  const stranger = createServer((_, response) => {
    asked += 1
    response.end('{}')
  })
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  t.teardown(() => stranger.close())
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
  await put('elsewhere', { trust: [{ issuer: url, audience: AUDIENCE, claims: { sub: 'x' } }] })
  const given = idToken({ iss: url })
  const verdict = async () =>
    (await hub.api<Found>('POST', '/programs/check', { token: given, bot: 'ci' })).bots
  t.match(await verdict(), [{ reason: 'issuer_not_trusted' }])
  t.equal(asked, 0)
  const own = await hub.api<Found>('POST', '/programs/check', { token: given, bot: 'elsewhere' })
  t.match(own.bots, [{ reason: 'issuer_unreachable' }])
  t.ok(asked > 0)
  await hub.api('DELETE', '/bots/elsewhere')
})

t.test('a token comes from standard input alone, as one word within its length', async (t) => {
  t.match(await doctor('ci', ' \n'), { code: 2, err: /standard input is empty/ })
  t.match(await doctor('ci', 'x'.repeat(16_385)), { code: 2, err: /longer than 16384 characters/ })
  t.match(await doctor('ci', 'x'.repeat(300_000)), { code: 2, err: /longer than 16384 characters/ })
  t.match(await doctor('ci', 'Bearer x'), { code: 2, err: /more than one word/ })
  const secret = idToken()
  for (const words of [`ci ${secret}`, `ci --token ${secret}`]) t.equal((await doctor(words, '')).code, 2)
})

t.test('the route needs the right to read bots, and a body that is right', async (t) => {
  const check = (body: object) => hub.api('POST', '/programs/check', body)
  await t.rejects(check({}), { code: 'invalid_request' })
  await t.rejects(check({ token: 'x'.repeat(20_000) }), { code: 'invalid_request' })
  await t.rejects(check({ token: ['x'] }), { code: 'invalid_request' })
  await t.rejects(check({ token: 'x', bot: 'nobody' }), { code: 'bot_not_found' })
  await t.rejects(hub.api('POST', '/programs/check?token=x', { bot: 'ci' }), { code: 'invalid_request' })
  /** A call by a bot with this role. */
  const call = async (name: string, role: string) => {
    await put(name, { keys, roles: [role], api: true })
    const { publicKey: own } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const proof = await assertion({ iss: `bot:${name}`, sub: `bot:${name}` })
    const send = (path: string, body: object, headers = {}) =>
      hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
    const login = { bot: name, public_key: own.export({ type: 'spki', format: 'pem' }), assertion: proof }
    const { token: bearer } = JSON.parse((await send('/user-certs', login)).text)
    return send('/programs/check', { token: idToken(), bot: 'ci' }, { authorization: `Bearer ${bearer}` })
  }
  t.equal((await call('desk', 'bot-desk')).status, 200)
  t.equal((await call('other', 'readers')).status, 403)
})

t.test('no part of a checked token is in a record or in the log', async (t) => {
  const given = idToken({ nonce: 'marker-of-this-token' })
  for (const body of [{ token: given, bot: 'ci' }, { token: given }])
    await hub.api('POST', '/programs/check', body)
  await t.rejects(hub.api('POST', '/programs/check', { token: given, bot: 'nobody' }))
  await t.rejects(hub.api('POST', '/programs/check', { token: given.padEnd(20_000, 'x') }))
  const records = JSON.stringify(await hub.api('GET', '/audit?limit=1000'))
  for (const part of [...given.split('.'), 'marker-of-this-token'])
    t.notMatch(records + hub.log.join('\n'), part.slice(0, 60))
})
