// together: quick
/** Each thing that a user's certificate must be, alone: whatever else protects the door, one fault is enough. */
import { randomUUID, X509Certificate } from 'node:crypto'
import t from 'tap'
import { makeAuthority, makeLeaf, newKeyPair } from '../../../core/gate/pki/certificate-templates.ts'
import { readUserCertificate } from '../../../plugins/user-certs/user-certificate.ts'

const HOUR_MS = 3_600_000
// A certificate knows seconds only.
const now = Math.floor(Date.now() / 1_000) * 1_000
const sessionId = randomUUID()
const uri = `mezite://test/user/ada%40example.com?session=${sessionId}`
const { certificate: ca, keys } = await makeAuthority('user-ca', 'test', now, 24 * HOUR_MS)
const { publicKey } = await newKeyPair()
const good = {
  publicKey,
  commonName: 'ada@example.com',
  purpose: 'client' as const,
  notBefore: now,
  notAfter: now + HOUR_MS,
  names: [{ type: 'url' as 'url' | 'dns', value: uri }],
}

async function leaf(
  revisions: Partial<typeof good> | { readonly purpose: 'server' } = {},
): Promise<X509Certificate> {
  const made = await makeLeaf(
    { certificate: ca.toString('pem'), key: keys.privateKey },
    { ...good, ...revisions },
  )
  return new X509Certificate(made.toString('pem'))
}

const read = (certificate: X509Certificate, at = now, issuer: string | null = 'k') =>
  readUserCertificate(certificate, 'test', at, () => issuer)

t.test('a certificate of a user names the person and the session', async (t) => {
  t.strictSame(read(await leaf()), {
    kind: 'cert',
    user: 'ada@example.com',
    sessionId,
    expires: now + HOUR_MS,
  })
})

t.test('I119 a single fault rejects the certificate', async (t) => {
  const certificate = await leaf()
  t.equal(read(certificate, now, null), null, 'nobody knows the key that signed it')
  t.equal(read(certificate, now + HOUR_MS), null, 'expired')
  t.equal(read(certificate, now - HOUR_MS), null, 'not valid yet')
  t.equal(read(await leaf({ purpose: 'server' })), null, 'for servers')
  t.equal(read(new X509Certificate(ca.toString('pem'))), null, 'the authority itself')
  const { validFrom, validTo, keyUsage, subjectAltName } = certificate
  const like = (revisions: object = {}) =>
    read({ ca: false, validFrom, validTo, keyUsage, subjectAltName, ...revisions } as X509Certificate)
  t.ok(like())
  t.equal(like({ ca: true }), null, 'an authority for clients')
  t.equal(like({ keyUsage: [...keyUsage!, '1.3.6.1.5.5.7.3.1'] }), null, 'for servers too')
  t.equal(like({ keyUsage: undefined }), null, 'for whatever one likes')
  t.equal(like({ subjectAltName: `DNS:${uri}` }), null, 'the name is no address')
  t.equal(like({ subjectAltName: undefined }), null)
  const url = (...values: string[]) => ({ names: values.map((value) => ({ type: 'url' as const, value })) })
  const other = (from: string | RegExp, to: string) => url(uri.replace(from, to))
  const named = {
    'no name': { names: [] },
    'a DNS name': { names: [{ type: 'dns' as const, value: 'hub.test.mezite.internal' }] },
    'two names': url(uri, uri.replace('ada', 'bob')),
    'a DNS name beside it': { names: [url(uri).names[0]!, { type: 'dns' as const, value: 'x' }] },
    'one name in two': {
      names: [
        url('mezite://test/user/ada').names[0]!,
        { type: 'dns' as const, value: `?session=${sessionId}` },
      ],
    },
    'another cluster': other('//test/', '//best/'),
    'another cluster, whose name holds ours': other('//test/', '//other/mezite://test/'),
    'an agent': other('/user/', '/agent/'),
    'an agent, with a user': other('/user/', '/agent/x/user/'),
    'no session': other(/\?.*/, ''),
    'no user': other('ada%40example.com', ''),
    'more after the session': url(`${uri}0`),
    'a broken escape': other('%40', '%zz'),
  }
  for (const [what, revisions] of Object.entries(named)) t.equal(read(await leaf(revisions)), null, what)
})
