import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'

/** Header with the token: the hub sends it in responses to safe calls, the page returns it with other calls. */
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
 * Rejects calls that another site, or a sibling app, makes a browser send: SameSite does not protect the hosts of one
 * domain from each other. A non-safe call with the hub's cookie needs the hub's exact `Origin`, and on the JSON API also
 * the token header; form posts below `/web/` need only the `Origin`. A call without the cookie may omit `Origin`, but
 * must not send another one. Throws `Problem` 403 `csrf`.
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
  return problemFor('csrf', detail)
}
