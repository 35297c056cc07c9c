import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '../../api/problem.ts'

/** Header with the token: the hub sends it on safe calls, the page returns it on others. */
export const CSRF_HEADER = 'x-mezite-csrf'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Methods that change nothing (RFC 9110 section 9.2.1). */
export const isSafe = (method: string): boolean => SAFE.has(method)

/** The token that belongs to a session cookie. Reveals nothing about the cookie. */
export function csrfToken(cookie: string): string {
  return createHash('sha256').update('mezite csrf\0').update(cookie).digest('base64url')
}

export interface CsrfQuestion {
  readonly method: string
  /** Path of the request. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Origin of the hub's host that received the call. */
  readonly ownOrigin: string
  /** Value of the hub's session cookie, if the request carries one. */
  readonly cookie: string | undefined
}

/**
 * Refuses calls that another site, a sibling app included, makes a browser send: SameSite does not protect
 * hosts of one domain from each other. A non-safe call with our cookie needs our exact `Origin`, and on the JSON API the token
 * header too; form posts below `/web/` need the `Origin` alone. A call without our cookie may lack `Origin`,
 * but not name another. Throws `Problem` 403 `csrf`.
 */
export function checkCsrf({ method, path, headers, ownOrigin, cookie }: CsrfQuestion): void {
  if (isSafe(method)) return
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (origin === undefined ? cookie !== undefined : origin !== ownOrigin) {
    throw refused('The call does not come from a page of this host.')
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw refused('The call comes from another site.')
  }
  if (cookie === undefined || !path.startsWith('/v1/webapi/')) return
  const sent = Buffer.from(String(headers[CSRF_HEADER] ?? ''))
  const wanted = Buffer.from(csrfToken(cookie))
  if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted)) {
    throw refused(`Send the header ${CSRF_HEADER} with the value from the response to a safe call.`)
  }
}

function refused(detail: string): Problem {
  return new Problem(403, 'csrf', detail)
}
