import type { App, PublicNames } from '@mezite/core'
import type { AppRequest } from './app-request.ts'

/** The origin of an app as browsers see it. */
export function publicOrigin(host: string, names: PublicNames): string {
  return `https://${host}${names.portSuffix}`
}

/** Header lines that let pages of the origins that the app lists read a response of the hub; none for other pages. */
export function readableBy({ origin }: AppRequest, app: App | undefined): readonly string[] {
  if (origin === undefined || !app?.origins.includes(origin)) return []
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true']
}

/**
 * Whether the app accepts requests from this origin, checked against the public names before anything is rewritten.
 * Sibling apps are same-site, so SameSite cookies do not protect here; only exact origins do. Without `Origin` and
 * Fetch Metadata (curl, servers) there is no page to protect against.
 */
export function originAllowed(request: AppRequest, app: App, names: PublicNames): boolean {
  const { method, origin } = request
  const safe = method === 'GET' || method === 'HEAD' || (method === 'OPTIONS' && !request.preflight)
  if (safe && !request.upgrade) return true
  if (origin !== undefined && app.origins.includes(origin)) return true
  // Browsers send the forms of a page with `Referrer-Policy: no-referrer` like this. They call a page without an origin cross-site.
  if (origin === 'null' && request.site === 'same-origin') return true
  if (origin !== undefined && origin !== publicOrigin(app.publicAddr, names)) return false
  return request.site === undefined || request.site === 'same-origin' || request.site === 'none'
}
