import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

/** Begins every Ed25519 private key in PKCS #8 (RFC 8410), before its 32 bytes. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32

/**
 * The key that signs the archives of a cluster (Ed25519). It follows from the cluster's encryption key, so every hub has the
 * same one. Only an archive has the encryption key too, readable for the owner of the private key; the public key that
 * archives are encrypted to is not enough to make one.
 */
function signingKey(encryptionKey: Uint8Array): KeyObject {
  const seed = hkdfSync('sha256', encryptionKey, '', 'mezite backup signature', SEED_BYTES)
  return createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(seed)]), format: 'der', type: 'pkcs8' })
}

/** The public half, as people compare it: `ed25519:` and 43 characters. */
export function signerOf(encryptionKey: Uint8Array): string {
  const { x } = createPublicKey(signingKey(encryptionKey)).export({ format: 'jwk' })
  return `ed25519:${x}`
}

/** Collects the lines of an archive, to sign them or to check their signature. */
export function createSeal(encryptionKey: Uint8Array) {
  const hash = createHash('sha512')
  const statement = () => Buffer.concat([Buffer.from('mezite backup\n'), hash.copy().digest()])
  return {
    /** A line without its line break. */
    add: (line: string | Uint8Array) => void hash.update(line).update('\n'),
    sign: (): string => sign(null, statement(), signingKey(encryptionKey)).toString('base64url'),
    isSignedBy: (signature: string): boolean =>
      verify(
        null,
        statement(),
        createPublicKey(signingKey(encryptionKey)),
        Buffer.from(signature, 'base64url'),
      ),
  }
}
