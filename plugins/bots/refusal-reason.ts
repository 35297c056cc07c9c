import * as jose from 'jose'

/** A proof that is refused; `reason` is the code in the audit. */
export class ProofRefused extends Error {
  readonly reason: string
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.reason = reason
  }
}

const { errors } = jose
const CLAIMS: Readonly<Record<string, string>> = {
  iss: 'issuer_wrong',
  sub: 'subject_wrong',
  aud: 'audience_wrong',
  exp: 'proof_expired',
  nbf: 'proof_not_yet_valid',
  jti: 'jti_missing',
  iat: 'iat_missing',
}

/** The reason code for an error of `jose.jwtVerify`. */
export function reasonOf(error: unknown): string {
  if (error instanceof ProofRefused) return error.reason
  if (error instanceof errors.JWTExpired) return 'proof_expired'
  if (error instanceof errors.JWTClaimValidationFailed) return CLAIMS[error.claim] ?? 'claim_invalid'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm_not_allowed'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'key_unknown'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature_invalid'
  return 'proof_malformed'
}
