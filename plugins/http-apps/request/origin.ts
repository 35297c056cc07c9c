import type { App, PublicNames } from '@mezite/core'
import type { AppRequest } from './app-request.ts'

/** The origin of an app as browsers see it. */
export function publicOrigin(host: string, names: PublicNames): string {
  return `https://${host}${names.portSuffix}`
}

/** Whether the app lists the origin, perhaps by a wildcard of its own aliases, which covers one label. */
export function listsOrigin({ origins, aliases }: Pick<App, 'origins' | 'aliases'>, origin: string): boolean {
  if (origins.includes(origin)) return true
  if (aliases === undefined) return false
  const [, host = '', rest = '', port = ''] =
    /^https:\/\/([a-z0-9-]+)(\.[a-z0-9.-]+)(:\d+)?$/.exec(origin) ?? []
  return host !== '' && aliases.includes(`*${rest}`) && origins.includes(`https://*${rest}${port}`)
}

/** Header lines that let pages of the origins that the app lists read a response of the hub; none for other pages. */
export function readableBy({ origin }: AppRequest, app: App | undefined): readonly string[] {
  if (origin === undefined || app === undefined || !listsOrigin(app, origin)) return []
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
  if (origin !== undefined && listsOrigin(app, origin)) return true
  // Browsers send the forms of a page with `Referrer-Policy: no-referrer` like this. They call a page without an origin cross-site.
  if (origin === 'null' && request.site === 'same-origin') return true
  if (origin !== undefined && origin !== publicOrigin(request.host.host, names)) return false
  return request.site === undefined || request.site === 'same-origin' || request.site === 'none'
}
