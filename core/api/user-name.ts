import { createHash } from 'node:crypto'
import { ROLE_NAME } from './users.ts'

/** A valid name; names are compared by `key`. */
export interface UserName {
  readonly name: string
  readonly key: string
}

/**
 * Parses a user name: NFKC, 1 to 256 characters, without control characters, commas or spaces at either end, compared
 * case-folded. Null for anything else, and for the names of the operator, of API tokens and of
 * programs' own accounts.
 */
export function parseUserName(text: string): UserName | null {
  if (text.length > 4_096 || !text.isWellFormed()) return null
  const name = text.normalize('NFKC')
  if (name === '' || [...name].length > 256) return null
  // Control, format (invisible and bidirectional) characters, line and paragraph separators.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp},]/u.test(name) || name.trim() !== name) return null
  const key = foldName(name)
  return RESERVED.test(key) ? null : { name, key }
}

/** Names that no user can have. */
const RESERVED = /^(operator@socket$|token:|bot:)/

/** The lookup key of any text. */
export function foldName(text: string): string {
  if (/^[ -~]*$/.test(text)) return text.toLowerCase()
  // Convert to upper case first, so that ß, ſ and similar letters fold as in full case folding.
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}

const ROLE = new RegExp(ROLE_NAME)

/** Whether a value of any type is the name of a role. */
export const isRoleName = (value: unknown): value is string => typeof value === 'string' && ROLE.test(value)

/** The identity behind a name: 32 bytes in base64url. Sessions and passkeys are bound to it. */
export function holderOf({ issuer, sub }: { readonly issuer: string; readonly sub: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, sub]))
    .digest('base64url')
}
