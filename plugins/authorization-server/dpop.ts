import { createHash } from 'node:crypto'
import type { Clock } from '@mezite/core'
import type { CredentialRequest } from '@mezite/core/identity'

/** How old a proof may be, and how far the clock of the program may differ, in seconds. */
const AGE_SECONDS = 60
const LONGEST = 4_096
const LONGEST_ID = 256

/** As the metadata names them. */
export const DPOP_ALGORITHMS = ['ES256', 'EdDSA']

/**
 * Verifies the proof of possession of a request to an app (RFC 9449 section 4.3): signature, method, URL, age, the access
 * token, and that it is used once in the cluster. Resolves to the thumbprint of its key, or null.
 */
export function createProofCheck(deps: {
  readonly clock: Clock
  /** False if the id was taken before; remembered for so many seconds. */
  readonly takeOnce: (id: string, seconds: number) => Promise<boolean>
}): (request: CredentialRequest, token: string) => Promise<string | null> {
  const { clock, takeOnce } = deps
  return async (request, token) => {
    const [proof = '', ...others] = request.header('dpop')
    if (others.length > 0 || proof.length === 0 || proof.length > LONGEST) return null
    // Loaded by the first request with a proof: most hubs never have one.
    const { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } = await import('jose')
    let thumbprint: string
    let claims: Readonly<Record<string, unknown>>
    try {
      const { payload } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: DPOP_ALGORITHMS,
        maxTokenAge: AGE_SECONDS,
        clockTolerance: AGE_SECONDS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['htm', 'htu', 'ath', 'jti'],
      })
      claims = payload
      thumbprint = await calculateJwkThumbprint(decodeProtectedHeader(proof).jwk as object)
    } catch {
      return null
    }
    const { htm, htu, ath, jti } = claims
    if (htm !== request.method || typeof htu !== 'string' || bare(htu) !== bare(request.url)) return null
    if (ath !== createHash('sha256').update(token).digest('base64url')) return null
    if (typeof jti !== 'string' || jti.length > LONGEST_ID) return null
    return (await takeOnce(`${thumbprint} ${jti}`, 3 * AGE_SECONDS)) ? thumbprint : null
  }
}

/** The URL without query and fragment, in one spelling; null if it is not a URL. */
function bare(text: string): string | null {
  const url = URL.parse(text)
  return url === null ? null : url.origin + url.pathname
}
