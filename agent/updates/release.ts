import { createPublicKey, type KeyObject, verify } from 'node:crypto'

/** A version of mezd that may be installed on this machine. */
export interface Release {
  readonly version: string
  /** The file for this machine, by its name beside the statement. */
  readonly file: { readonly name: string; readonly size: number; readonly sha256: string }
}

/** Who may release, and for which machine. */
export interface ReleaseTrust {
  /** Distinct keys. */
  readonly keys: readonly KeyObject[]
  /** How many of them must have signed. */
  readonly threshold: number
  /** Such as `linux-x64`. */
  readonly target: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/** The type of a statement in its envelope. */
export const PAYLOAD_TYPE = 'application/vnd.mezite.mezd-release+json'
/** Size of the largest program, in bytes. */
const MOST_BYTES = 1 << 29

/** An Ed25519 public key, written as `ed25519:` and 32 bytes in base64; null if it is not one. */
export function releaseKey(text: string): KeyObject | null {
  const base64 = /^ed25519:([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1] ?? ''
  const bytes = Buffer.from(base64, 'base64')
  // Each key has one spelling, so that nobody lists one key twice.
  if (bytes.length !== 32 || bytes.toString('base64') !== base64) return null
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
    format: 'jwk',
  })
}

/** DSSE (https://github.com/secure-systems-lab/dsse): type and body with their lengths, so that neither passes for a part of the other. */
export const signedBytes = (body: Buffer, type: string = PAYLOAD_TYPE): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body])

/**
 * Reads a statement about a release. Nothing in it counts before enough keys have signed it, each counted once. Throws an error that says
 * what is wrong: too few signatures, another program, expired, or no file for this machine.
 */
export function readRelease(text: string, { keys, threshold, target, now }: ReleaseTrust): Release {
  const { payloadType, payload, signatures } = JSON.parse(text)
  if (payloadType !== PAYLOAD_TYPE || typeof payload !== 'string' || !Array.isArray(signatures))
    throw new Error('it is not the statement of a release')
  const body = Buffer.from(payload, 'base64')
  const made = signatures.slice(0, 100).map((one) => Buffer.from(String(one?.sig), 'base64'))
  const signers = keys.filter((key) => made.some((sig) => verify(null, signedBytes(body), key, sig)))
  if (signers.length < threshold)
    throw new Error(`${signers.length} of the configured keys have signed it, and ${threshold} must`)
  const { program, version, expires, files } = JSON.parse(body.toString())
  if (program !== 'mezd') throw new Error(`it is a release of ${JSON.stringify(program)}`)
  if (!isVersion(version)) throw new Error(`${JSON.stringify(version)} is not a version`)
  if (!(Date.parse(expires) > now)) throw new Error(`it has expired: ${JSON.stringify(expires)}`)
  const file = Object.hasOwn(Object(files), target) ? files[target] : undefined
  if (file === undefined) throw new Error(`it has no file for ${target}`)
  const { name, size, sha256 } = file
  const isFile =
    /^[\w][\w.-]*$/.test(name) && Number.isSafeInteger(size) && size > 0 && /^[0-9a-f]{64}$/.test(sha256)
  if (!isFile || size > MOST_BYTES) throw new Error(`it names a file that cannot be taken for ${target}`)
  return { version, file: { name, size, sha256 } }
}

/** Releases have no other form: a pre-release has no order that everybody agrees on. */
export const isVersion = (text: unknown): text is string =>
  typeof text === 'string' && /^\d{1,6}\.\d{1,6}\.\d{1,6}$/.test(text)

/** Negative if the first version is older. */
export const compareVersions = (one: string, other: string): number => {
  const [left, right] = [one, other].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)))
  for (const [at, part] of left!.entries()) if (part !== right![at]) return part - right![at]!
  return 0
}
