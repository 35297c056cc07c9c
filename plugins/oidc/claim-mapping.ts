import type { User } from '@mezite/core'
import { RE2JS } from 're2js'
import { type ConnectorSpec, isPattern } from './connector-resource.ts'
import type { reasons } from './reasons.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Why a provider or its claims do not sign a person in. */
type SignInReason = Exclude<keyof typeof reasons, 'connector_unknown'> | 'provider_refused' | 'token_refused'

/** A sign-in that is refused: `reason` is the code in audit and on the page, the message is for people, the cause for the log. */
export class SignInRefused extends Error {
  readonly reason: SignInReason
  constructor(reason: SignInReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

const MAX_VALUES = 20_000

/**
 * The user's name from the claims. Throws `SignInRefused`: `username_missing`, or `email_unverified` when the
 * name is an e-mail address that the provider does not vouch for.
 */
export function userNameOf(spec: ConnectorSpec, claims: Claims): string {
  const name = Object.hasOwn(claims, spec.username_claim) ? claims[spec.username_claim] : undefined
  if (typeof name !== 'string' || name === '') {
    const detail = `Your identity provider does not send the claim "${spec.username_claim}". Contact your administrator.`
    throw new SignInRefused('username_missing', detail)
  }
  if (spec.username_claim === 'email' && !emailCounts(spec, claims)) {
    const detail =
      'Your identity provider does not say that your e-mail address is verified. Verify it there, then try again.'
    throw new SignInRefused('email_unverified', detail)
  }
  return name
}

const LONGEST_FACT = 320

/** The display name and the address for which the provider vouches, for the headers of applications. */
export function profileOf(spec: ConnectorSpec, claims: Claims): NonNullable<User['profile']> {
  const text = (claim: string): string | null => {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
    return typeof value === 'string' && value !== '' && value.length <= LONGEST_FACT ? value : null
  }
  return { name: text('name'), email: emailCounts(spec, claims) ? text('email') : null }
}

/** Some providers let people enter any address: unless it is verified, the claim `email` gives neither a name nor a role. */
function emailCounts(spec: ConnectorSpec, claims: Claims): boolean {
  // Some providers spell the boolean as a string.
  const verified = claims.email_verified === true || claims.email_verified === 'true'
  return verified || !spec.require_verified_email
}

/**
 * Roles by the connector's rules, sorted. A string claim is one value and never split. A claim that is missing,
 * of another type, or only referred to (distributed claims, `_claim_names`) gives no role; `unreadable` names it.
 * `unverified`: a rule for the claim `email` gave no role because the address is not verified.
 */
export function rolesOf(
  spec: ConnectorSpec,
  claims: Claims,
): { roles: string[]; unreadable: string[]; unverified: boolean } {
  const roles = new Set<string>()
  const unreadable = new Set<string>()
  let unverified = false
  for (const rule of spec.claims_to_roles) {
    const values = valuesOf(claims, rule.claim)
    if (values === null) unreadable.add(rule.claim)
    else if (!matcherOf(rule.value)(values)) continue
    else if (rule.claim === 'email' && !emailCounts(spec, claims)) unverified = true
    else for (const role of rule.roles) roles.add(role)
  }
  return { roles: [...roles].sort(), unreadable: [...unreadable], unverified }
}

function valuesOf(claims: Claims, name: string): readonly string[] | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.length <= MAX_VALUES) {
    return value.filter((entry) => typeof entry === 'string')
  }
  if (value === undefined) {
    const elsewhere = claims._claim_names
    const distributed = typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, name)
    return distributed ? null : []
  }
  return null
}

function matcherOf(wanted: string): (values: readonly string[]) => boolean {
  if (wanted === '*') return (values) => values.length > 0
  if (!isPattern(wanted)) return (values) => values.includes(wanted)
  const pattern = RE2JS.compile(wanted)
  return (values) => values.some((value) => value.length <= 4_096 && pattern.matches(value))
}
