import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import t from 'tap'
import { makeKeyRequest } from '../../../agent/key-request.ts'
import { createAuthorities } from '../../../core/hub/keys/create-authorities.ts'
import { createVault } from '../../../core/hub/keys/create-vault.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { emptyTestRooms, quiet } from '../tunnel/open-test-rooms.ts'

async function two(t: { teardown(run: () => unknown): void }) {
  const rooms = await emptyTestRooms()
  const { db, vault } = rooms
  const make = (over: object = {}) => {
    const options = {
      db,
      changes: rooms.addChanges([]),
      vault,
      clusterName: 'test',
      clock: systemClock,
      log: quiet,
    }
    const authorities = createAuthorities({ ...options, ...over })
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
  t.equal((await db.selectFrom('authorities').selectAll().execute()).length, 3)
  t.not(a.bundle('agent-ca')[0], a.bundle('user-ca')[0])
})

t.test('private keys are sealed, and another key does not open them', async (t) => {
  const { db, make } = await two(t)
  await make().load()
  const rows = await db.selectFrom('authorities').selectAll().execute()
  for (const row of rows) t.notOk(Buffer.from(row.sealed_key).includes(Buffer.from('2a8648ce3d0201', 'hex')))
  await t.rejects(make({ vault: createVault(randomBytes(32)) }).load())
})

t.test('certificates have one purpose each', async (t) => {
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
  const hub = new X509Certificate(authorities.hubIdentity().cert)
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
})

t.test('broken certificate requests are refused', async (t) => {
  const { make } = await two(t)
  const authorities = make()
  await authorities.load()
  for (const csr of [
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
  await authorities.load()
  const { cert } = authorities.hubIdentity()
  const end = Date.now() + 60_000
  while (authorities.hubIdentity().cert === cert && Date.now() < end)
    await new Promise((go) => setTimeout(go, 20))
  t.not(authorities.hubIdentity().cert, cert)
})
