/** A pattern of paths inside an app, ready to compare with one of `AccessRequest.readings`. */
export interface PathPattern {
  /** The first segment, if every path that fits begins with it; empty for `/`; null if paths differ in it. */
  readonly first: string | null
  /** Compares decoded segments, of which a last empty one has been taken away. */
  fits(segments: readonly string[]): boolean
}

const LONGEST = 1_024

/** Why a text is not a pattern, or null. */
export function pathPatternFault(text: string): string | null {
  if (!text.startsWith('/')) return 'a path begins with /'
  if (text.length > LONGEST) return `a path has at most ${LONGEST} characters`
  // A pattern is compared with what servers decode.
  if (/[?#\p{Cc}]/u.test(text)) return 'a path has no query, fragment or control character'
  if (/%[0-9a-f]{2}/i.test(text)) return 'write the decoded path: a space, and not %20'
  if (text.split('/').some((part) => part === '.' || part === '..')) return 'a path has no dot segments'
  if (/\/\//.test(text)) return 'a path has no empty segments'
  if (/\*{3}|[^/]\*\*|\*\*[^/]/.test(text)) return '** stands alone between slashes'
  return null
}

/**
 * `*` is one segment or a part of one, `**` any number of segments, also none. A slash at the end makes no difference, as for most
 * servers. Compared case-sensitively, in linear time for each `**`.
 */
export function compilePathPattern(text: string): PathPattern {
  const parts = withoutEndSlash(text.split('/').slice(1))
  const tests = parts.map((part) => (part === '**' ? null : globOf(part)))
  const [first = ''] = parts
  return { first: first.includes('*') ? null : first, fits: (segments) => matches(tests, segments) }
}

/** The segments of a path without the empty one that a slash at the end leaves. */
export const withoutEndSlash = (segments: readonly string[]) =>
  segments.at(-1) === '' ? segments.slice(0, -1) : segments

/** Goes back only to the last `**`, since what an earlier one could take, the last one can, too. */
function matches(
  tests: readonly (((part: string) => boolean) | null)[],
  segments: readonly string[],
): boolean {
  let [at, test] = [0, 0]
  let [star, taken] = [-1, 0]
  while (at < segments.length) {
    const fits = tests[test]
    if (fits === null) {
      star = test++
      taken = at
    } else if (fits?.(segments[at] as string)) {
      at += 1
      test += 1
    } else if (star >= 0) {
      test = star + 1
      at = ++taken
    } else return false
  }
  while (tests[test] === null) test += 1
  return test === tests.length
}

/** Compares whole texts with a pattern in which `*` is any number of characters. Linear in the text for each `*`. */
export function globOf(pattern: string): (part: string) => boolean {
  if (!pattern.includes('*')) return (part) => part === pattern
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop() as string
  return (part) => {
    if (part.length < first.length + last.length || !part.startsWith(first) || !part.endsWith(last))
      return false
    const middle = part.slice(first.length, part.length - last.length)
    let from = 0
    for (const piece of rest) {
      const found = middle.indexOf(piece, from)
      if (found < 0) return false
      from = found + piece.length
    }
    return true
  }
}
