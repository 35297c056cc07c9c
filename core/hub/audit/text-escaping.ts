/**
 * What must not reach a terminal, a log file or a database as it is: control characters, line separators, marks that turn
 * the direction of text, invisible ones, halves of surrogate pairs.
 */
const HOSTILE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * Backslashes, and the `u` with which an escape could be mistaken for them. Matches whatever follows: a run that had to
 * be followed by a `u` would be looked at again from each of its backslashes.
 */
const BACKSLASHES = /(\\+)(u?)/g

/** Nearly every text: nothing to do. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/

/** Spelled out `\uXXXX`; a `\u` that was there before becomes `\\u`, so that the original can be told. */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replace(BACKSLASHES, (all, run: string, u: string) => (u === '' ? all : run + all))
    .replace(HOSTILE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** At most `longest` UTF-16 units of the text, with a note of how many more there were; then escaped. */
export function boundText(text: string, longest: number): string {
  if (text.length <= longest) return escapeText(text)
  // A pair that the cut would halve goes as a whole.
  const end = /[\ud800-\udbff]/.test(text[longest - 1] ?? '') ? longest - 1 : longest
  return `${escapeText(text.slice(0, end))}…[+${text.length - end}]`
}
