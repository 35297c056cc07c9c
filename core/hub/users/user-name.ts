/** A name that was accepted: `key` is what names are compared by. */
export interface UserName {
  readonly name: string
  readonly key: string
}

/**
 * A user name: NFKC, 1 to 256 characters, no control character, no comma, no space at either end;
 * compared case-folded. Null for anything else, and for the names of the operator and of API tokens in the audit trail.
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

/** Names in the audit trail that nobody may take. */
const RESERVED = /^(operator@socket$|token:)/

/** The key of any text, for looking up. */
export function foldName(text: string): string {
  // Upper case first: ß, ſ and the like fold as full case folding does.
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
