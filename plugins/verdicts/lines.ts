/** The header with the secret of a proxy, in lower case. */
export const SECRET = 'mezite-proxy-secret'

/** Names in lower case, and values, without pseudo-header fields. */
export function linesOf(rawHeaders: readonly string[]): (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (!name.startsWith(':')) lines.push([name.toLowerCase(), rawHeaders[i + 1] as string])
  }
  return lines
}
