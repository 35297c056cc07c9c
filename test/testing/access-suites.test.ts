// together: suites
/** The suites for credentials and verifiers: they pass for good ones, and find what each flawed one gets wrong. */
import { createHmac, timingSafeEqual, X509Certificate } from 'node:crypto'
import t from 'tap'
import type { Caller } from '../../core/api/admission.ts'
import type { AppSource, ProposedApp } from '../../core/api/app-sources.ts'
import type { UnidentifiedRequest } from '../../core/api/verifiers.ts'
import { hubSession } from '../../core/gate/access/hub-session.ts'
import { makeAuthority, makeLeaf, newKeyPair } from '../../core/gate/pki/certificate-templates.ts'
import { credentials, verifiers } from '../../core/index.ts'
import {
  type AppSourceUnderTest,
  type CredentialUnderTest,
  conformAppSource,
  conformCredential,
  conformVerifier,
  createTestHost,
  fakeClock,
  testQuery,
  type VerifierUnderTest,
} from '../../core/testing/index.ts'
import serviceAccounts from '../../examples/service-accounts/hub.ts'
import signedWebhooks from '../../examples/signed-webhooks/hub.ts'
import { appSession } from '../../plugins/http-apps/request/cookies.ts'
import userCerts from '../../plugins/user-certs/hub.ts'
import { failuresOf, unprovenOf } from './failures.ts'

/** Takes more processor time than a look-up needs. */
function work(): void {
  const { user } = process.cpuUsage()
  while (process.cpuUsage().user - user < 150_000);
}

t.test('each rule fails for its own flaw of a credential', async (t) => {
  const OWN = 'its own value stands for a session, again and again'
  const INVALID = 'a value of its form that is not valid is refused, and not left to the app'
  const HIDES = 'it hides every header that belongs to it'
  const COSTS = 'a stranger costs little, whatever is sent'
  const TELLS = 'it responds alike to strangers whether an app exists or not'
  const FLAWS = {
    none: [],
    header: ['it has a name, and headers that may carry a credential'],
    once: [OWN, INVALID],
    nobody: [OWN, INVALID, HIDES],
    greedy: ['values of others are left to the app'],
    'invalid-null': [INVALID],
    'accepts-all': [INVALID],
    status: [INVALID],
    'shows-proof': [HIDES],
    works: [COSTS],
    hangs: [COSTS],
    throws: [COSTS],
    'challenge-by-app': [TELLS],
    'broken-challenge': [TELLS],
  }
  const TOKEN = /^Bearer acme_([a-z]{8})$/
  const open = (flaw: string) => async (): Promise<CredentialUnderTest> => {
    let reads = 0
    return {
      credential: {
        name: 'acme',
        from: 'header',
        at: 'app',
        headers: flaw === 'header' ? ['cookie'] : ['authorization', 'acme-key'],
        read(value, request) {
          reads += 1
          const token = TOKEN.exec(value)?.[1]
          if (flaw === 'works' && value.length > 10_000) work()
          if (flaw === 'hangs' && value.length > 10_000) return new Promise(() => {})
          if (flaw === 'throws' && value.length > 10_000) throw new Error('too long')
          if (token === undefined)
            return flaw === 'greedy' ? { kind: 'refused', status: 401, code: 'token_invalid' } : null
          if (flaw === 'once' && reads > 1) return null
          if (flaw === 'nobody') return { kind: 'verified', rule: 'acme' }
          if (token !== 'accepted' && flaw !== 'accepts-all') {
            if (flaw === 'invalid-null') return null
            return { kind: 'refused', status: flaw === 'status' ? (403 as 401) : 401, code: 'token_unknown' }
          }
          const hides = flaw !== 'shows-proof' && request.header('acme-key').length > 0 ? ['acme-key'] : []
          return { kind: 'token', sessionId: 'session', hides }
        },
        challenge({ origin, presented }) {
          if (flaw === 'broken-challenge') return 'Bearer\r\nX: y'
          if (flaw === 'challenge-by-app' && origin.startsWith('https://wiki.')) return 'Bearer realm="wiki"'
          return presented ? `Bearer realm="${origin}", error="invalid_token"` : `Bearer realm="${origin}"`
        },
      },
      valid: 'Bearer acme_accepted',
      invalid: ['Bearer acme_unknownx'],
      proofs: { 'acme-key': 'x' },
      close: async () => {},
    }
  }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformCredential(t, open(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformCredential(t, open('none')), FLAWS),
    [],
  )
  const use = {
    catalog: { byName: () => undefined },
    sessions: {
      open: async () => ({ session: SESSION }),
      byId: () => SESSION,
      end: async () => 0,
    },
  }
  const key_sha256 = 'a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3'
  const example = async (): Promise<CredentialUnderTest> => {
    const config = { accounts: { ci: { key_sha256, roles: ['access'], apps: [] } } }
    const { slot, stop } = createTestHost(serviceAccounts, { config, use })
    const [credential] = slot(credentials)
    if (credential?.from !== 'header') throw new Error('it is in a header')
    return { credential, valid: '123', invalid: ['124', 'x'], close: stop }
  }
  t.strictSame(await failuresOf((t) => conformCredential(t, example)), [], 'service-accounts')
})

t.test('each rule fails for its own flaw of a credential in a cookie', async (t) => {
  const OWN = 'its own value stands for a session, again and again'
  const INVALID = 'a value of its form that is not valid is refused, and not left to the app'
  const COSTS = 'a stranger costs little, whatever is sent'
  const FLAWS = {
    none: [],
    cookie: ['it has a name, and headers that may carry a credential'],
    once: [OWN],
    'accepts-all': [INVALID],
    greedy: ['values of others are left to the app'],
    works: [COSTS],
    throws: [COSTS],
  }
  const open = (flaw: string) => async (): Promise<CredentialUnderTest> => {
    let reads = 0
    return {
      credential: {
        name: 'acme',
        from: 'cookie',
        at: 'app',
        cookie: flaw === 'cookie' ? 'session' : '__Host-mezite_acme',
        read(token: string): Caller | null {
          reads += 1
          if (flaw === 'works' && token.length > 10_000) work()
          if (flaw === 'throws' && token.length > 10_000) throw new Error('too long')
          if (flaw === 'once' && reads > 1) return null
          if (flaw === 'accepts-all' && token === 'unknown') return { kind: 'app', token: 'accepted' }
          return /^[a-z]{7,8}$/.test(token) || flaw === 'greedy' ? { kind: 'app', token } : null
        },
      },
      valid: 'accepted',
      invalid: ['unknown'],
      foreign: ['A VALUE'],
      close: async () => {},
    }
  }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformCredential(t, open(flaw))), expected, flaw)

  // What the standard set has in cookies: the hub knows a token that nobody has from its table alone.
  for (const credential of [hubSession, appSession])
    t.strictSame(
      await failuresOf((t) =>
        conformCredential(t, async () => {
          if (credential.from !== 'cookie') throw new Error('it is in a cookie')
          const [valid, other] = ['x'.repeat(43), 'y'.repeat(43)] as const
          return { credential, valid, invalid: [other], foreign: ['', 'a value', 'ä'], close: async () => {} }
        }),
      ),
      [],
      credential.name,
    )
})

t.test('each rule fails for its own flaw of a credential in a certificate', async (t) => {
  const HOUR_MS = 3_600_000
  const now = Date.now()
  const [ours, theirs] = [
    await makeAuthority('user-ca', 'test', now, HOUR_MS),
    await makeAuthority('user-ca', 'test', now, HOUR_MS),
  ]
  const { publicKey } = await newKeyPair()
  const sessionId = '0191f0a2-0000-7000-8000-000000000001'
  const leaf = async ({ certificate, keys }: typeof ours, cluster: string, notBefore = now) => {
    const value = `mezite://${cluster}/user/ada?session=${sessionId}`
    const template = { publicKey, commonName: 'ada', purpose: 'client' as const, notBefore }
    const names = [{ type: 'url' as const, value }]
    const made = await makeLeaf(
      { certificate: certificate.toString('pem'), key: keys.privateKey },
      { ...template, notAfter: notBefore + HOUR_MS / 2, names },
    )
    return new X509Certificate(made.toString('pem'))
  }
  const ca = new X509Certificate(ours.certificate.toString('pem'))
  const use = {
    audit: {},
    commandLogins: {},
    publicNames: { clusterName: 'test' },
    sessions: {},
    authorities: { issuerOf: (_: string, one: X509Certificate) => (one.verify(ca.publicKey) ? 'key' : null) },
  }
  const [valid, other, expired, forged] = await Promise.all([
    leaf(ours, 'test'),
    leaf(ours, 'other'),
    leaf(ours, 'test', now - HOUR_MS),
    leaf(theirs, 'test'),
  ])
  const open = async (): Promise<CredentialUnderTest> => {
    const { slot, stop } = createTestHost(userCerts, { use, clock: fakeClock(now) })
    const [credential] = slot(credentials)
    if (credential?.from !== 'certificate') throw new Error('it is in a certificate')
    return { credential, valid, invalid: [other, expired, forged], foreign: [ca], close: stop }
  }
  t.strictSame(await failuresOf((t) => conformCredential(t, open)), [], 'user-certs')
})
const SESSION = { id: 'session' }

t.test('each rule fails for its own flaw of a verifier', async (t) => {
  const SECRET = 'webhook secret'
  const NAME = 'it has a name, and admits by a rule with a name'
  const PROOF = 'a proof that is missing, doubled, damaged or old admits nothing'
  const BYTES = 'if it reads the body, it admits exactly the bytes that were sent'
  const COSTS = 'a stranger costs little, whatever is sent'
  const ADMITS = 'a valid proof is admitted, in every spelling of header names'
  const FLAWS = {
    none: [],
    rule: [NAME],
    'exact-names': [NAME, ADMITS],
    'one-of-two': [PROOF],
    unsigned: [PROOF],
    prefix: [PROOF, COSTS],
    old: [PROOF],
    throws: [PROOF, COSTS],
    json: [BYTES],
    'no-body': [BYTES],
    'any-app': ['a request to another app is not admitted'],
    works: [COSTS],
  }
  const sign = (time: string, body: Buffer) =>
    createHmac('sha256', SECRET).update(`${time}.`).update(body).digest('hex')
  const BODY = Buffer.from('{ "a": 1 }')
  const NOW = '1700000000'
  const LONG_AGO = '1600000000'
  const { app } = testQuery()
  const sentAt = (time: string, from: UnidentifiedRequest['app'] = app) => ({
    request: {
      app: from,
      method: 'POST',
      target: '/hook',
      clientIp: '203.0.113.7',
      headers: ['X-Time', time, 'X-Signature', sign(time, BODY)],
      preflightFrom: null,
    },
    body: BODY,
  })
  const open = (flaw: string) => async (): Promise<VerifierUnderTest> => ({
    verifier: {
      name: 'acme',
      verify({ app: { name }, method, target, headers }) {
        if (flaw === 'works' && target.length > 10_000) work()
        if (flaw !== 'any-app' && name !== app.name) return null
        if (method !== 'POST' || target !== '/hook') return null
        const valuesOf = (header: string) =>
          headers.filter((_, i) => {
            const at = headers[i - 1] ?? ''
            return i % 2 === 1 && (flaw === 'exact-names' ? at === header : at.toLowerCase() === header)
          })
        const [times, signatures] = [valuesOf('x-time'), valuesOf('x-signature')]
        const [time = ''] = times
        if (flaw === 'unsigned' && signatures.length === 0) return { rule: 'acme' }
        const several = flaw === 'one-of-two' ? 9 : 1
        if (
          flaw !== 'throws' &&
          (times.length !== 1 || signatures.length === 0 || signatures.length > several)
        )
          return null
        if (flaw !== 'old' && time !== NOW) return null
        const check = (body: Buffer) => {
          if (flaw === 'no-body') return signatures[0] === sign(time, BODY)
          const bytes = flaw === 'json' ? Buffer.from(body.toString().trim()) : body
          const wanted = Buffer.from(sign(time, bytes))
          if (flaw === 'throws') return timingSafeEqual(Buffer.from(signatures[0] ?? ''), wanted)
          if (flaw === 'prefix') return wanted.toString().startsWith(signatures[0] ?? '')
          return signatures.some((one) => {
            const given = Buffer.from(one)
            return given.length === wanted.length && timingSafeEqual(given, wanted)
          })
        }
        return { rule: flaw === 'rule' ? 'Acme Rule' : 'acme', body: { limit: 1_000, check } }
      },
    },
    sent: sentAt(NOW),
    proofs: ['x-time', 'x-signature'],
    old: sentAt(LONG_AGO),
    close: async () => {},
  })
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformVerifier(t, open(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformVerifier(t, open('none')), FLAWS),
    [],
  )
  const example = async (): Promise<VerifierUnderTest> => {
    process.env.ACCESS_SUITES_SECRET = SECRET
    const config = { hooks: { wiki: { path: '/hook', secret: { env: 'ACCESS_SUITES_SECRET' } } } }
    const { slot, stop } = createTestHost(signedWebhooks, { config })
    const [verifier] = slot(verifiers)
    if (verifier === undefined) throw new Error('it provides none')
    const signature = `sha256=${createHmac('sha256', SECRET).update(BODY).digest('hex')}`
    const request = { ...sentAt(NOW).request, headers: ['X-Hub-Signature-256', signature] }
    return { verifier, sent: { request, body: BODY }, proofs: ['x-hub-signature-256'], close: stop }
  }
  t.strictSame(await failuresOf((t) => conformVerifier(t, example)), [], 'signed-webhooks')
})

t.test('each rule fails for its own flaw of a source of apps', async (t) => {
  const PROPOSES = 'it proposes all its apps, in a form that a hub reads'
  const CHANGES = 'it proposes again after a change, and each call names all apps'
  const ENDS = 'it ends with its signal, and proposes nothing afterwards'
  const SECOND = 'a second watcher gets the apps too'
  const FLAWS = {
    none: [],
    name: [PROPOSES],
    'wrong-uri': [PROPOSES],
    'same-name': [PROPOSES, CHANGES, ENDS, SECOND],
    partial: [CHANGES],
    deaf: [CHANGES],
    goes: [ENDS],
    timer: [ENDS],
    once: [ENDS, SECOND],
    fails: [PROPOSES, CHANGES, ENDS, SECOND],
  }
  const app = (name: string): ProposedApp => ({ name, uri: 'http://127.0.0.1:1' })
  const open = (flaw: string) => async (): Promise<AppSourceUnderTest> => {
    let apps = [app('one'), app('two')]
    let watched = 0
    const listeners = new Set<() => void>()
    const source: AppSource = {
      name: flaw === 'name' ? 'My Source' : 'mine',
      watch(propose, signal) {
        if (flaw === 'fails') throw new Error('no such folder')
        if (flaw === 'once' && ++watched > 1) return
        const tell = () => propose(flaw === 'wrong-uri' ? apps.map((one) => ({ ...one, uri: 'a b' })) : apps)
        const changed = () => propose(flaw === 'partial' ? apps.slice(-1) : apps)
        tell()
        if (flaw === 'timer') setInterval(() => {}, 10_000).unref()
        if (flaw !== 'deaf') listeners.add(changed)
        if (flaw !== 'goes') signal.addEventListener('abort', () => listeners.delete(changed))
      },
    }
    if (flaw === 'same-name') apps = [app('one'), app('one')]
    return {
      source,
      expected: ['one', 'two'],
      async change() {
        apps = [app('one'), app('three'), app('four')]
        for (const listener of listeners) listener()
        return ['one', 'three', 'four']
      },
      async close() {
        listeners.clear()
      },
    }
  }
  const waits = { waitMs: 100 }
  for (const [flaw, expected] of Object.entries(FLAWS))
    t.strictSame(await failuresOf((t) => conformAppSource(t, open(flaw), waits)), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformAppSource(t, open('none')), FLAWS),
    [],
  )
})
