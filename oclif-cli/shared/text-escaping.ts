/**
 * Characters that can drive a terminal or deceive a reader: C0, DEL and C1 controls, bidirectional and invisible format
 * characters, line separators, tags and lone surrogates.
 */
const HAZARDS =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu

/** True when the text contains a character that is never printed literally. */
export function isHazardous(text: string): boolean {
  return text.search(HAZARDS) !== -1
}

/** The text with each hazardous character spelt out (`\x1b`, `\u{202e}`): safe on a terminal, one line. @public */
export function escapeText(text: string): string {
  return text.replace(HAZARDS, (char) => {
    const code = char.codePointAt(0)!
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** Like `escapeText`, but keeps line breaks. */
export function escapeLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => escapeText(line))
    .join('\n')
}

/** Hazardous characters in JSON or double-quoted YAML as `\uXXXX`: parsing gives back the same value. */
export function escapeQuoted(text: string): string {
  return text.replace(HAZARDS, (char) => {
    if (char === '\n') return char
    return [...Array(char.length).keys()]
      .map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join('')
  })
}
