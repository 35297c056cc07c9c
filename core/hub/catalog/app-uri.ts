const URI =
  /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::([0-9]{1,5}))?\/?$/

/** Why an agent cannot dial the URI, or null. The agent's allow-list still applies. */
export function appUriFault(uri: string, schemes: readonly string[]): string | null {
  const match = URI.exec(uri)
  const [, scheme = '', host = '', port] = match ?? []
  if (!schemes.includes(scheme))
    return `must be SCHEME://HOST[:PORT] without user, path, query and fragment; schemes are ${schemes.join(', ')}`
  if (!/^https?$/.test(scheme) && port === undefined) return `must name the port: ${scheme}://HOST:PORT`
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return 'must have a port from 1 to 65535'
  if (host.includes('..') || host.endsWith('.') || URL.parse(uri) === null) return 'must have a valid host'
  return null
}
