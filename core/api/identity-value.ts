import type { Subject } from './subject.ts'

/** A fact about a person that an identity header can carry. */
export type IdentityFact =
  | 'user'
  | 'user.local'
  | 'user.domain'
  | 'email'
  | 'email.local'
  | 'email.domain'
  | 'name'

/**
 * The content of an identity header: the user's name, the e-mail address or the display name that the provider vouches
 * for, the roles separated by commas (`roles`) or one header line for each (`each_role`), the signed assertion, or a
 * template with facts in braces such as `{email.local}`.
 */
export type IdentityValue =
  | 'user'
  | 'email'
  | 'name'
  | 'roles'
  | 'each_role'
  | 'assertion'
  | `${string}{${IdentityFact}}${string}`

/** A text, or a fact in its place. */
export type IdentityPart = string | { readonly fact: IdentityFact }

/** The pattern of `IdentityValue`, for schemas: a keyword, or printable ASCII around at least one fact. */
export const IDENTITY_VALUE = (() => {
  const fact = '\\{(?:name|(?:user|email)(?:\\.(?:local|domain))?)\\}'
  const template = `(?! )[ -z|~]*(?:${fact}[ -z|~]*)+(?<! )`
  return `^(?:user|email|name|roles|each_role|assertion|${template})$`
})()

const FACT = /\{([a-z.]+)\}/

/** The parts of a value that consists of facts and text: a single fact, or a template. */
export function identityParts(value: string): readonly IdentityPart[] {
  if (value === 'user' || value === 'email' || value === 'name') return [{ fact: value }]
  return value
    .split(FACT)
    .map((part, at) => (at % 2 === 0 ? part : { fact: part as IdentityFact }))
    .filter((part) => part !== '')
}

/** A fact about this person; null: the provider does not vouch for it, or the name has no such part. */
export function identityFact({ user, profile }: Subject, fact: IdentityFact): string | null {
  if (fact === 'name') return profile?.name ?? null
  const [of, part] = fact.split('.')
  const whole = of === 'email' ? (profile?.email ?? null) : user
  if (whole === null || part === undefined) return whole
  const at = whole.lastIndexOf('@')
  if (part === 'local') return at < 0 ? whole : whole.slice(0, at) || null
  return at < 0 ? null : whole.slice(at + 1) || null
}
