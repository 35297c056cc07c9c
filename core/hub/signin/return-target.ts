import type { LoginState } from '../../api/sign-in.ts'

/** With more, the cookie in which a sign-in keeps it would be larger than browsers take. */
const MAX_PATH = 2_400
const NONCE_HASH = /^[A-Za-z0-9_-]{43}$/
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/**
 * The path when it can only mean a place on the same host: one `/`, then printable ASCII without a backslash.
 * Anything else (`//host`, `/\host`, a tab that browsers drop, a URL) is `/`.
 */
export function safePath(path: unknown): string {
  if (typeof path !== 'string' || path.length > MAX_PATH) return '/'
  return /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(path) ? path : '/'
}

/**
 * Reads the query of `/web/launch`. Null when host or nonce are not what an app's host sends. A host that no
 * app has is accepted here: before sign-in all hosts below the domain answer alike.
 */
export function readTarget(
  query: Readonly<Record<string, unknown>>,
  names: { readonly appsDomain: string | null; readonly portSuffix: string },
): LoginState | null {
  const { host, path, nonce } = query
  if (names.appsDomain === null || typeof host !== 'string' || typeof nonce !== 'string') return null
  const { portSuffix } = names
  const bare = portSuffix !== '' && host.endsWith(portSuffix) ? host.slice(0, -portSuffix.length) : host
  if (bare.length > 253 || !HOST.test(bare) || !bare.endsWith(`.${names.appsDomain}`)) return null
  if (!NONCE_HASH.test(nonce)) return null
  return { appHost: bare, path: safePath(path), nonceHash: nonce }
}
