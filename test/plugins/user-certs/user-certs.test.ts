// together: sign-in
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { connectIssuer, createTestHub, FakeIssuer, programLogin, type TestHub } from '@mezite/core/testing'
import t from 'tap'
import { allowCommandLine, publicPem, requestCertificate } from '../../../core/testing/program-login.ts'

let hub: TestHub
let issuer: FakeIssuer
const HOUR = 3_600_000

t.before(async () => {
  issuer = await FakeIssuer.start()
  hub = await createTestHub({ config: { proxy: { limits: { calls_per_minute: { tokens: 30 } } } } })
  await connectIssuer(hub, issuer, {
    platform: { options: { max_session_ttl: '24h' }, allow: { app_labels: { '*': '*' } } },
    short: { options: { max_session_ttl: '1h' } },
  })
})
t.teardown(async () => {
  await hub?.stop()
  await issuer?.close()
})

const person = (name: string, ...groups: string[]) => {
  issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups }
}
const bearer = (token: string, path: string, method = 'GET') =>
  hub
    .visitor()
    .fetch(`${hub.url}/v1/webapi${path}`, { method, headers: { authorization: `Bearer ${token}` } })
/** The newest event of the type about the session; events are written in batches. */
async function eventOf(type: string, session_id: string): Promise<Record<string, unknown> | undefined> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const all = await hub.api<Record<string, unknown>[]>('GET', `/audit?type=${type}`)
    const found = all.findLast((event) => event.session_id === session_id)
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return undefined
}
const near = (a: number, b: number) => Math.abs(a - b) < 60_000

t.test(
  'a code and a key become a certificate for clients only, which names person and session',
  async (t) => {
    person("o'brien", 'platform')
    const issued = await programLogin(hub)
    t.match(issued, { user: "o'brien@example.com", roles: ['platform'], cluster: 'test' })
    const certificate = new X509Certificate(issued.certificate)
    t.strictSame(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
    t.notOk(certificate.ca)
    t.match(certificate.subjectAltName, `/user/o'brien%40example.com?session=${issued.session_id}`)
    t.notMatch(certificate.toString() + certificate.subjectAltName, /platform/)
    t.equal(Date.parse(certificate.validTo), Date.parse(issued.expires))
    t.ok(near(Date.parse(issued.expires), Date.now() + 12 * HOUR), 'twelve hours by default')
    const userCa = await hub.api<string>('GET', '/auth/export/user-ca')
    t.ok(certificate.verify(new X509Certificate(userCa).publicKey))
    t.equal(issued.hub_ca.trim(), (await hub.api<string>('GET', '/auth/export/hub-ca')).trim())

    t.match(await eventOf('user.cert.issued', issued.session_id), {
      user: "o'brien@example.com",
      session_id: issued.session_id,
      connector: 'sso',
      success: true,
      serial: certificate.serialNumber.toLowerCase(),
    })
    t.match(await eventOf('user.login', issued.session_id), { method: 'msh' })
    const sessions = await hub.api<Record<string, unknown>[]>('GET', '/sessions')
    t.match(
      sessions.find(({ id }) => id === issued.session_id),
      { kind: 'cert', app: null },
    )
  },
)

t.test('a certificate lasts as long as requested, up to 24 h and the limit of the roles', async (t) => {
  person('ttl', 'platform')
  const lasts = async (ttl_seconds: number) =>
    Date.parse((await programLogin(hub, { ttl_seconds })).expires) - Date.now()
  t.ok(near(await lasts(600), 600_000))
  t.ok(near(await lasts(20 * 3_600), 20 * HOUR))
  t.ok(near(await lasts(1e9), 24 * HOUR))
  person('ttl', 'platform', 'short')
  t.ok(near(await lasts(20 * 3_600), HOUR), 'the shortest role wins')
  person('nobody')
  t.ok(near(await lasts(20 * 3_600), 12 * HOUR), 'roles that say nothing allow 12 h')
})

t.test('the token can read and end its own session, and gives no more than the roles', async (t) => {
  person('tess', 'platform')
  const { token, session_id } = await programLogin(hub)
  t.match(JSON.parse((await bearer(token, '/me')).text), { user: 'tess@example.com', roles: ['platform'] })
  t.equal((await bearer(token, '/me/apps')).status, 200)
  t.equal((await bearer(token, '/users')).status, 403)
  const cookie = await hub
    .visitor()
    .fetch(`${hub.url}/v1/webapi/me`, { headers: { cookie: `__Host-mezite_session=${token}` } })
  t.equal(cookie.status, 401, 'it counts in no cookie')
  t.equal((await bearer(token, '/me/session', 'DELETE')).status, 200)
  t.equal((await bearer(token, '/me')).status, 401)
  t.match(await eventOf('user.logout', session_id), { user: 'tess@example.com' })
})

t.test('B removing or locking a person ends the session behind the certificate', async (t) => {
  person('leo', 'platform')
  const first = await programLogin(hub)
  await hub.api('DELETE', `/sessions/${first.session_id}`)
  t.equal((await bearer(first.token, '/me')).status, 401)
  const second = await programLogin(hub)
  await hub.api('DELETE', '/users/leo@example.com')
  t.equal((await bearer(second.token, '/me')).status, 401)
})

t.test('a rotation waits for logins before the switch, and for none after it', async (t) => {
  person('rita', 'platform')
  const browser = hub.visitor()
  const old = await programLogin(hub, {}, browser)
  type Rotation = { phase: string; waiting: readonly { kind: string; name: string }[] }
  const step = (name: string) => hub.api<Rotation>('POST', '/auth/rotate/user-ca', { step: name })
  await step('start')
  const { waiting } = await step('switch')
  const those = (list: Rotation['waiting']) => list.filter(({ name }) => name.startsWith('rita')).length
  t.equal(those(waiting), 1)
  await programLogin(hub, {}, browser)
  t.equal(those((await hub.api<Rotation>('GET', '/auth/rotate/user-ca')).waiting), 1, 'the old one still')
  await hub.api('DELETE', `/sessions/${old.session_id}`)
  t.equal(those((await hub.api<Rotation>('GET', '/auth/rotate/user-ca')).waiting), 0, 'the new one not')
})

t.test('K a code is valid once, for its verifier, and a bad request does not spend it', async (t) => {
  person('kim', 'platform')
  const visitor = hub.visitor()
  const program = hub.visitor()
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const public_key = publicPem(publicKey)
  const refused = async (body: object, code: string) => {
    const answer = await requestCertificate(hub, program, body)
    t.match(JSON.parse(answer.text), { status: 400, code }, code)
  }
  const proof = await allowCommandLine(hub, visitor)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
  await refused({ ...proof }, 'public_key_invalid')
  await refused({ ...proof, public_key: publicPem(rsa) }, 'public_key_invalid')
  await refused({ ...proof, public_key: publicPem(p384) }, 'public_key_invalid')
  const secret = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await refused({ ...proof, public_key: secret }, 'public_key_invalid')
  await refused({ ...proof, public_key: `${'x'.repeat(2_000)}` }, 'public_key_invalid')
  await refused({ ...proof, public_key, ttl_seconds: -1 }, 'ttl_invalid')
  await refused({ ...proof, public_key, ttl_seconds: '9' }, 'ttl_invalid')
  await refused({ ...proof, public_key, user: 'root' }, 'invalid_request')
  await refused({ code: proof.code, public_key }, 'code_invalid')
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => requestCertificate(hub, program, { ...proof, public_key })),
  )
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 400, 400, 400, 400])
  const stolen = await allowCommandLine(hub, visitor)
  await refused({ code: stolen.code, verifier: 'v'.repeat(43), public_key }, 'code_invalid')
  await refused({ ...stolen, public_key }, 'code_invalid')
  const limited = await Promise.all(
    Array.from({ length: 40 }, () => requestCertificate(hub, program, { ...stolen, public_key })),
  )
  t.ok(limited.some(({ status }) => status === 429))
})
