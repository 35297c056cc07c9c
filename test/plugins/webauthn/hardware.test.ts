// together: sign-in
/** What counts as a hardware key, with certificates of a maker that the test invents. */
import { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attestation, BACKUP_ELIGIBLE, type ResponseChanges } from '@mezite/core/testing'
import t from 'tap'
import { startKeyHub } from './key-hub.ts'
import { makeCertificate } from './make-certificate.ts'

const MODEL = '01020304-0506-0708-090a-0b0c0d0e0f10'
const OTHER_MODEL = 'ffffffff-0506-0708-090a-0b0c0d0e0f10'
const DAY_MS = 86_400_000

async function maker(name: string) {
  const root = await makeCertificate({ name: `CN=${name}, O=Maker, C=SE`, ca: true })
  /** An attestation of a model, valid until `endsMs` from now. */
  async function attest(aaguid: string, endsMs = DAY_MS): Promise<Attestation> {
    const subject = 'C=SE, O=Maker, OU=Authenticator Attestation, CN=Model'
    const { der, keys } = await makeCertificate({ name: subject, ca: false, issuer: root, endsMs })
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`
    return { aaguid, key, chain: [der] }
  }
  return { pem: root.pem, root: root.der, attest }
}

const [trusted, stranger] = [await maker('Trusted'), await maker('Stranger')]
const dir = mkdtempSync(join(tmpdir(), 'mezite-roots-'))
writeFileSync(join(dir, 'roots.pem'), trusted.pem)
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const keys = await startKeyHub({ hardware_key: { roots: [join(dir, 'roots.pem')], aaguids: [MODEL] } })
t.teardown(() => keys.hub.stop())
await keys.role('hard', { require_session_mfa: 'hardware_key' })

const levelOf = async (name: string) => {
  const [key] = await keys.hub.api<{ level: string }[]>('GET', `/users/${name}/mfa`)
  return key?.level
}

t.test(
  'a passkey of a listed model, attested below a configured root, meets a demand for hardware',
  async (t) => {
    const ann = await keys.person('ann', ['hard'], { attestation: await trusted.attest(MODEL) })
    t.equal(await levelOf('ann'), 'hardware_key')
    const done = await keys.confirm(ann)
    t.match(done.location, '/.mezite/session?code=')
  },
)

t.test('other passkeys enrol, and count as passkeys only', async (t) => {
  const own = await stranger.attest(MODEL)
  const claims: Record<string, ResponseChanges> = {
    none: {},
    synced: { flags: BACKUP_ELIGIBLE, attestation: await trusted.attest(MODEL) },
    stranger: { attestation: own },
    'stranger with its root': { attestation: { ...own, chain: [...own.chain, stranger.root] } },
    'the trusted root beside it': { attestation: { ...own, chain: [...own.chain, trusted.root] } },
    'another model': { attestation: await trusted.attest(OTHER_MODEL) },
    expired: { attestation: await trusted.attest(MODEL, -1_000) },
    garbage: { attestation: { ...own, chain: [Buffer.from('no certificate')] } },
  }
  for (const [what, lie] of Object.entries(claims)) {
    const name = what.replaceAll(' ', '-')
    const holder = await keys.person(name, ['hard'], lie)
    t.equal(await levelOf(name), 'webauthn', what)
    t.match((await keys.confirm(holder)).location, '/web/mfa?level=hardware_key', `${what} opens nothing`)
    keys.clock.advance(30_000)
    await keys.hub.ready()
  }
})

t.test('D67 an attestation of the format "none" with a statement is refused', async (t) => {
  const attestation = await trusted.attest(MODEL)
  await t.rejects(keys.person('nora', ['hard'], { attestation, format: 'none' }), /key_invalid/)
})

t.test('a chain to the root with a foreign signature is refused', async (t) => {
  const [mine, other] = [await trusted.attest(MODEL), await stranger.attest(MODEL)]
  await t.rejects(
    keys.person('mallory', ['hard'], { attestation: { ...mine, key: other.key } }),
    /key_invalid/,
  )
})
