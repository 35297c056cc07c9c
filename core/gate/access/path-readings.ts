/** How many readings of a path are decided; a path with more is ambiguous. */
const MOST = 8
/** How many ways are tried: what differs in more ways at once is an attack. */
const MOST_WAYS = 192
/** Nothing that servers read in different ways: no escapes, parameters, empty segments, or segments that begin with a dot. */
const PLAIN = /^(?:\/(?![./])[\w\-.~!$&'()*+,=:@]*)+$/
const ESCAPE = /%[0-9a-f]{2}/i
const DOTS = /(?:^|[/\\])\.{1,2}(?:$|[/\\;?#])/m
const EMPTY = /[/\\](?:[/\\]|;)/

/** When a server does something with a path: before it decodes escapes, after that, or not at all. */
type When = 'never' | 'raw' | 'decoded'

/** What a server does with a path. */
interface Way {
  readonly rounds: 1 | 2
  /** An escaped slash ends a segment. */
  readonly slashes: boolean
  readonly backslashes: When
  /** Parameters (`;…`) are cut off. */
  readonly parameters: When
  /** Empty segments vanish; `after`: once dot segments are resolved. */
  readonly merged: When | 'after'
  /** Dot segments are resolved. */
  readonly dots: When | 'both'
  /** A decoded `?` or `#` ends the path. */
  readonly cut: boolean
}

/**
 * The ways in which known servers read a path, each as decoded segments without the leading slash: `%2F` as data or as a slash, `//`
 * merged or not, dot segments resolved or not, `;parameters` cut off or not, backslashes as slashes or not, escapes decoded once or
 * twice. Null if the list does not close: a third encoding, bytes that are not UTF-8, a NUL, a raw `#`, or more than 8 readings.
 */
export function readingsOf(path: string): readonly (readonly string[])[] | null {
  if (PLAIN.test(path)) return Object.freeze([Object.freeze(path.split('/').slice(1))])
  const once = decoded(path)
  if (once === null || path.includes('#') || !path.startsWith('/')) return null
  const twice = ESCAPE.test(once) ? decoded(once) : once
  if (twice !== null && ESCAPE.test(twice)) return null
  if (once.includes('\0') || twice?.includes('\0')) return null
  const ways = waysFor(path, once, twice)
  if (ways.length > MOST_WAYS) return null
  const found = new Map<string, readonly string[]>()
  for (const way of ways) {
    const segments = read(path, way)
    if (segments !== null) found.set(segments.join('\0'), Object.freeze(segments))
    if (found.size > MOST) return null
  }
  return Object.freeze([...found.values()])
}

/** Every combination of what makes a difference for this path. */
function waysFor(path: string, once: string, twice: string | null): readonly Way[] {
  const all = [path, once, twice ?? ''].join('\n')
  const when = <T>(differs: boolean, ways: readonly T[]): readonly T[] => (differs ? ways : ways.slice(0, 1))
  const times: readonly When[] = ['never', 'raw', 'decoded']
  let ways: readonly Partial<Way>[] = [{}]
  const vary = <K extends keyof Way>(key: K, values: readonly Way[K][]) => {
    ways = ways.flatMap((way) => values.map((value) => ({ ...way, [key]: value })))
  }
  vary('rounds', when(twice !== null && twice !== once, [1, 2]))
  vary('slashes', when(/%2f/i.test(path + once), [false, true]))
  vary('backslashes', when(all.includes('\\'), times))
  vary('parameters', when(all.includes(';'), times))
  vary('dots', when(DOTS.test(all.replace(/;[^/\n]*/g, '')) || DOTS.test(all), [...times, 'both']))
  vary('merged', when(EMPTY.test(all), [...times, 'after']))
  vary('cut', when(path.includes('%') && /[?#]/.test(once + twice), [false, true]))
  return ways as readonly Way[]
}

/** The segments that a server with this way reads; null if it cannot decode the path. */
function read(path: string, way: Way): readonly string[] | null {
  let parts = path.split(way.backslashes === 'raw' ? /[/\\]/ : '/').slice(1)
  if (way.parameters === 'raw') parts = parts.map(withoutParameters)
  if (way.merged === 'raw') parts = merge(parts)
  if (way.dots === 'raw' || way.dots === 'both') parts = resolve(parts.map(withDots))
  for (let round = 0; round < way.rounds; round++) {
    const all: string[] = []
    for (const part of parts) {
      const text = decoded(part)
      if (text === null) return null
      if (way.slashes) all.push(...text.split('/'))
      else all.push(text)
    }
    parts = all
  }
  if (way.backslashes === 'decoded') parts = parts.flatMap((part) => part.split('\\'))
  if (way.cut) {
    const at = parts.findIndex((part) => /[?#]/.test(part))
    if (at >= 0) parts = [...parts.slice(0, at), parts[at]?.split(/[?#]/, 1)[0] as string]
  }
  if (way.parameters === 'decoded') parts = parts.map(withoutParameters)
  if (way.merged === 'decoded') parts = merge(parts)
  if (way.dots === 'decoded' || way.dots === 'both') parts = resolve(parts)
  return way.merged === 'after' ? merge(parts) : parts
}

const withoutParameters = (part: string): string => part.split(';', 1)[0] as string
/** Escaped dots are dots before anything else is decoded (URL standard). */
const withDots = (part: string): string =>
  /^(?:\.|%2e){1,2}$/i.test(part) ? part.replace(/%2e/gi, '.') : part

/** Without empty segments; the last one stays, because it says that the path ends in a slash. */
const merge = (parts: readonly string[]): string[] =>
  parts.filter((part, at) => part !== '' || at === parts.length - 1)

/** Without dot segments (RFC 3986 section 5.2.4). */
function resolve(parts: readonly string[]): string[] {
  const kept: string[] = []
  for (const [at, part] of parts.entries()) {
    if (part === '..') kept.pop()
    else if (part !== '.') kept.push(part)
    if (at === parts.length - 1 && (part === '.' || part === '..')) kept.push('')
  }
  return kept
}

/** Without its escapes; null: they are not of UTF-8. */
export function decoded(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
