/** Verifies the header `Mezite-Jwt-Assertion` with Node.js alone. */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'

export interface Expected {
  /** From `https://<hub>/workload-identity/app-jwt-jwks.json`; fetch again (at most twice a minute) for an unknown kid. */
  readonly keys: readonly JsonWebKey[]
  /** `https://<hub>` */
  readonly issuer: string
  /** The app's URI as registered, byte for byte. */
  readonly audience: string
  /** The app's name: two apps may share a URI. */
  readonly app: string
  /** Milliseconds since the epoch; the current time by default. */
  readonly now?: number
}

const SKEW_SECONDS = 30

/** The claims. Throws for anything that this hub did not sign for this app within the last minutes. */
export function verifyAssertion(assertion: string, expected: Expected): Record<string, unknown> {
  const [head = '', body = '', signature = '', ...rest] = assertion.split('.')
  const header = decode(head)
  // The verifier chooses the algorithm, never the token; `jku` and similar headers are ignored.
  if (rest.length > 0 || header.alg !== 'ES256' || 'crit' in header || 'jku' in header || 'jwk' in header) {
    throw new Error('not an ES256 assertion')
  }
  const jwk = expected.keys.find(({ kid }) => kid === header.kid)
  if (!jwk) throw new Error('unknown key')
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  if (!verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) {
    throw new Error('bad signature')
  }
  const claims = decode(body)
  const now = (expected.now ?? Date.now()) / 1_000
  if (claims.iss !== expected.issuer) throw new Error('other issuer')
  if (claims.aud !== expected.audience) throw new Error('other audience')
  if (claims.app !== expected.app) throw new Error('other app')
  if (typeof claims.exp !== 'number' || claims.exp + SKEW_SECONDS < now) throw new Error('expired')
  if (typeof claims.nbf !== 'number' || claims.nbf - SKEW_SECONDS > now) throw new Error('not yet valid')
  return claims
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
}
