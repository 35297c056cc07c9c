/** Name of the hub's own session cookie. `__Host-` keeps sibling hosts from setting it. */
export const HUB_COOKIE = '__Host-mezite_session'

/**
 * The cookies of a `Cookie` header in order, with names and values exactly as sent: only SP and HTAB are trimmed, names
 * are not decoded, and `$Version` and quotes have no meaning, so a sibling host cannot imitate a hub cookie. Skips
 * cookies whose values contain characters that the hub never sets.
 */
export function* cookiesIn(header: string | undefined): Generator<readonly [name: string, value: string]> {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at < 0) continue
    const value = cookieValue(pair, at)
    if (value !== undefined) yield [trim(pair.slice(0, at)), value]
  }
}

/**
 * The first cookie with exactly this name, if the hub could have set its value; otherwise undefined, whatever later ones
 * contain.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (!header?.includes(name)) return undefined
  for (let from = 0; from < header.length; ) {
    const semicolon = header.indexOf(';', from)
    const end = semicolon < 0 ? header.length : semicolon
    // Most cookies are those of the app, so the name is compared in place.
    const start = afterSpace(header, from, end)
    if (header.startsWith(name, start)) {
      const at = afterSpace(header, start + name.length, end)
      if (at < end && header[at] === '=') return cookieValue(header.slice(0, end), at)
    }
    from = end + 1
  }
  return undefined
}

/** The value after the `=` at `at`, if the hub could have set it. */
function cookieValue(pair: string, at: number): string | undefined {
  const value = trim(pair.slice(at + 1))
  return /^[A-Za-z0-9_.~-]{1,4096}$/.test(value) ? value : undefined
}

function trim(text: string): string {
  const from = afterSpace(text, 0, text.length)
  let to = text.length
  while (to > from && (text[to - 1] === ' ' || text[to - 1] === '\t')) to--
  return text.slice(from, to)
}

function afterSpace(text: string, from: number, to: number): number {
  let at = from
  while (at < to && (text[at] === ' ' || text[at] === '\t')) at++
  return at
}
