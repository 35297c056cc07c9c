import { createPublicKey, type KeyObject } from 'node:crypto'

const LONGEST = 1_024

/** Reads a P-256 public key in PEM (SubjectPublicKeyInfo); null for anything else, private keys included. */
export function readPublicKey(text: unknown): KeyObject | null {
  // Node.js would also read a private key and derive its public half, but a caller must never send one.
  if (typeof text !== 'string' || text.length > LONGEST || !/^-----BEGIN PUBLIC KEY-----\r?\n/.test(text))
    return null
  try {
    const key = createPublicKey({ key: text, format: 'pem' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null
  } catch {
    return null
  }
}
