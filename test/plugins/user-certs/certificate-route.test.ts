// together: quick
/** What is asked of a sign-in and of the authority for a certificate, and what is left when there is none. */
import { generateKeyPairSync } from 'node:crypto'
import { type AuditInput, Problem } from '@mezite/core'
import { memoryLog } from '@mezite/core/testing'
import Fastify from 'fastify'
import t from 'tap'
import { type CertificateDeps, certificateRoute } from '../../../plugins/user-certs/certificate-route.ts'

const HOUR_MS = 3_600_000
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const public_key = publicKey.export({ type: 'spki', format: 'pem' }) as string
const asked = { code: 'c', verifier: 'v', public_key }
/** The session that the sign-in allows, whatever was asked for. */
const session = { id: 's-1', user: 'ann', connector: 'sso', expires: Date.parse('2030-01-01T00:00:00Z') }

/** The route with a sign-in that is good, and an authority that may be broken. */
async function start(broken = false) {
  const redeemed: Record<string, unknown>[] = []
  const issued: Record<string, unknown>[] = []
  const ended: unknown[][] = []
  const recorded: AuditInput[] = []
  const { log, lines } = memoryLog()
  const parts = {
    audit: { record: (event: AuditInput) => void recorded.push(event) },
    authorities: {
      async issueUser(input: Record<string, unknown>) {
        if (broken) throw new Error('the key is gone')
        issued.push(input)
        return { certificate: 'PEM', notAfter: session.expires, serial: '1' }
      },
      bundle: () => ['CA'],
    },
    commandLogins: {
      async redeem(input: Record<string, unknown>) {
        redeemed.push(input)
        return { session, token: 'secret', roles: ['dev'] }
      },
    },
    publicNames: { clusterName: 'test' },
    sessions: { end: async (...args: unknown[]) => void ended.push(args) },
    log,
  } as unknown as CertificateDeps
  const web = Fastify()
  web.setErrorHandler((error, _request, reply) => {
    const { status, code } = error instanceof Problem ? error : { status: 500, code: 'internal' }
    return reply.code(status).send({ code })
  })
  await web.register(certificateRoute(parts).routes)
  const ask = async (payload: object | string) => {
    const answer = await web.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'application/json' },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    })
    return { status: answer.statusCode, ...answer.json() }
  }
  t.teardown(() => web.close())
  return { ask, redeemed, issued, ended, recorded, lines }
}

t.test('a certificate lasts as long as its session, which may be requested up to 24 h', async (t) => {
  const { ask, redeemed, issued, recorded } = await start()
  for (const [ttl_seconds, longestMs] of [
    [undefined, 12 * HOUR_MS],
    [1, 1_000],
    [1.9, 1_000],
    [86_399, 86_399_000],
    [86_400, 24 * HOUR_MS],
    [1e300, 24 * HOUR_MS],
  ]) {
    t.match(await ask({ ...asked, ttl_seconds }), { status: 200, session_id: 's-1', token: 'secret' })
    t.match(redeemed.pop(), { code: 'c', verifier: 'v', kind: 'cert', longestMs }, String(ttl_seconds))
    t.match(issued.pop(), { user: 'ann', sessionId: 's-1', notAfter: session.expires })
  }
  t.match(recorded[0], { type: 'user.cert.issued', user: 'ann', sessionId: 's-1', fields: { serial: '1' } })
})

t.test('K a faulty request does not spend the code', async (t) => {
  const { ask, redeemed } = await start()
  for (const body of ['[]', 'null', '"code"', { ...asked, user: 'root' }, { ...asked, __proto: 1 }])
    t.match(await ask(body), { status: 400, code: 'invalid_request' }, JSON.stringify(body))
  for (const ttl_seconds of [0, 0.9, -1, '9', null, [60]])
    t.match(await ask({ ...asked, ttl_seconds }), { status: 400, code: 'ttl_invalid' }, `${ttl_seconds}`)
  t.match(await ask(JSON.stringify({ ...asked, ttl_seconds: 0 }).replace(':0', ':1e999')), { status: 400 })
  const body = public_key.replace(/-----[A-Z ]+-----|\s/g, '')
  for (const key of [
    [public_key],
    `text before\n${public_key}`,
    `${public_key}${' '.repeat(1_024)}`,
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
    `-----BEGIN PUBLIC KEY-----\n${body.slice(8)}\n-----END PUBLIC KEY-----\n`,
  ])
    t.match(await ask({ ...asked, public_key: key }), { status: 400, code: 'public_key_invalid' })
  t.strictSame(redeemed, [])
})

t.test('a certificate that cannot be issued opens no session', async (t) => {
  const { ask, ended, recorded, lines } = await start(true)
  t.match(await ask(asked), { status: 503, code: 'certificate_failed' })
  t.strictSame(ended, [[['s-1'], 'denied', null]])
  t.strictSame(recorded, [])
  t.match(lines.join('\n'), /failed to issue a certificate/)
})
