/**
 * Characters that must not reach a terminal, a log file or a database: control characters, line separators, marks that
 * change the direction of text, invisible ones, unpaired surrogates.
 */
const HOSTILE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * Backslashes, and the `u` that would make them look like an escape. It matches without the `u` too: a pattern that
 * required it would scan a run again from each of its backslashes.
 */
const BACKSLASHES = /(\\+)(u?)/g

/** Matches most texts: nothing to escape. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/

/** Writes hostile characters as `\uXXXX`; an original `\u` becomes `\\u`, so that the text can be restored. */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replace(BACKSLASHES, (all, run: string, u: string) => (u === '' ? all : run + all))
    .replace(HOSTILE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The first `longest` UTF-16 units of the text, escaped, with the number of units that were cut off. */
export function boundText(text: string, longest: number): string {
  if (text.length <= longest) return escapeText(text)
  // Never cut a surrogate pair in half.
  const end = /[\ud800-\udbff]/.test(text[longest - 1] ?? '') ? longest - 1 : longest
  return `${escapeText(text.slice(0, end))}…[+${text.length - end}]`
}
