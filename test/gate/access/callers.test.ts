// together: quick
/** The slot `credentials`: which caller a request presents, and what the app must not see of it. */
import type { X509Certificate } from 'node:crypto'
import { mock } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { Caller, Credential, CredentialRequest } from '@mezite/core/identity'
import { memoryLog } from '@mezite/core/testing'
import t from 'tap'
import { hubPartChecks } from '../../../core/api/part-checks.ts'
import { createCallers } from '../../../core/gate/access/callers.ts'

const COOKIE = '__Host-mezite_app'
const certified: Caller = { kind: 'cert', sessionId: 'c' }
const cookie: Credential = {
  name: 'cookie',
  from: 'cookie',
  at: 'app',
  cookie: COOKIE,
  read: (token) => ({ kind: 'app', token }),
}
const bearer: Credential = {
  name: 'bearer',
  from: 'header',
  at: 'app',
  headers: ['authorization', 'mezite-token'],
  read(value) {
    const token = /^(?:Bearer )?ours_(\w+)$/.exec(value)?.[1]
    return token === undefined ? null : { kind: 'token', token }
  },
}

function callersOf(...entries: readonly Credential[]) {
  const { log, lines } = memoryLog()
  const callers = createCallers({ log })
  callers.open(entries)
  const of = (proofs: readonly string[], more: { cookies?: string[]; certified?: Caller } = {}) => {
    const { cookies = [`a=b; ${COOKIE}=session`], certified: proved = null } = more
    const host = { host: 'wiki.apps.test', port: 3080 }
    const request = { method: 'GET', target: '/a?b', host, clientIp: '192.0.2.1', cookies, proofs }
    return callers.ofRequest(request, proved)
  }
  return { callers, lines, of }
}

t.test('a cookie counts only without another recognised credential', async (t) => {
  const { of, callers } = callersOf(cookie, bearer)
  t.strictSame([...(callers.headers ?? [])], ['authorization', 'mezite-token'])
  t.strictSame(of([]), { kind: 'app', token: 'session' })
  t.equal(of([], { cookies: [] }), null)
  t.strictSame(
    of(['authorization', 'Basic aaa']),
    { kind: 'app', token: 'session' },
    'S212 of the app itself',
  )
  t.strictSame(of(['authorization', 'Bearer ours_x']), {
    kind: 'token',
    token: 'x',
    hides: ['authorization'],
  })
  t.strictSame(of([], { certified }), certified, 'cookies do not count beside a certificate')
  t.strictSame(of(['authorization', 'Bearer theirs'], { certified }), certified)
  t.equal(callersOf(cookie).callers.headers, null, 'no header is read for nobody')
})

t.test('two credentials that are not cookies are refused', async (t) => {
  const { of } = callersOf(cookie, bearer)
  const both = { kind: 'refused', status: 400, code: 'credentials_ambiguous' }
  t.strictSame(of(['authorization', 'Bearer ours_x', 'mezite-token', 'ours_y']), both)
  t.strictSame(of(['authorization', 'Bearer ours_x', 'authorization', 'Bearer ours_x']), both, 'twice')
  t.strictSame(of(['mezite-token', 'ours_y'], { certified }), both, 'with a certificate')
  t.strictSame(of(['authorization', 'Bearer theirs', 'mezite-token', 'ours_y']), {
    kind: 'token',
    token: 'y',
    hides: ['mezite-token'],
  })
})

t.test('an entry that fails refuses the request, and never falls back to the cookie', async (t) => {
  const failing = (read: (value: string, request: CredentialRequest) => never | Promise<never>) =>
    callersOf(cookie, { ...bearer, read } as Credential)
  const refused = { kind: 'refused', status: 401, code: 'credential_failed' }
  const thrown = failing(() => {
    throw new Error('oops')
  })
  t.strictSame(thrown.of(['authorization', 'x']), refused)
  t.match(thrown.lines.join('\n'), /oops/)
  t.notMatch(thrown.lines.join('\n'), /"x"/, 'S205 without the credential')
  t.strictSame(
    await failing(async () => Promise.reject(new Error('oops'))).of(['authorization', 'x']),
    refused,
  )
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const late = failing(() => new Promise(() => {})).of(['authorization', 'x'])
  mock.timers.tick(2_000)
  t.strictSame(await late, refused, 'in 2 seconds')
})

t.test('an entry sees the request, and of its headers only those that carry credentials', async (t) => {
  const seen: unknown[] = []
  const { of } = callersOf({
    ...bearer,
    headers: ['dpop', 'authorization'],
    async read(value: string, { method, url, clientIp, header }: CredentialRequest) {
      if (value !== 'DPoP t') return null
      seen.push(method, url, clientIp, header('dpop'), header('cookie'))
      return { kind: 'token', token: 't', hides: ['dpop'] } as const
    },
  } as Credential)
  t.strictSame(await of(['dpop', 'proof', 'authorization', 'DPoP t']), {
    kind: 'token',
    token: 't',
    hides: ['authorization', 'dpop'],
  })
  t.strictSame(seen, ['GET', 'https://wiki.apps.test:3080/a?b', '192.0.2.1', ['proof'], []])
})

t.test('I119 a certificate counts only if TLS has verified it', async (t) => {
  const certificate = { serialNumber: '1' } as X509Certificate
  const read = (shown: X509Certificate) =>
    shown === certificate ? ({ kind: 'cert', sessionId: 's', user: 'ann', expires: 1 } as const) : null
  const { callers } = callersOf({ name: 'certificate', from: 'certificate', read })
  const socket = (authorized: boolean, shown?: X509Certificate) =>
    ({ authorized, getPeerX509Certificate: () => shown }) as unknown as TLSSocket
  t.match(callers.ofCertificate(socket(true, certificate)), { user: 'ann' })
  t.equal(callers.ofCertificate(socket(false, certificate)), null)
  t.equal(callers.ofCertificate(socket(true)), null)
  const failing = callersOf({
    name: 'certificate',
    from: 'certificate',
    read() {
      throw new Error('oops')
    },
  })
  t.equal(failing.callers.ofCertificate(socket(true, certificate)), null)
})

t.test('challenges and documents come from the entries', async (t) => {
  const path = '/.well-known/tokens'
  const document = { path, of: () => ({ a: 1 }) }
  const entry = {
    ...bearer,
    document,
    challenge: ({ origin, presented }: { origin: string; presented: boolean }) =>
      presented ? `Bearer error="invalid_token"` : `Bearer from="${origin}"`,
  } as Credential
  const { callers } = callersOf(entry)
  const refusal = {
    origin: 'https://wiki.apps.test',
    status: 401,
    code: 'login_required',
    target: '/',
    userAgent: '',
    maxAgeMs: null,
  }
  t.strictSame(callers.challenges({ ...refusal, presented: false }), ['Bearer from="https://wiki.apps.test"'])
  t.strictSame(callers.challenges({ ...refusal, presented: true }), ['Bearer error="invalid_token"'])
  t.equal(callers.documentAt(path), document)
  t.equal(callers.documentAt('/.well-known/other'), undefined)
  t.throws(() => callersOf(entry, { ...entry, name: 'other' }), { code: 'MEZ_SERVICE_TWICE' })
  t.throws(() => callersOf(bearer, bearer), { code: 'MEZ_SERVICE_TWICE' })
  t.throws(() => callersOf(cookie, { ...cookie, name: 'other' }), { code: 'MEZ_SERVICE_TWICE' })
})

t.test('entries whose headers the hub cannot keep from apps, or reads itself, are rejected', async (t) => {
  const check = hubPartChecks.credentials!
  for (const good of [
    cookie,
    bearer,
    { ...bearer, at: 'api', headers: ['authorization'] },
    { name: 'c', from: 'certificate', read() {} },
  ])
    t.equal(check(good), null)
  for (const bad of [
    ...[null, {}, { ...bearer, name: 'A b' }, { ...bearer, at: 'everywhere' }, { ...bearer, read: 1 }],
    ...[
      { ...bearer, headers: [] },
      { ...bearer, headers: ['x-key', 'x-key'] },
      { ...bearer, at: 'api', headers: ['x-key'] },
      { ...bearer, headers: ['Authorization'] },
      { ...bearer, headers: ['cookie'] },
    ],
    ...[
      { ...bearer, headers: ['host'] },
      { ...bearer, headers: ['x-mezite-user'] },
    ],
    ...[
      { ...bearer, headers: ['sec-fetch-site'] },
      { ...bearer, document: { path: '/x', of() {} } },
    ],
    ...[
      { ...bearer, document: { path: '/.well-known/x' } },
      { ...cookie, cookie: 'session' },
    ],
  ])
    t.type(check(bad), 'string', JSON.stringify(bad))
})
