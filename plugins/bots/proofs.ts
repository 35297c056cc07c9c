import type { Clock } from '@mezite/core'
import type { JWK } from 'jose'
import { ALGORITHMS } from './bot-keys.ts'
import type { StoredBot } from './bots.ts'
import { unmetRule } from './claim-rules.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { ProofRefused } from './refusal-reason.ts'
import type { SpentProofs } from './spent-proofs.ts'

/** Clocks may differ by this much, in seconds. */
const SKEW_SECONDS = 60
/** The longest that a proof may still be valid: it is remembered for as long. */
const LONGEST_ASSERTION_MS = 3_600_000
const LONGEST_ID_TOKEN_MS = 24 * 3_600_000
/** In characters. */
export const LONGEST_TOKEN = 16_384
/** Of a bot with many rules of trust, so many are in the audit event. */
const MOST_UNMET = 3

interface Deps {
  readonly keysOf: IssuerKeys
  readonly spent: Pick<SpentProofs, 'spend'>
  readonly clock: Clock
}

/** Verifies the tokens by which bots prove themselves. Each counts once. Rejects with `ProofRefused` or an error of jose. */
export function createProofs({ keysOf, spent, clock }: Deps) {
  const now = () => new Date(clock.now())

  /** A token of the future would stay valid for longer than its issuer may believe. */
  function checkIssued({ iat = 0 }: { readonly iat?: number }): void {
    if (iat * 1_000 > clock.now() + SKEW_SECONDS * 1_000) throw new ProofRefused('proof_not_yet_valid')
  }

  async function once(parts: readonly string[], exp: number, longestMs: number): Promise<void> {
    const expires = exp * 1_000
    if (expires > clock.now() + longestMs + SKEW_SECONDS * 1_000)
      throw new ProofRefused('proof_lives_too_long')
    if (!(await spent.spend(parts, expires + SKEW_SECONDS * 1_000))) throw new ProofRefused('proof_replayed')
  }

  return {
    /** A JWT of the bot's own key (RFC 7523 section 3). Resolves to the key's id. */
    async assertion(
      { user, document }: StoredBot,
      jwt: string,
      audiences: readonly string[],
    ): Promise<string> {
      checkLength(jwt)
      const { createLocalJWKSet, jwtVerify } = await import('jose')
      const keys = (document.spec.keys ?? []).map(({ kid, jwk }) => ({ ...jwk, kid }))
      const { payload, protectedHeader } = await jwtVerify(jwt, createLocalJWKSet({ keys: keys as JWK[] }), {
        algorithms: ALGORITHMS,
        issuer: user,
        subject: user,
        audience: [...audiences],
        clockTolerance: SKEW_SECONDS,
        currentDate: now(),
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'jti'],
      })
      checkIssued(payload)
      // Another server that it is for could pass it on (RFC 7523 section 3).
      if (![payload.aud].flat().every((audience) => audiences.includes(String(audience))))
        throw new ProofRefused('audience_wrong')
      await once(['assertion', user, String(payload.jti)], payload.exp as number, LONGEST_ASSERTION_MS)
      return protectedHeader.kid ?? keys[0]?.kid ?? ''
    },

    /** An ID token of an issuer that the bot trusts, which meets one of its rules. Resolves to the issuer. */
    async idToken({ document }: StoredBot, jwt: string): Promise<string> {
      checkLength(jwt)
      const { decodeJwt, jwtVerify } = await import('jose')
      const named = decodeJwt(jwt).iss
      // Before anything is fetched: nobody makes the hub call an issuer that no operator has named.
      const rules = (document.spec.trust ?? []).filter(({ issuer }) => issuer === named)
      if (named === undefined || rules.length === 0) throw new ProofRefused('issuer_not_trusted')
      const { payload, protectedHeader } = await jwtVerify(jwt, keysOf(named), {
        algorithms: ALGORITHMS,
        issuer: named,
        clockTolerance: SKEW_SECONDS,
        currentDate: now(),
        requiredClaims: ['sub', 'aud', 'exp', 'iat'],
      })
      checkIssued(payload)
      // Access tokens and logout tokens of the same issuer say something else.
      const { typ } = protectedHeader
      if (typ !== undefined && typ.toLowerCase() !== 'jwt') throw new ProofRefused('type_wrong')
      const audiences = [payload.aud].flat()
      const addressed = rules.filter(({ audience }) => audiences.includes(audience))
      if (addressed.length === 0) throw new ProofRefused('audience_wrong')
      const unmet = addressed.map(({ claims }) => unmetRule(claims, payload))
      if (!unmet.includes(null))
        throw new ProofRefused('claims_not_met', unmet.slice(0, MOST_UNMET).join('; '))
      // Some issuers send no `jti`; then it is the token itself that counts once.
      const id = typeof payload.jti === 'string' ? payload.jti : jwt.slice(0, jwt.lastIndexOf('.'))
      await once(['id_token', named, id], payload.exp as number, LONGEST_ID_TOKEN_MS)
      return named
    },
  }
}

function checkLength(jwt: string): void {
  if (jwt.length > LONGEST_TOKEN) throw new ProofRefused('proof_malformed')
}

export type Proofs = ReturnType<typeof createProofs>
