/** The header with the secret of a proxy, in lower case. */
export const SECRET = 'mezite-proxy-secret'

/** The header in which Caddy's configuration says that it takes away what {@link REMOVE} names. */
export const REMOVES = 'mezite-proxy-removes'
/** Names in a verdict what the proxy must take away: Caddy cannot copy a header that is empty. */
export const REMOVE = 'Mezite-Remove'

/** Names in lower case, and values, without pseudo-header fields. */
export function linesOf(rawHeaders: readonly string[]): (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (!name.startsWith(':')) lines.push([name.toLowerCase(), rawHeaders[i + 1] as string])
  }
  return lines
}
