import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '../../api/problem.ts'

/** Header that carries the token: the hub sends it on safe calls, the page sends it back on others. */
export const CSRF_HEADER = 'x-mezite-csrf'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The token that belongs to a session cookie. Says nothing about the cookie. */
export function csrfToken(cookie: string): string {
  return createHash('sha256').update('mezite csrf\0').update(cookie).digest('base64url')
}

export interface CsrfQuestion {
  readonly method: string
  /** Path of the request. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Origin of the hub's host that was asked. */
  readonly ownOrigin: string
  /** Value of the hub's session cookie, if the request carries one. */
  readonly cookie: string | undefined
}

/**
 * Refuses what another site, a sibling app included, makes a browser send: SameSite protects nothing between
 * hosts of one domain. A non-safe call with our cookie needs our exact `Origin`, and on the JSON API the token
 * header too; form posts below `/web/` need the `Origin` alone. A call without our cookie may lack `Origin`,
 * but not name another. Throws `Problem` 403 `csrf`.
 */
export function checkCsrf({ method, path, headers, ownOrigin, cookie }: CsrfQuestion): void {
  if (SAFE.has(method)) return
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (origin === undefined ? cookie !== undefined : origin !== ownOrigin) {
    throw refused('The call does not come from this host’s own pages.')
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw refused('The call comes from another site.')
  }
  if (cookie === undefined || !path.startsWith('/v1/webapi/')) return
  const sent = Buffer.from(String(headers[CSRF_HEADER] ?? ''))
  const wanted = Buffer.from(csrfToken(cookie))
  if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted)) {
    throw refused(`Send the header ${CSRF_HEADER} with the value that safe calls answer with.`)
  }
}

function refused(detail: string): Problem {
  return new Problem(403, 'csrf', detail)
}
