// together: quick
/** Which certificates of an attestation lead to a configured root. */
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createHardwareKeys } from '../../../plugins/webauthn/hardware-keys.ts'
import { quiet } from '../../traffic/tunnel/open-test-store.ts'
import { type MadeCertificate, makeCertificate } from './make-certificate.ts'

const [LEAF, MIDDLE, ROOT] = ['CN=Model, O=Maker', 'CN=Batch, O=Maker', 'CN=Root, O=Maker']
const HOUR = 3_600_000
const dir = mkdtempSync(join(tmpdir(), 'mezite-roots-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const file = join(dir, 'roots.pem')

const root = await makeCertificate({ name: ROOT, ca: true, endsMs: 24 * HOUR })
const middle = await makeCertificate({ name: MIDDLE, ca: true, issuer: root })
const leaf = await makeCertificate({ name: LEAF, ca: false, issuer: middle })
const direct = await makeCertificate({ name: LEAF, ca: false, issuer: root })
writeFileSync(file, root.pem)
const fingerprint = new X509Certificate(root.pem).fingerprint256
const hardware = createHardwareKeys({ roots: [file] }, quiet)
const rootOf = (chain: readonly { der: Buffer }[], inMs = 0) =>
  hardware.rootOf(
    chain.map(({ der }) => der),
    Date.now() + inMs,
  )

t.test('a chain leads to the root through its intermediates, with or without the root in it', async (t) => {
  t.equal(rootOf([direct]), fingerprint)
  t.equal(rootOf([leaf, middle]), fingerprint)
  t.equal(rootOf([leaf, middle, root]), fingerprint)
  t.equal(rootOf([leaf]), null, 'not without the one between')
})

t.test('each certificate must be signed by the next; names do not matter', async (t) => {
  const stranger = await makeCertificate({ name: ROOT, ca: true })
  const forged = await makeCertificate({ name: LEAF, ca: false, issuer: stranger })
  t.equal(rootOf([forged]), null)
  t.equal(rootOf([forged, root]), null)
  t.equal(rootOf([forged, stranger]), null)
  const otherBatch = await makeCertificate({ name: MIDDLE, ca: true, issuer: root })
  t.equal(rootOf([leaf, otherBatch]), null, 'the batch that has signed it, and no other')
  const renamed = await makeCertificate({
    name: LEAF,
    ca: false,
    issuer: { name: 'CN=Other', keys: root.keys },
  })
  t.equal(rootOf([renamed]), null, 'nor is a signature enough without the name')
})

t.test('only authorities sign, and an authority is not a key', async (t) => {
  const made = await makeCertificate({ name: LEAF, ca: false, issuer: direct })
  t.equal(rootOf([made, direct]), null, 'what an authenticator could sign itself')
  t.equal(rootOf([middle]), null)
  t.equal(rootOf([root]), null)
})

t.test('all certificates of a chain must be valid now, the root too', async (t) => {
  const past = { beginsMs: -2 * HOUR, endsMs: -HOUR }
  const future = { beginsMs: HOUR, endsMs: 2 * HOUR }
  for (const times of [past, future]) {
    t.equal(rootOf([await makeCertificate({ name: LEAF, ca: false, issuer: root, ...times })]), null)
    const batch = await makeCertificate({ name: MIDDLE, ca: true, issuer: root, ...times })
    t.equal(rootOf([await makeCertificate({ name: LEAF, ca: false, issuer: batch }), batch]), null)
  }
  t.equal(rootOf([direct], 25 * HOUR), null, 'when the root has ended')
})

t.test('a chain has at most five certificates, and an unreadable one is refused', async (t) => {
  const chain: MadeCertificate[] = [root]
  for (let count = 0; count < 5; count++) {
    const issuer = chain[0] as MadeCertificate
    chain.unshift(await makeCertificate({ name: `CN=${count}`, ca: true, issuer }))
  }
  const below = (at: number) =>
    makeCertificate({ name: LEAF, ca: false, issuer: chain[at] as MadeCertificate })
  t.equal(rootOf([await below(1), ...chain.slice(1, 5)]), fingerprint)
  t.equal(rootOf([await below(0), ...chain.slice(0, 5)]), null)
  t.equal(rootOf([]), null)
  t.equal(rootOf([{ der: Buffer.from('no certificate') }]), null)
  t.equal(rootOf([direct, { der: Buffer.alloc(0) }]), null)
})

t.test(
  'a passkey qualifies by its root, by its model where models are listed, and never if it is synced',
  (t) => {
    const key = { backup_eligible: 0, attested_root: fingerprint, aaguid: 'ABCD' }
    t.ok(hardware.qualifies(key))
    t.notOk(hardware.qualifies({ ...key, backup_eligible: 1 }))
    t.notOk(hardware.qualifies({ ...key, attested_root: null }))
    t.notOk(hardware.qualifies({ ...key, attested_root: 'a root that is configured no more' }))
    const listed = createHardwareKeys({ roots: [file], aaguids: ['abcd'] }, quiet)
    t.ok(listed.qualifies(key))
    t.notOk(listed.qualifies({ ...key, aaguid: 'abce' }))
    t.end()
  },
)

t.test('a file without a certificate stops the start', (t) => {
  const empty = join(dir, 'empty.pem')
  writeFileSync(empty, 'nothing')
  t.throws(
    () => createHardwareKeys({ roots: [empty] }, quiet),
    /empty\.pem does not contain a PEM certificate/,
  )
  t.end()
})
