import { createPublicKey } from 'node:crypto'

/** Signature algorithms of assertions and ID tokens: none symmetric, and never `none`. */
export const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

const LONGEST = 4_096
const CURVES = ['P-256', 'P-384', 'P-521', 'Ed25519']
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** What is wrong with a public key in JWK form; null: nothing. */
export function keyFault(jwk: Readonly<Record<string, unknown>>): string | null {
  if (JSON.stringify(jwk).length > LONGEST) return `must have at most ${LONGEST} characters`
  if (PRIVATE.some((member) => Object.hasOwn(jwk, member)))
    return 'contains a private or symmetric key: register the public half only, and make a new key'
  try {
    const key = createPublicKey({ key: jwk as never, format: 'jwk' })
    if (key.asymmetricKeyType === 'rsa')
      return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2_048
        ? null
        : 'must be an RSA key of at least 2048 bits'
    return CURVES.includes(String(jwk.crv)) ? null : `must be on one of the curves ${CURVES.join(', ')}`
  } catch {
    return 'is not a public key of RSA, P-256, P-384, P-521 or Ed25519'
  }
}
