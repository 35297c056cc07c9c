import type { reasons } from './reasons.ts'

type ProofReason = keyof typeof reasons | 'key_unknown' | 'type_wrong'

/** A proof that is refused; `reason` is the code in the audit, beside `detail`, which says what was expected. */
export class ProofRefused extends Error {
  readonly reason: ProofReason
  readonly detail: string | null
  constructor(reason: ProofReason, detail: string | null = null) {
    super(reason)
    this.reason = reason
    this.detail = detail
  }
}

const CLAIMS: Readonly<Record<string, ProofReason>> = {
  iss: 'issuer_wrong',
  sub: 'subject_wrong',
  aud: 'audience_wrong',
  exp: 'proof_expired',
  nbf: 'proof_not_yet_valid',
  jti: 'jti_missing',
  iat: 'iat_missing',
}

/** Reasons by the `code` of an error of jose. */
const REASONS: Readonly<Record<string, ProofReason>> = {
  ERR_JWT_EXPIRED: 'proof_expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'algorithm_not_allowed',
  ERR_JWKS_NO_MATCHING_KEY: 'key_unknown',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'key_unknown',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'signature_invalid',
}

/** Whether jose threw the error, with this code. */
export const isJoseError = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as { code?: unknown }).code === code

/** The reason code for an error of `jwtVerify` of jose. */
export function reasonOf(error: unknown): ProofReason {
  if (error instanceof ProofRefused) return error.reason
  if (isJoseError(error, 'ERR_JWT_CLAIM_VALIDATION_FAILED'))
    return CLAIMS[(error as { claim?: string }).claim ?? ''] ?? 'claim_invalid'
  const reason = Object.entries(REASONS).find(([code]) => isJoseError(error, code))
  return reason?.[1] ?? 'proof_malformed'
}
