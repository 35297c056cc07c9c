const URI =
  /^(http|https|tcp):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::([0-9]{1,5}))?\/?$/

/** What is wrong with the URI that an agent shall dial, or null. The agent still decides what it may dial. */
export function appUriFault(uri: string): string | null {
  const match = URI.exec(uri)
  if (!match) {
    return 'must be http://HOST[:PORT], https://HOST[:PORT] or tcp://HOST:PORT, without user, path, query and fragment'
  }
  const [, scheme, host = '', port] = match
  if (scheme === 'tcp' && port === undefined) return 'must name the port: tcp://HOST:PORT'
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))
    return 'must have a port from 1 to 65535'
  if (host.includes('..') || host.endsWith('.') || URL.parse(uri) === null) return 'must have a valid host'
  return null
}
