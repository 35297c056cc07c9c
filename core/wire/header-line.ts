const NAME = 1
const CONTROL = 2
const COLON = 58

/** Each character may be part of a name (RFC 9110 section 5.6.2), of a value only, or of neither. */
const kinds = Uint8Array.from({ length: 256 }, (_, code) => {
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code))) return NAME
  return (code < 32 && code !== 9) || code === 127 ? CONTROL : 0
})

/**
 * Reads the header line that begins at `from`, up to CR LF or the end of the text, in one pass and strictly (RFC 9112
 * section 5): adds its name and its value, without the optional white space around it, to `lines`. Returns where the next
 * one begins; -1 for text that is not a header line, a bare CR or LF included. The text is latin1.
 */
export function takeHeaderLine(text: string, from: number, lines: string[]): number {
  let at = from
  while (kinds[text.charCodeAt(at)] === NAME) at++
  if (at === from || text.charCodeAt(at) !== COLON) return -1
  const name = text.slice(from, at)
  at++
  // Space or tab. Not a function: it would be called three times for each line of each request.
  for (let code = text.charCodeAt(at); code === 32 || code === 9; code = text.charCodeAt(at)) at++
  const start = at
  while (at < text.length && kinds[text.charCodeAt(at)] !== CONTROL) at++
  if (at < text.length && !text.startsWith('\r\n', at)) return -1
  let end = at
  for (let code = text.charCodeAt(end - 1); end > start && (code === 32 || code === 9); ) {
    end--
    code = text.charCodeAt(end - 1)
  }
  lines.push(name, text.slice(start, end))
  return at + 2
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Whether this name and value can be sent (RFC 9110 section 5). */
export function isHeaderLine(name: string, value: string): boolean {
  return TOKEN.test(name) && isHeaderValue(value)
}

/**
 * Names and values, in turn, as HTTP/1.1 sends them, between two other texts; null if one cannot be sent. Joined at once: a text
 * that grows line by line takes twice the memory.
 */
export function headerText(lines: readonly string[], before = '', after = ''): string | null {
  const parts = new Array<string>(lines.length * 2 + 2)
  parts[0] = before
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    const value = lines[i + 1] as string
    if (!TOKEN.test(name) || !VALUE.test(value)) return null
    parts[2 * i + 1] = name
    parts[2 * i + 2] = ': '
    parts[2 * i + 3] = value
    parts[2 * i + 4] = '\r\n'
  }
  parts[lines.length * 2 + 1] = after
  return parts.join('')
}

/** Whether this text can be sent as a value or as a reason phrase. */
export function isHeaderValue(value: string): boolean {
  return VALUE.test(value)
}
