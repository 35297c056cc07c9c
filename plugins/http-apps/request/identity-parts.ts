import type { Subject } from '@mezite/core'

/** A text, or a fact about the person in its place, such as `email.local`. */
export type IdentityPart = string | { readonly fact: string }

const FACT = /\{([a-z.]+)\}/

/** The parts of a value that consists of facts and text: a single fact, or a template. */
export function identityParts(value: string): readonly IdentityPart[] {
  if (value === 'user' || value === 'email' || value === 'name') return [{ fact: value }]
  return value
    .split(FACT)
    .map((part, at) => (at % 2 === 0 ? part : { fact: part }))
    .filter((part) => part !== '')
}

/** A fact about this person; null: the provider does not vouch for it, or the name has no such part. */
export function identityFact(
  { user, profile }: Pick<Subject, 'user' | 'profile'>,
  fact: string,
): string | null {
  if (fact === 'name') return profile?.name ?? null
  const [of, part] = fact.split('.')
  const whole = of === 'email' ? (profile?.email ?? null) : user
  if (whole === null || part === undefined) return whole
  const at = whole.lastIndexOf('@')
  if (part === 'local') return at < 0 ? whole : whole.slice(0, at) || null
  return at < 0 ? null : whole.slice(at + 1) || null
}
