import type { Clock } from '@mezite/core'
import type { JWTPayload } from 'jose'
import type { EnterpriseTrust } from './enterprise.ts'
import type { createEnterpriseKeys } from './enterprise-keys.ts'

/** The `typ` of an identity assertion authorization grant (ID-JAG). */
export const ID_JAG = 'oauth-id-jag+jwt'
/** The longest that an assertion is valid, in seconds. */
const LONGEST_SECONDS = 300
/** Clocks of providers may differ by this much. */
const SKEW_SECONDS = 60
/** By the clock of a hub that is behind, a used assertion may still be valid for this long. */
const BEHIND_SECONDS = 600
const LONGEST_TOKEN = 16_384
const LONGEST_ID = 255
/** Signature algorithms of assertions: none symmetric, and never `none`. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
/** Claims that narrow what the assertion allows: without a way to keep to them, it allows nothing. */
const UNSUPPORTED = ['cnf', 'authorization_details', 'act']

/** An assertion that is refused. The message is for the audit, and quotes nothing of the assertion. */
export class AssertionRefused extends Error {}

/** What a provider says: this person uses this program, for this resource. */
export interface IdentityAssertion {
  readonly trust: EnterpriseTrust
  /** The person, as the connector knows them. */
  readonly sub: string
  readonly jti: string
  /** For how long it must not be used again. */
  readonly rememberSeconds: number
  readonly resource: string
  readonly scopes: readonly string[]
}

/**
 * Verifies identity assertions of the configured providers (draft-ietf-oauth-identity-assertion-authz-grant). Rejects with
 * `AssertionRefused`, or with `IssuerSilent`. The caller makes sure that each is used once.
 */
export function createAssertionCheck(deps: {
  readonly trusts: readonly EnterpriseTrust[]
  /** Of this hub. */
  readonly issuer: string
  readonly keysOf: ReturnType<typeof createEnterpriseKeys>
  readonly clock: Clock
}) {
  const { trusts, issuer, keysOf, clock } = deps

  return async (jwt: unknown, clientId: string): Promise<IdentityAssertion> => {
    if (typeof jwt !== 'string' || jwt.length > LONGEST_TOKEN)
      throw new AssertionRefused('the assertion is missing or too long')
    const { decodeJwt, errors, jwtVerify } = await import('jose')
    const refusing = async <T>(work: () => T | Promise<T>): Promise<T> => {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error
        const { claim = '' } = error as { readonly claim?: string }
        throw new AssertionRefused(`the assertion is not valid: ${error.code} ${claim}`.trim())
      }
    }
    const { iss } = await refusing(() => decodeJwt(jwt))
    // Before anything is fetched: nobody makes the hub call an issuer that the configuration does not name.
    const trust = trusts.find((one) => one.issuer === iss && one.client_ids.includes(clientId))
    if (trust === undefined)
      throw new AssertionRefused('the configuration names no such issuer for this program')
    const { payload } = await refusing(() =>
      jwtVerify(jwt, keysOf(trust), {
        typ: ID_JAG,
        algorithms: ALGORITHMS,
        issuer: trust.issuer,
        audience: issuer,
        clockTolerance: SKEW_SECONDS,
        maxTokenAge: LONGEST_SECONDS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id', 'resource', 'scope'],
      }),
    )
    return read(payload, trust, clientId)
  }
}

/** Checks what the library does not. Signature, issuer, `typ` and times are right. */
function read(payload: JWTPayload, trust: EnterpriseTrust, clientId: string): IdentityAssertion {
  const claims: Readonly<Record<string, unknown>> = payload
  const own = (name: string) => (Object.hasOwn(claims, name) ? claims[name] : undefined)
  const { exp = Number.POSITIVE_INFINITY, iat = 0 } = payload
  // Another server that it is for could pass it on (RFC 7523 section 3).
  if ([payload.aud].flat().length !== 1) throw new AssertionRefused('the assertion has several audiences')
  if (!(exp - iat <= LONGEST_SECONDS))
    throw new AssertionRefused(`the assertion is valid for more than ${LONGEST_SECONDS} s`)
  if (own('client_id') !== clientId) throw new AssertionRefused('the assertion is for another program')
  const unsupported = UNSUPPORTED.find((name) => own(name) !== undefined)
  if (unsupported !== undefined)
    throw new AssertionRefused(`the assertion has a limit that the hub cannot keep to (${unsupported})`)
  const [sub, jti, resource, scope] = [trust.claim, 'jti', 'resource', 'scope'].map((name) => {
    const value = own(name)
    if (typeof value !== 'string' || value === '' || value.length > LONGEST_ID)
      throw new AssertionRefused(`${name} of the assertion is not one text`)
    return value
  }) as [string, string, string, string]
  return {
    trust,
    sub,
    jti,
    resource,
    scopes: scope.split(' '),
    rememberSeconds: LONGEST_SECONDS + 2 * SKEW_SECONDS + BEHIND_SECONDS,
  }
}
