// together: plugin-hubs
/** Accounts of programs in a running hub: their proofs, their certificates, and what takes access from them. */
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Agent, createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { conformResource, testCertificate } from '@mezite/core/testing'
import * as jose from 'jose'
import t from 'tap'
import { botResource } from '../../../plugins/bots/bots.ts'
import bots from '../../../plugins/bots/hub.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { closed, type Login, open, startTcpHub, type TcpHub } from '../tcp-apps/start-tcp-hub.ts'

let tcp: TcpHub
let httpUrl = ''
const seen: (string | undefined)[] = []
const web = createServer((request, response) => {
  seen.push(request.headers.authorization)
  response.end(`${request.headers['x-mezite-user']}`)
})
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys = [{ kid: 'one', jwk: publicKey.export({ format: 'jwk' }) }]
const AUDIENCE = 'https://mezite.example.com'
const trust = () => [
  {
    issuer: tcp.issuer.url,
    audience: AUDIENCE,
    claims: { repository: 'example/shop', ref: '^refs/heads/(main|rel-.*)$' },
  },
]

const put = (name: string, spec: object) =>
  tcp.hub.api<{ cut: { streams: number } }>('PUT', `/bots/${name}`, {
    kind: 'bot',
    version: 'v1',
    metadata: { name },
    spec: { roles: ['platform'], ...spec },
  })

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, string>> & { readonly roles?: readonly string[] }
}

const P256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Asks for a certificate, as `msh login --bot` does. */
async function ask(bot: string, proof: object, key = P256()): Promise<Answer & { readonly login: Login }> {
  const { text, status } = await tcp.hub.visitor().fetch(`${tcp.hub.url}/v1/webapi/user-certs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      bot,
      public_key: key.publicKey.export({ type: 'spki', format: 'pem' }),
      ...proof,
    }),
  })
  const body = JSON.parse(text)
  const login = { ...body, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }) }
  return { status, body, login }
}

interface Wrong {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: object
  readonly key?: typeof privateKey
}

/** An assertion of bot:ci, correct but for `wrong`. */
function assertion({ claims = {}, header = {}, key = privateKey }: Wrong = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  const all = { iss: 'bot:ci', sub: 'bot:ci', aud: tcp.hub.url, exp: now + 60, jti: randomUUID(), ...claims }
  return new jose.SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key)
}

/** An ID token of a platform's issuer, correct but for `claims`. */
function idClaims(claims: object = {}) {
  const now = Math.floor(Date.now() / 1_000)
  return {
    iss: tcp.issuer.url,
    sub: 'repo:example/shop',
    aud: AUDIENCE,
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    repository: 'example/shop',
    ref: 'refs/heads/main',
    ...claims,
  }
}

const failures = (reason: string, count = 1) =>
  tcp.events('user.login.failed', (event) => event.method === 'bot' && event.reason === reason, count)

const countOf = (cases: readonly (readonly [string, ...unknown[]])[]) =>
  Object.entries(Object.groupBy(cases, ([reason]) => reason)).map(
    ([reason, all]) => [reason, all?.length] as const,
  )

t.before(async () => {
  tcp = await startTcpHub({ config: { proxy: { limits: { calls_per_minute: { tokens: 1_000 } } } } })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  await tcp.publish('echo', (socket) => void socket.pipe(socket))
  httpUrl = tcp.hub.appUrl('web')
  await tcp.hub.api('PUT', '/apps/web', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'web', labels: { team: 'platform' } },
    spec: { uri: `http://127.0.0.1:${(web.address() as AddressInfo).port}`, agents: ['node-1'] },
  })
  await put('ci', { keys, trust: trust() })
})
t.teardown(async () => {
  web.closeAllConnections()
  web.close()
  await tcp?.stop()
})

t.test(
  'a bot proves itself by a JWT of its own key, and opens a TCP app by a certificate of an hour',
  async (t) => {
    const { status, body, login } = await ask('ci', { assertion: await assertion(), ttl_seconds: 86_400 })
    t.equal(status, 200)
    t.match(body, { user: 'bot:ci', roles: ['platform'] })
    const left = Date.parse(body.expires ?? '') - Date.now()
    t.ok(left > 3_500_000 && left <= 3_600_000, `${left} ms`)
    const { status: opened, stream } = await open(tcp.msh(login), 'echo')
    t.equal(opened, 200)
    stream.destroy()
    const [event] = await tcp.events('user.login', ({ user }) => user === 'bot:ci')
    t.match(event, { method: 'bot', proof: 'key one', success: true, session_id: body.session_id })
    const me = await tcp.hub
      .visitor()
      .fetch(`${tcp.hub.url}/v1/webapi/me/apps`, { headers: { authorization: `Bearer ${body.token}` } })
    t.match(JSON.parse(me.text), [{ name: 'echo' }, { name: 'web' }])
  },
)

t.test(
  'a bot calls only the part of the API about itself, from its addresses, unless its document says so',
  async (t) => {
    const rule = { roles: ['admin', 'platform'], keys }
    const byName = (name: string) => assertion({ claims: { iss: `bot:${name}`, sub: `bot:${name}` } })
    const ELSEWHERE = '127.0.0.2'
    const call = async (token: string, method: string, path: string, localAddress = '127.0.0.1') => {
      const agent = new Agent({ localAddress })
      const { status, text } = await tcp.hub.visitor().fetch(`${tcp.hub.url}/v1/webapi${path}`, {
        ...{
          method,
          agent,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        },
        ...(method === 'GET'
          ? {}
          : { body: JSON.stringify({ name: 'mallory@example.com', roles: ['admin'] }) }),
      })
      agent.destroy()
      return { status, code: status < 400 ? undefined : JSON.parse(text).code }
    }
    await put('quiet', rule)
    const quiet = (await ask('quiet', { assertion: await byName('quiet') })).body.token ?? ''
    t.match(await call(quiet, 'GET', '/me'), { status: 200 })
    t.match(await call(quiet, 'GET', '/me/apps'), { status: 200 })
    for (const path of ['/users', '/bots', '/status'])
      t.match(await call(quiet, 'GET', path), { status: 403, code: 'bot_not_allowed' }, path)
    t.match(await call(quiet, 'POST', '/users'), { status: 403, code: 'bot_not_allowed' })
    const names = await tcp.hub.api<{ name: string }[]>('GET', '/users')
    t.notOk(names.some(({ name }) => name === 'mallory@example.com'))
    await until(async () => {
      const all = await tcp.hub.api<{ user: string }[]>(
        'GET',
        '/audit?type=request.failed&reason=bot_not_allowed',
      )
      return all.some(({ user }) => user === 'bot:quiet')
    }, 'the refusal is recorded with the name of the bot')

    await put('near', { ...rule, api: true, allow_from: ['127.0.0.1/32'] })
    const near = (await ask('near', { assertion: await byName('near') })).body.token ?? ''
    t.match(await call(near, 'GET', '/users'), { status: 200 }, 'its document says so')
    for (const path of ['/users', '/me'])
      t.match(await call(near, 'GET', path, ELSEWHERE), { status: 403, code: 'address_not_allowed' }, path)
    t.match(await call(quiet, 'GET', '/me', ELSEWHERE), { status: 200 }, 'a bot without addresses')
  },
)

t.test('an app sees a bot by its user name', async (t) => {
  const { login } = await ask('ci', { assertion: await assertion() })
  const { stream } = await open(tcp.msh(login), 'web', { 'mezite-protocol': 'http' })
  stream.write(`GET / HTTP/1.1\r\nHost: ${new URL(httpUrl).host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of stream) text += chunk
  t.match(text, /\r\n\r\n.*bot:ci/s)
})

t.test(
  'S203 a foreign or wrong assertion is refused with one answer, and its reason is recorded',
  async (t) => {
    const other = P256().privateKey
    const secret = createHash('sha256').update('x').digest()
    const now = Math.floor(Date.now() / 1_000)
    const used = await assertion()
    t.equal((await ask('ci', { assertion: used })).status, 200)
    const confused = await new jose.SignJWT({
      iss: 'bot:ci',
      sub: 'bot:ci',
      aud: tcp.hub.url,
      exp: now + 60,
      jti: 'x',
    })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }) as string))
    const unsigned = [
      { alg: 'none' },
      { iss: 'bot:ci', sub: 'bot:ci', aud: tcp.hub.url, exp: now + 60, jti: 'y' },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const cases: readonly (readonly [reason: string, token: string, bot?: string])[] = [
      ['proof_replayed', used],
      ['signature_invalid', await assertion({ key: other })],
      ['key_unknown', await assertion({ header: { kid: 'two' } })],
      ['proof_expired', await assertion({ claims: { exp: now - 120 } })],
      ['proof_not_yet_valid', await assertion({ claims: { nbf: now + 600 } })],
      ['proof_not_yet_valid', await assertion({ claims: { iat: now + 3_600 } })],
      ['iat_missing', await assertion({ claims: { iat: 'soon' } })],
      ['proof_lives_too_long', await assertion({ claims: { exp: now + 90_000 } })],
      ['audience_wrong', await assertion({ claims: { aud: 'https://elsewhere.example' } })],
      ['audience_wrong', await assertion({ claims: { aud: [tcp.hub.url, 'https://elsewhere.example'] } })],
      ['issuer_wrong', await assertion({ claims: { iss: 'bot:other' } })],
      ['subject_wrong', await assertion({ claims: { sub: 'alice@example.com' } })],
      ['jti_missing', await assertion({ claims: { jti: undefined } })],
      ['algorithm_not_allowed', confused],
      ['algorithm_not_allowed', `${unsigned}.`],
      ['proof_malformed', 'a.b.c'],
      ['proof_malformed', secret.toString('hex').repeat(400)],
      ['bot_unknown', await assertion(), 'nobody'],
    ]
    for (const [reason, token, bot = 'ci'] of cases) {
      const { status, body } = await ask(bot, { assertion: token })
      t.match({ status, code: body.code }, { status: 401, code: 'bot_refused' }, reason)
      await failures(reason)
    }
  },
)

t.test('S203 an ID token of a trusted issuer is valid once, if it meets one whole rule', async (t) => {
  const { issuer } = tcp
  const good = issuer.sign(idClaims())
  const { status, body } = await ask('ci', { id_token: good })
  t.match({ status, user: body.user }, { status: 200, user: 'bot:ci' })
  t.equal((await ask('ci', { id_token: issuer.sign(idClaims({ aud: ['x', AUDIENCE] })) })).status, 200)
  const now = Math.floor(Date.now() / 1_000)
  const stranger = issuer.sign(idClaims({ iss: 'http://127.0.0.1:9' }))
  const cases: readonly (readonly [reason: string, token: string])[] = [
    ['proof_replayed', good],
    ['issuer_not_trusted', stranger],
    ['issuer_not_trusted', issuer.sign(idClaims({ iss: undefined }))],
    ['audience_wrong', issuer.sign(idClaims({ aud: 'https://other.example' }))],
    ['claims_not_met', issuer.sign(idClaims({ repository: 'evil/shop' }))],
    ['claims_not_met', issuer.sign(idClaims({ ref: 'x/refs/heads/main' }))],
    ['claims_not_met', issuer.sign(idClaims({ ref: 'refs/heads/main2' }))],
    ['claims_not_met', issuer.sign(idClaims({ repository: { example: 'shop' } }))],
    ['claims_not_met', issuer.sign(idClaims({ repository: undefined }))],
    ['proof_expired', issuer.sign(idClaims({ exp: now - 120 }))],
    ['proof_not_yet_valid', issuer.sign(idClaims({ iat: now + 3_600, exp: now + 3_900 }))],
    ['proof_lives_too_long', issuer.sign(idClaims({ exp: now + 200_000 }))],
    ['type_wrong', issuer.sign(idClaims(), { typ: 'at+jwt' })],
    ['algorithm_not_allowed', issuer.signConfused(idClaims())],
    ['key_unknown', issuer.sign(idClaims(), { kid: 'gone' })],
  ]
  const fetches = issuer.asked.get('/jwks') ?? 0
  for (const [reason, token] of cases) {
    const { status, body } = await ask('ci', { id_token: token })
    t.match({ status, code: body.code }, { status: 401, code: 'bot_refused' }, reason)
  }
  for (const [reason] of countOf(cases)) await failures(reason)
  for (let at = 0; at < 20; at++) await ask('ci', { id_token: issuer.sign(idClaims(), { kid: `no-${at}` }) })
  t.ok(
    (issuer.asked.get('/jwks') ?? 0) - fetches <= 2,
    'unknown keys do not make the hub ask again and again',
  )
})

t.test('a token that meets no rule of trust is recorded with the rule and its value', async (t) => {
  const { issuer } = tcp
  const rule = { issuer: issuer.url, audience: AUDIENCE }
  await put('ruled', {
    trust: [
      { ...rule, claims: { repository: 'example/shop', ref: '^refs/heads/(main|rel-.*)$' } },
      { ...rule, claims: { repository: 'example/docs' } },
    ],
  })
  await ask('ruled', { id_token: issuer.sign(idClaims({ ref: 'refs/pull/7/merge' })) })
  await ask('ruled', { id_token: issuer.sign(idClaims({ repository: undefined })) })
  const events = await tcp.events(
    'user.login.failed',
    ({ user, reason }) => user === 'bot:ruled' && reason === 'claims_not_met',
    2,
  )
  t.strictSame(events.map(({ detail }) => detail).sort(), [
    'ref must be "^refs/heads/(main|rel-.*)$", and is "refs/pull/7/merge"; repository must be "example/docs", and is "example/shop"',
    'repository must be "example/shop", and is missing; repository must be "example/docs", and is missing',
  ])
})

t.test('an expression that is not grouped matches a whole value only', async (t) => {
  const { issuer } = tcp
  await put('either', { trust: [{ issuer: issuer.url, audience: AUDIENCE, claims: { ref: '^main|rel$' } }] })
  for (const [ref, status] of [
    ['main', 200],
    ['rel', 200],
    ['main-of-eve', 401],
    ['evil-rel', 401],
    ['mainrel', 401],
  ] as const)
    t.equal((await ask('either', { id_token: issuer.sign(idClaims({ ref })) })).status, status, ref)
})

/** Tokens as platforms document them, with a rule for each and the claim of another job. */
const PLATFORMS = {
  'GitHub Actions': {
    claims: {
      ...{
        sub: 'repo:example/shop:environment:production',
        repository: 'example/shop',
        ref: 'refs/heads/main',
      },
      repository_owner: 'example',
      repository_id: '74',
      run_id: '6',
      run_attempt: '2',
      actor: 'ann',
      workflow: 'deploy',
      head_ref: '',
      base_ref: '',
      event_name: 'push',
      ref_type: 'branch',
      job_workflow_ref: 'example/shop/.github/workflows/deploy.yml@refs/heads/main',
      environment: 'production',
      runner_environment: 'github-hosted',
    },
    rule: { repository: 'example/shop', environment: 'production', ref: '^refs/heads/(main|release-.*)$' },
    other: { ref: 'refs/pull/7/merge' },
    header: {},
  },
  'GitLab CI': {
    claims: {
      ...{
        sub: 'project_path:example/shop:ref_type:branch:ref:main',
        namespace_id: '1',
        namespace_path: 'example',
      },
      project_id: '2',
      project_path: 'example/shop',
      user_login: 'ann',
      pipeline_id: '3',
      job_id: '4',
      pipeline_source: 'push',
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
    },
    rule: { project_path: 'example/shop', ref_protected: 'true' },
    other: { ref_protected: 'false' },
    header: {},
  },
  Kubernetes: {
    claims: {
      aud: [AUDIENCE],
      sub: 'system:serviceaccount:shop:deployer',
      jti: undefined,
      'kubernetes.io': {
        namespace: 'shop',
        serviceaccount: { name: 'deployer', uid: '5' },
        pod: { name: 'p' },
      },
    },
    rule: { sub: 'system:serviceaccount:shop:deployer' },
    other: { sub: 'system:serviceaccount:shop:default' },
    header: { typ: undefined },
  },
} as const

t.test(
  'jobs of GitHub, GitLab and Kubernetes prove themselves by the claims of their platform',
  async (t) => {
    const { issuer } = tcp
    for (const [name, { claims, rule, other, header }] of Object.entries(PLATFORMS)) {
      await put('job', { trust: [{ issuer: issuer.url, audience: AUDIENCE, claims: rule }] })
      const now = Math.floor(Date.now() / 1_000)
      const base = { iss: issuer.url, aud: AUDIENCE, iat: now, nbf: now, exp: now + 600, jti: randomUUID() }
      const token = issuer.sign({ ...base, ...claims }, header)
      t.match(await ask('job', { id_token: token }), { status: 200, body: { user: 'bot:job' } }, name)
      t.equal((await ask('job', { id_token: token })).status, 401, `${name}: once`)
      const stranger = issuer.sign({ ...base, ...claims, jti: randomUUID(), ...other }, header)
      t.equal((await ask('job', { id_token: stranger })).status, 401, `${name}: another job`)
    }
  },
)

t.test('an issuer that does not respond is a temporary fault, and its ID tokens are refused', async (t) => {
  await put('away', { trust: [{ issuer: 'http://127.0.0.1:1', audience: AUDIENCE, claims: { sub: 'x' } }] })
  const token = tcp.issuer.sign(idClaims({ iss: 'http://127.0.0.1:1' }))
  const { status, body } = await ask('away', { id_token: token })
  t.match({ status, code: body.code }, { status: 503, code: 'issuer_unreachable' })

  const certificate = await testCertificate(['localhost'])
  const stranger = createHttps({ key: certificate.key, cert: certificate.cert }, (_, response) =>
    response.end(),
  )
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  t.teardown(() => stranger.close())
  const issuer = `https://localhost:${(stranger.address() as AddressInfo).port}`
  await put('away', { trust: [{ issuer, audience: AUDIENCE, claims: { sub: 'x' } }] })
  t.equal((await ask('away', { id_token: tcp.issuer.sign(idClaims({ iss: issuer })) })).status, 503)
  const events = await tcp.events(
    'user.login.failed',
    ({ user, reason }) => user === 'bot:away' && reason === 'issuer_unreachable',
    2,
  )
  const causes = events.map(({ cause }) => String(cause)).join('\n')
  t.match(causes, /ECONNREFUSED|bad port/, 'the trail says why')
  t.match(causes, /certificate/, 'also that a certificate is not trusted')
})

t.test(
  'S203 rules that would match too much, and keys that are not public, are refused with their path',
  async (t) => {
    const fails = async (spec: object, path: RegExp) => {
      const why = await put('bad', spec).then(
        () => '',
        (error: Error) => error.message,
      )
      t.match(why, path)
    }
    const rule = (claims: object, more: object = {}) => ({ trust: [{ ...trust()[0], claims, ...more }] })
    await fails(rule({ ref: '^refs/heads/main' }), /spec\.trust\.0\.claims\.ref.*between/)
    await fails(rule({ ref: '.*main$' }), /spec\.trust\.0\.claims\.ref/)
    await fails(rule({ ref: '^(a$' }), /RE2/)
    await fails(rule({}), /claims/)
    await fails(rule({ a: 'b' }, { issuer: 'http://issuer.example' }), /https/)
    await fails(rule({ a: 'b' }, { issuer: 'https://169.254.169.254' }), /link-local/)
    await fails({ keys: [{ kid: 'a', jwk: privateKey.export({ format: 'jwk' }) }] }, /private/)
    await fails({ keys: [{ kid: 'a', jwk: { kty: 'oct', k: 'AAAA' } }] }, /symmetric/)
    await fails({ keys: [...keys, ...keys] }, /id of another key/)
    await fails({ allow_from: ['10.0.0.0/33'] }, /allow_from\.0/)
    await fails({ max_token_ttl: '25h' }, /24h/)
  },
)

t.test(
  'a secret before the newest one counts for the time that its change says, and both show their use',
  async (t) => {
    await put('grace', {})
    const give = (query = '') => tcp.hub.api<{ secret: string }>('POST', `/bots/grace/secret${query}`)
    const status = async () =>
      (await tcp.hub.api<{ status: Record<string, string | null> }>('GET', '/bots/grace')).status
    const { secret: first } = await give('?keep_old_seconds=60')
    const unused = { secret_used: null, old_secret_created: null, old_secret_until: null }
    t.match(await status(), { secret_created: String, ...unused }, 'there was none before')
    const { login } = await ask('grace', { secret: first })
    await until(async () => (await status()).secret_used !== null, 'its use is stored')
    const { secret: second } = await give('?keep_old_seconds=86400')
    t.match(await status(), { secret_used: null, old_secret_used: String, old_secret_until: String })
    const left = Date.parse((await status()).old_secret_until ?? '') - Date.now()
    t.ok(left > 86_000_000 && left <= 86_400_000, `${left} ms`)
    t.equal((await open(tcp.msh(login), 'echo')).status, 200, 'no session has ended')
    t.equal((await ask('grace', { secret: first })).status, 200)
    t.equal((await ask('grace', { secret: second })).status, 200)
    const [record] = await tcp.events(
      'user.login',
      ({ user, proof }) => user === 'bot:grace' && proof === 'old secret',
    )
    t.ok(record, 'the record says which secret')
    const { secret: third } = await give('?keep_old_seconds=60')
    t.equal((await ask('grace', { secret: first })).status, 401, 'a third one ends the first')
    t.equal((await ask('grace', { secret: second })).status, 200)
    for (const query of [
      '?keep_old_seconds=59',
      '?keep_old_seconds=2592001',
      '?keep_old_seconds=x',
      '?keep_old_seconds=-1',
    ])
      await t.rejects(give(query), { code: 'invalid_request' }, query)
    t.equal((await ask('grace', { secret: third })).status, 200, 'a refused change changes nothing')
    await give()
    for (const secret of [second, third])
      t.equal((await ask('grace', { secret })).status, 401, 'without a grace, all former ones end')
    t.match(await status(), unused)
    await tcp.hub.api('DELETE', '/bots/grace')
  },
)

t.test('S205 a secret is shown once, is stored as a hash, and opens nothing by itself', async (t) => {
  const { secret } = await tcp.hub.api<{ secret: string }>('POST', '/bots/ci/secret')
  t.match(secret, /^mezite_bot_[A-Za-z0-9_-]{43}$/)
  t.equal((await ask('ci', { secret })).status, 200)
  const shown = JSON.stringify(await tcp.hub.api('GET', '/bots/ci'))
  t.notMatch(shown, /mezite_bot_|hash/)
  t.match(shown, /"secret_created":"20/)
  t.equal((await ask('ci', { secret: `${secret.slice(0, -1)}~` })).status, 401)
  await failures('secret_wrong')
  seen.length = 0
  const basic = Buffer.from(`x:${secret}`).toString('base64')
  for (const headers of [
    { authorization: `Bearer ${secret}` },
    { authorization: `Basic ${basic}` },
    { 'mezite-token': secret },
  ]) {
    const { status, text } = await tcp.hub.visitor().fetch(`${httpUrl}/`, { headers })
    t.equal(status, 401)
    t.match(text, /bot_secret_not_a_token/)
  }
  t.strictSame(seen, [], 'no request reached the app')
  const { secret: next } = await tcp.hub.api<{ secret: string }>('POST', '/bots/ci/secret')
  t.equal((await ask('ci', { secret })).status, 401, 'the former secret is gone')
  await tcp.hub.api('DELETE', '/bots/ci/secret')
  t.equal((await ask('ci', { secret: next })).status, 401)
  const records = JSON.stringify(await tcp.hub.api('GET', '/audit?limit=1000'))
  t.notMatch(records + tcp.hub.log.join('\n'), secret.slice(11))
})

t.test('S204 a change that takes access away ends sessions and streams within a second', async (t) => {
  const cuts: readonly (readonly [
    what: string,
    cut: () => Promise<unknown>,
    repair: () => Promise<unknown>,
  ])[] = [
    ['its role is lost', () => put('ci', { roles: [], keys, trust: trust() }), async () => {}],
    ['its rule of trust is removed', () => put('ci', { keys }), async () => {}],
    ['its key is removed', () => put('ci', { trust: trust() }), async () => {}],
    ['its addresses are limited', () => put('ci', { keys, allow_from: ['10.0.0.0/8'] }), async () => {}],
    [
      'it is locked',
      () => tcp.hub.api('POST', '/locks', { target: { user: 'bot:ci' } }),
      async () => {
        for (const { id } of await tcp.hub.api<{ id: string }[]>('GET', '/locks'))
          await tcp.hub.api('DELETE', `/locks/${id}`)
      },
    ],
    ['it is removed', () => tcp.hub.api('DELETE', '/bots/ci'), async () => {}],
  ]
  for (const [what, cut, repair] of cuts) {
    await put('ci', { keys, trust: trust() })
    const { login } = await ask('ci', { assertion: await assertion() })
    const { stream, status } = await open(tcp.msh(login), 'echo')
    t.equal(status, 200, what)
    const watch = startStopwatch()
    await cut()
    await closed(stream)
    const ms = watch.took()
    t.ok(ms < 1_000, `${what}: cut after ${ms} ms`)
    const again = await ask('ci', { assertion: await assertion() })
    if (what.includes('trust'))
      t.equal((await ask('ci', { id_token: tcp.issuer.sign(idClaims()) })).status, 401, what)
    else if (again.status === 200) t.match((await open(tcp.msh(again.login), 'echo')).status, 403, what)
    else t.ok([401, 403].includes(again.status), `${what}: ${again.status}`)
    await repair()
  }
  await put('ci', { keys, trust: trust() })
  await until(
    async () => (await ask('ci', { assertion: await assertion() })).status === 200,
    'the bot is back',
  )
})

t.test('a bot of another account with the same name does not get its sessions', async (t) => {
  await put('twice', { keys })
  const { login } = await ask('twice', {
    assertion: await assertion({ claims: { iss: 'bot:twice', sub: 'bot:twice' } }),
  })
  await tcp.hub.api('DELETE', '/bots/twice')
  await put('twice', { keys })
  const opened = await open(tcp.msh(login), 'echo').then(
    ({ status }) => status,
    () => 'closed',
  )
  t.not(opened, 200)
})

t.test('S209 a role that demands a passkey refuses bots', async (t) => {
  await put('careful', { roles: ['careful'], keys })
  const token = await assertion({ claims: { iss: 'bot:careful', sub: 'bot:careful' } })
  const { login, body } = await ask('careful', { assertion: token })
  t.match(await open(tcp.msh(login), 'echo'), { status: 403, reason: 'session_mfa_required' })
  const me = await tcp.hub
    .visitor()
    .fetch(`${tcp.hub.url}/v1/webapi/me/mfa`, { headers: { authorization: `Bearer ${body.token}` } })
  t.not(me.status, 200, 'and none can enrol one')
})

t.test(
  'a request with no proof, two proofs or a person’s code is refused before anything is verified',
  async (t) => {
    for (const proof of [{}, { secret: 'a', id_token: 'b' }, { assertion: 7 }]) {
      const { status, body } = await ask('ci', proof)
      t.match({ status, code: body.code }, { status: 400, code: 'invalid_request' })
    }
  },
)

conformResource(t, bots, {
  get hub() {
    return tcp.hub
  },
  // Those of the tests above would be in its lists.
  async prepare(hub) {
    for (const { metadata } of await hub.api<{ metadata: { name: string } }[]>('GET', '/bots'))
      await hub.api('DELETE', `/bots/${metadata.name}`)
  },
  resource: botResource({} as never).definition,
  another: {
    kind: 'bot',
    version: 'v1',
    metadata: { name: 'nightly' },
    spec: { roles: ['access'] },
  },
})
