/** The host that a request names, in lower case without trailing dot and user info. */
export interface HostName {
  readonly host: string
  /** Null if the request does not name a port. */
  readonly port: number | null
}

const LABELS = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/
const PORT = /^[1-9][0-9]{0,4}$/
/** Checked before lower-casing: U+212A would become a plain `k`. */
const OTHER = /[^\x21-\x7e]/
const MAX_NAME = 253
const MAX_VALUE = MAX_NAME + ':65535'.length

/**
 * The only parser of `Host` and `:authority` (RFC 9112 section 3.2): a name of letter-digit-hyphen labels or an address,
 * with an optional port. For anything else it returns a sentence about the problem, to send with 400 `host_invalid`.
 */
export function parseHost(value: string): HostName | string {
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
