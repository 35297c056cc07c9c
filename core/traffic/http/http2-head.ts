import type { RequestHead } from '../../api/protocol.ts'

/** A value must not begin or end with white space (RFC 9113 section 8.2.1). */
const PADDED = /^[ \t]|[ \t]$/
/** Fields of HTTP/1.1 (RFC 9113 section 8.2.2); Node.js resets streams that have them. */
const CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * Converts the fields of an HTTP/2 request other than CONNECT (RFC 9113 sections 8.2 and 8.3) to an HTTP/1.1 head: `host`
 * first, then every field that is not a pseudo-header, with cookies joined. Node.js has already reset streams with
 * duplicate or late pseudo-headers. For an ambiguous head (a scheme other than `https`, or a `host` that differs from
 * `:authority`) it returns a sentence about the problem, to send with 400.
 */
export function readStreamHead(fields: readonly string[]): RequestHead | string {
  let method: string | undefined
  let url: string | undefined
  let scheme: string | undefined
  let authority: string | undefined
  let host: string | undefined
  let cookie: string | undefined
  const rawHeaders = ['host', '']
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    if (PADDED.test(value)) return `The value of ${name} begins or ends with white space.`
    switch (name) {
      case ':method':
        method = value
        break
      case ':path':
        url = value
        break
      case ':scheme':
        scheme = value
        break
      case ':authority':
        authority = value
        break
      case 'host':
        if (host !== undefined) return 'The request names more than one host.'
        host = value
        break
      case 'cookie':
        cookie = cookie === undefined ? value : `${cookie}; ${value}`
        break
      default:
        if ((name.startsWith(':') && name !== ':protocol') || CONNECTION.has(name))
          return `The field ${name} does not belong here.`
        rawHeaders.push(name, value)
    }
  }
  if (method === undefined || url === undefined) return 'The request has no method or no path.'
  if (scheme !== 'https') return 'The scheme of the request is not https.'
  const named = authority ?? host
  if (named === undefined) return 'The request names no host.'
  if (host !== undefined && host.toLowerCase() !== named.toLowerCase())
    return 'The request names more than one host.'
  rawHeaders[1] = named
  if (cookie !== undefined) rawHeaders.push('cookie', cookie)
  return { method, url, rawHeaders, httpVersionMajor: 2, httpVersionMinor: 0 }
}
