/** A `Host` that was understood: lower case, no trailing dot, no user info. */
export interface HostName {
  readonly host: string
  /** Null when the header names none. */
  readonly port: number | null
}

const LABELS = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/
const PORT = /^[1-9][0-9]{0,4}$/
/** Before lower case is made: U+212A would become a plain `k`. */
const OTHER = /[^\x21-\x7e]/
const MAX_NAME = 253
const MAX_VALUE = MAX_NAME + ':65535'.length

/**
 * The one host parser of the public port: exactly one `Host` header (RFC 9112 section 3.2), a name of
 * letter-digit-hyphen labels or an address, and perhaps a port. For anything else no guess is made: the result is a
 * sentence that says what is wrong, to be answered with 400 `host_invalid`.
 * Takes `rawHeaders` (name and value in turn), because a joined map hides duplicates.
 */
export function parseHost(rawHeaders: readonly string[]): HostName | string {
  let value: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (value !== undefined) return 'The request names more than one host.'
    value = rawHeaders[i + 1] as string
  }
  return value === undefined ? 'The request names no host.' : parseHostValue(value)
}

/** The same for one value, such as `:authority`. */
export function parseHostValue(value: string): HostName | string {
  if (value.length > MAX_VALUE || OTHER.test(value)) return 'The host of the request is malformed.'
  const text = value.toLowerCase()
  const colon = text.startsWith('[') ? text.indexOf(':', text.indexOf(']')) : text.indexOf(':')
  const host = colon < 0 ? text : text.slice(0, colon)
  if (host.length > MAX_NAME || !(LABELS.test(host) || IPV6.test(host)))
    return 'The host of the request is malformed.'
  if (colon < 0) return { host, port: null }
  const port = text.slice(colon + 1)
  if (!PORT.test(port) || Number(port) > 65_535) return 'The port of the request is malformed.'
  return { host, port: Number(port) }
}
