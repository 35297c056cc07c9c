import { RE2JS } from 're2js'

/** The claims of an ID token. */
export type Claims = Readonly<Record<string, unknown>>

const LONGEST = 4_096
const MOST_VALUES = 1_000
/** Of the values of a claim, and of each of them, in an audit event. */
const MOST_SHOWN = 3
const LONGEST_SHOWN = 200

/** What is wrong with the value of a claim rule; null: nothing. */
export function ruleFault(value: string): string | null {
  const [opens, closes] = [value.startsWith('^'), value.endsWith('$')]
  if (!opens && !closes) return null
  // Somebody means a pattern: taken literally it would match nothing, and half anchored it would match too much.
  if (value.length < 2 || !opens || !closes)
    return 'is a regular expression only between "^" and "$": write ^…$, or the exact value'
  try {
    RE2JS.compile(value)
    return null
  } catch {
    return 'is not a regular expression in RE2 syntax'
  }
}

/**
 * The rules that the claims do not meet, each with its value: an exact value, or `^regex$` (RE2) that matches the whole value, so
 * that `^a|b$` does not match `ax`. A claim that is a list meets a rule by any of its values; one that is missing or an object
 * meets none.
 */
export const unmetRules = (rules: Readonly<Record<string, string>>, claims: Claims): readonly string[] =>
  Object.entries(rules).flatMap((rule) => (isMet(rule, claims) ? [] : [unmet(rule, claims)]))

/** The first of `unmetRules`; null if the claims meet all. */
export function unmetRule(rules: Readonly<Record<string, string>>, claims: Claims): string | null {
  const first = Object.entries(rules).find((rule) => !isMet(rule, claims))
  return first === undefined ? null : unmet(first, claims)
}

type Rule = readonly [name: string, rule: string]

function isMet([name, rule]: Rule, claims: Claims): boolean {
  const values = valuesOf(claims, name)
  if (!rule.startsWith('^')) return values.includes(rule)
  const pattern = RE2JS.compile(rule)
  return values.some((value) => value.length <= LONGEST && pattern.matches(value))
}

function unmet([name, rule]: Rule, claims: Claims): string {
  const values = valuesOf(claims, name).slice(0, MOST_SHOWN).map(shown)
  return `${name} must be ${shown(rule)}, and is ${values.join(', ') || 'missing'}`
}

// Own properties only, so that a rule about `constructor` is not met by every token.
const valuesOf = (claims: Claims, name: string): readonly string[] =>
  Object.hasOwn(claims, name) ? textsOf(claims[name]) : []

/** A value in quotes, cut. */
export const shown = (text: string): string => JSON.stringify(text.slice(0, LONGEST_SHOWN))

function textsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.slice(0, MOST_VALUES).filter((one) => typeof one === 'string')
  return ['string', 'number', 'boolean'].includes(typeof value) ? [String(value)] : []
}
