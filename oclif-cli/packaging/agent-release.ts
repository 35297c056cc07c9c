/** The statement with which holders of release keys let agents replace themselves by a release. */
import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PAYLOAD_TYPE, signedBytes } from '../../agent/updates/release.ts'
import { STATEMENT } from '../../agent/updates/staged-releases.ts'
import { checkSums } from './check-release.ts'
import { filesIn } from './checksums.ts'
import { executableName, isMadeFor, TARGETS } from './executables.ts'

/** After this time, agents no longer accept the statement: nobody can hold a newer release back for longer. */
const VALID_MS = 90 * 86_400_000

interface Signature {
  readonly keyid: string
  readonly sig: string
}

/** A public key as `mezd.yaml` has it. */
export const releaseKeyText = (key: KeyObject): string =>
  `ed25519:${Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64')}`

/**
 * Signs the agents of a release with a private Ed25519 key. The first signature makes the statement beside the folder, and each further
 * one is added to it if this release has the files that it names. Returns a line about the result. Throws for files without their
 * checksum, a statement about other files, one that has expired, and a key of another kind.
 */
export function signAgents(release: string, key: KeyObject, now: number): string {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`a release key is an Ed25519 key, and this one is ${key.asymmetricKeyType}`)
  checkSums(release)
  const version = filesIn(release)
    .find((file) => file.startsWith('mezd_'))
    ?.split('_')[1]
  const files = Object.fromEntries(
    TARGETS.filter((target) => isMadeFor('mezd', target)).map((target) => {
      const name = executableName('mezd', target)
      const content = readFileSync(join(release, name))
      const sha256 = createHash('sha256').update(content).digest('hex')
      return [target, { name, size: content.length, sha256 }]
    }),
  )
  const path = join(release, '..', STATEMENT)
  const own = { program: 'mezd', version, expires: new Date(now + VALID_MS).toISOString(), files }
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
  const body = before === null ? Buffer.from(JSON.stringify(own)) : Buffer.from(before.payload, 'base64')
  const { expires, ...rest } = JSON.parse(body.toString())
  const { expires: _, ...ownRest } = own
  if (JSON.stringify(rest) !== JSON.stringify(ownRest))
    throw new Error(`${path} is about other files than ${release}: remove it, or make the same release again`)
  if (!(Date.parse(expires) > now)) throw new Error(`${path} has expired: remove it to begin again`)
  const keyid = releaseKeyText(createPublicKey(key))
  const sig = sign(null, signedBytes(body), key)
  const others = ((before?.signatures ?? []) as readonly Signature[]).filter((one) => one.keyid !== keyid)
  const signatures = [...others, { keyid, sig: sig.toString('base64') }]
  const envelope = { payloadType: PAYLOAD_TYPE, payload: body.toString('base64'), signatures }
  writeFileSync(path, `${JSON.stringify(envelope)}\n`)
  return `signed mezd ${version} with ${keyid}; ${path} has ${signatures.length} signatures and is valid until ${expires}`
}
