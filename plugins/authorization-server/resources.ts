import { type App, appsDomainOf, type Catalog, type PublicNames } from '@mezite/core'

/** The scope of access to an app. */
export const APP_SCOPE = 'app'

/** The resource indicator (RFC 8707) of an app: its origin with a slash. */
export const resourceOf = (app: App, { portSuffix }: Pick<PublicNames, 'portSuffix'>): string =>
  `https://${app.publicAddr}${portSuffix}/`

/**
 * The resource indicator in one form, or null if it cannot be that of an app. Whether there is such an app is not said
 * here, because a stranger asks.
 */
export function readResource(
  text: string,
  names: Pick<PublicNames, 'appsDomains' | 'portSuffix'>,
): string | null {
  const url = text.length <= 512 ? URL.parse(text) : null
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.pathname !== '/') return null
  if (url.username !== '' || url.password !== '') return null
  if (url.port !== names.portSuffix.slice(1)) return null
  return appsDomainOf(url.hostname, names) === null ? null : `${url.origin}/`
}

/** The app of a resource indicator in the form of `readResource`. */
export function appOf(catalog: Pick<Catalog, 'byHost'>, resource: string): App | undefined {
  const url = URL.parse(resource)
  return url === null ? undefined : catalog.byHost(url.hostname)
}
