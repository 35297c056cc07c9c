/**
 * The first cookie of exactly this name in a `Cookie` header. Nothing but SP and HTAB is trimmed, names are not
 * decoded, `$Version` and quotes mean nothing: a sibling host must not be able to pass for us.
 * Returns undefined when there is none or its value has characters that we never set.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at < 0 || trim(pair.slice(0, at)) !== name) continue
    const value = trim(pair.slice(at + 1))
    return /^[A-Za-z0-9_.~-]{1,4096}$/.test(value) ? value : undefined
  }
  return undefined
}

function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && (text[from] === ' ' || text[from] === '\t')) from++
  while (to > from && (text[to - 1] === ' ' || text[to - 1] === '\t')) to--
  return text.slice(from, to)
}
