import { Problem } from '../web/problem.ts'

/** A `Host` that was understood: lower case, no trailing dot, no user info. */
export interface HostName {
  readonly host: string
  /** Null when the header names none. */
  readonly port: number | null
}

const LABELS = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/
const PORT = /^[1-9][0-9]{0,4}$/
const MAX_HOST = 253

/**
 * The one host parser of the public port: exactly one `Host` header (RFC 9112 section 3.2), a name of
 * letter-digit-hyphen labels or an address, and perhaps a port. Anything else is a 400 and no guess is made.
 * Takes `rawHeaders` (name and value in turn), because a joined map hides duplicates.
 */
export function parseHost(rawHeaders: readonly string[]): HostName | Problem {
  let value: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (value !== undefined) return refusal('The request names more than one host.')
    value = rawHeaders[i + 1] as string
  }
  if (value === undefined) return refusal('The request names no host.')
  return parseHostValue(value)
}

/** The same for one value, such as `:authority`. */
export function parseHostValue(value: string): HostName | Problem {
  const text = value.toLowerCase()
  const colon = text.startsWith('[') ? text.indexOf(':', text.indexOf(']')) : text.indexOf(':')
  const host = colon < 0 ? text : text.slice(0, colon)
  if (host.length > MAX_HOST || !(LABELS.test(host) || IPV6.test(host)))
    return refusal('The host of the request is malformed.')
  if (colon < 0) return { host, port: null }
  const port = text.slice(colon + 1)
  if (!PORT.test(port) || Number(port) > 65_535) return refusal('The port of the request is malformed.')
  return { host, port: Number(port) }
}

function refusal(detail: string): Problem {
  return new Problem(400, 'host_invalid', detail)
}
