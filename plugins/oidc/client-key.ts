import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { PrivateKey, ServerMetadata } from 'openid-client'

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}
const MIN_RSA_BITS = 2_048
const KINDS = 'RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519'

/** The stored secret of a connector is either a client secret or, for `private_key_jwt`, a private key. */
export const isPrivateKey = (secret: string): boolean => secret.startsWith('-----BEGIN')

/** The key of `private_key_jwt` (RFC 7523 section 2.2). Throws for anything but an unencrypted PEM of a usable kind. */
export function readPrivateKey(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    // No cause, because it may quote the text.
    throw new Error('must be an unencrypted private key in PEM')
  }
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const usable =
    (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) ||
    (key.asymmetricKeyType === 'ec' && Object.hasOwn(CURVES, namedCurve)) ||
    key.asymmetricKeyType === 'ed25519'
  if (!usable) throw new Error(`must be a key of a supported kind: ${KINDS}`)
  return key
}

/** The public half (RFC 7517), as it is registered at the provider; its `kid` is the thumbprint of RFC 7638. */
export function publicJwkOf(pem: string): JsonWebKey {
  const jwk = createPublicKey(readPrivateKey(pem)).export({ format: 'jwk' })
  const { crv, e, kty, n, x, y } = jwk
  // Exactly the required members, in the order of their names; members that the kind lacks are omitted.
  const text = JSON.stringify({ crv, e, kty, n, x, y })
  return { ...jwk, kid: createHash('sha256').update(text).digest('base64url'), use: 'sig' }
}

/** The key that signs assertions. An RSA key signs with RS256, or with PS256 if the provider accepts only that. */
export function signingKeyOf(pem: string, metadata: ServerMetadata): PrivateKey {
  const key = readPrivateKey(pem)
  // The CryptoKey types of Node.js and openid-client differ in name only.
  const use = (...how: Parameters<typeof key.toCryptoKey>) => key.toCryptoKey(...how) as PrivateKey['key']
  const taken = metadata.token_endpoint_auth_signing_alg_values_supported
  const pss = taken !== undefined && !taken.includes('RS256') && taken.includes('PS256')
  const signing =
    key.asymmetricKeyType === 'rsa'
      ? use({ name: pss ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign'])
      : key.asymmetricKeyType === 'ec'
        ? use(
            { name: 'ECDSA', namedCurve: CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] as string },
            false,
            ['sign'],
          )
        : use('Ed25519', false, ['sign'])
  return { key: signing, kid: publicJwkOf(pem).kid as string }
}
