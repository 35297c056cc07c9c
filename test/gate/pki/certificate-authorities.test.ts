// together: rooms
import 'reflect-metadata'
import { generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/certificate-request.ts'
import type { SecretBox } from '../../../core/api/secret-box.ts'
import { createAuthorities } from '../../../core/gate/pki/certificate-authorities.ts'
import { makeLeaf, newKeyPair, P256 } from '../../../core/gate/pki/certificate-templates.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { createSecretBox } from '../../../core/state/secrets/secret-box.ts'
import { anyTables } from '../../any-tables.ts'
import { emptyTestStore, quiet } from '../../traffic/tunnel/open-test-store.ts'

async function two(t: { teardown(run: () => unknown): void }) {
  const store = await emptyTestStore()
  const { db } = store
  const make = ({
    secretBox = store.secretBox,
    ...lives
  }: {
    secretBox?: SecretBox
    identityLifeMs?: number
  } = {}) => {
    const parts = {
      db,
      revisions: store.addChanges([]),
      secretBox,
      clusterName: 'test',
      clock: systemClock,
      log: quiet,
    }
    const authorities = createAuthorities(parts, lives)
    t.teardown(() => authorities.close())
    return authorities
  }
  return { db, make }
}

t.test('hubs that start together make one authority of each kind', async (t) => {
  const { db, make } = await two(t)
  const [a, b] = [make(), make()]
  await Promise.all([a.load(), b.load()])
  t.equal(a.pin(), b.pin())
  for (const name of ['hub-ca', 'agent-ca', 'user-ca'] as const) t.same(a.bundle(name), b.bundle(name))
  t.equal((await anyTables(db).selectFrom('authorities').selectAll().execute()).length, 3)
  t.not(a.bundle('agent-ca')[0], a.bundle('user-ca')[0])
})

t.test('private keys are sealed, and another key does not open them', async (t) => {
  const { db, make } = await two(t)
  await make().load()
  const rows = await anyTables(db).selectFrom('authorities').selectAll().execute()
  for (const row of rows) t.notOk(Buffer.from(row.sealed_key).includes(Buffer.from('2a8648ce3d0201', 'hex')))
  await t.rejects(make({ secretBox: createSecretBox(randomBytes(32)) }).load())
})

t.test('an authority that is not loaded issues nothing', async (t) => {
  const { make } = await two(t)
  t.throws(() => make().bundle('hub-ca'), { code: 'MEZ_AUTHORITY_UNREADABLE' })
})

t.test('each certificate has one purpose', async (t) => {
  const { make } = await two(t)
  const authorities = make()
  await authorities.load()
  const { csr } = await makeKeyRequest('node-1')
  const agent = new X509Certificate(
    (await authorities.issueAgent({ csr, hostname: 'node-1', generation: 1 })).certificate,
  )
  t.equal(agent.subjectAltName, 'URI:mezite://test/agent/node-1')
  t.same(agent.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.equal(agent.verify(new X509Certificate(authorities.bundle('agent-ca')[0] ?? '').publicKey), true)
  const hub = new X509Certificate((await authorities.hubIdentity()).cert)
  t.equal(hub.subjectAltName, 'DNS:hub.test.mezite.internal')
  t.same(hub.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issued = await authorities.issueUser({
    publicKey,
    user: 'a b',
    sessionId: 's1',
    notAfter: Date.now() + 60_000,
  })
  const user = new X509Certificate(issued.certificate)
  t.equal(user.verify(new X509Certificate(authorities.bundle('user-ca')[0] ?? '').publicKey), true)
  t.equal(user.serialNumber.toLowerCase(), issued.serial)
  t.equal(user.subjectAltName, 'URI:mezite://test/user/a%20b?session=s1')
  const constraintsOf = (certificate: string) =>
    new x509.X509Certificate(certificate).getExtension(x509.BasicConstraintsExtension)
  for (const name of ['hub-ca', 'agent-ca', 'user-ca'] as const)
    t.match(
      constraintsOf(authorities.bundle(name)[0] ?? ''),
      { ca: true, pathLength: 0 },
      'signs leaves only',
    )
  for (const leaf of [agent, hub, user]) t.match(constraintsOf(leaf.toString()), { ca: false })
  for (const { serialNumber } of [agent, hub, user]) t.match(serialNumber, /^[4-7][0-9A-F]{31}$/)
})

t.test('certificates have the requested lifetime, at most that of their authority', async (t) => {
  const { make } = await two(t)
  const authorities = make()
  await authorities.load()
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const person = { publicKey, user: 'u'.repeat(200), sessionId: 's' }
  const now = Date.now()
  const notAfter = Math.floor(now / 1_000) * 1_000 + 600_000
  const brief = await authorities.issueUser({ ...person, notAfter })
  t.equal(brief.notAfter, notAfter)
  const certificate = new X509Certificate(brief.certificate)
  t.equal(certificate.validToDate.getTime(), notAfter)
  t.ok(certificate.validFromDate.getTime() <= now - 299_000, 'and counts where clocks are behind')
  t.equal(certificate.subject, `CN=${'u'.repeat(64)}`, 'the longest that a common name may be')
  const [authority] = authorities.keys('user-ca')
  const long = await authorities.issueUser({ ...person, notAfter: now + 1e12 })
  t.equal(long.notAfter, authority?.expires)
  const { csr } = await makeKeyRequest('node-1')
  const agent = await authorities.issueAgent({ csr, hostname: 'node-1', generation: 1 })
  t.ok(Math.abs(agent.notAfter - now - 86_400_000) < 60_000, 'a day')
})

t.test('a certificate is verified by the key that signed it, whatever issuer it names', async (t) => {
  const { make } = await two(t)
  const authorities = make()
  await authorities.load()
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const person = { publicKey, user: 'ann', sessionId: 's', notAfter: Date.now() + 60_000 }
  const { certificate, authority } = await authorities.issueUser(person)
  const real = new X509Certificate(certificate)
  t.equal(authorities.issuerOf('user-ca', real), authority)
  t.equal(authorities.issuerOf('agent-ca', real), null)
  t.ok(authorities.trusts('user-ca', authority))
  t.notOk(authorities.trusts('agent-ca', authority))
  const own = await newKeyPair()
  const [pem = ''] = authorities.bundle('user-ca')
  const forged = await makeLeaf(
    { certificate: pem, key: own.privateKey },
    {
      publicKey: own.publicKey,
      commonName: 'ann',
      purpose: 'client',
      names: [{ type: 'url', value: 'mezite://test/user/ann?session=s' }],
      notBefore: Date.now(),
      notAfter: person.notAfter,
    },
  )
  t.equal(authorities.issuerOf('user-ca', new X509Certificate(forged.toString('pem'))), null)
})

t.test('broken certificate requests are refused', async (t) => {
  const { make } = await two(t)
  const authorities = make()
  await authorities.load()
  const request = async (algorithm: object, publicKey?: CryptoKey) => {
    const keys = (await webcrypto.subtle.generateKey(algorithm as typeof P256, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const made = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=n',
      keys: { privateKey: keys.privateKey, publicKey: publicKey ?? keys.publicKey },
      signingAlgorithm: algorithm as typeof P256,
    })
    return made.toString('pem')
  }
  const good = await request(P256)
  t.ok(await authorities.issueAgent({ csr: good, hostname: 'n', generation: 1 }))
  const modulus = { modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]) }
  for (const csr of [
    `${good}${'\n'.repeat(8_192)}`,
    await request({ ...P256, namedCurve: 'P-384' }),
    await request({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', ...modulus }),
    await request(P256, (await newKeyPair()).publicKey),
    '',
    'x',
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
    'x'.repeat(99_999),
  ]) {
    await t.rejects(authorities.issueAgent({ csr, hostname: 'n', generation: 1 }), {
      code: 'MEZ_CSR_INVALID',
    })
  }
})

t.test('the certificate of the hub renews by itself', async (t) => {
  const { make } = await two(t)
  const authorities = make({ identityLifeMs: 200 })
  await t.rejects(authorities.hubIdentity(), { code: 'MEZ_AUTHORITY_UNREADABLE' })
  await authorities.load()
  const { cert } = await authorities.hubIdentity()
  const end = Date.now() + 60_000
  while ((await authorities.hubIdentity()).cert === cert && Date.now() < end)
    await new Promise((go) => setTimeout(go, 20))
  t.not((await authorities.hubIdentity()).cert, cert)
})
