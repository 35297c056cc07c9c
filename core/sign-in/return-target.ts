import type { LoginState } from '../api/sign-in.ts'

/** A longer path would make the cookie of a sign-in larger than browsers accept. */
const MAX_PATH = 2_400
const NONCE_HASH = /^[A-Za-z0-9_-]{43}$/
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/**
 * Returns the path if it can only lead to the same host: one `/`, then printable ASCII without a backslash. Returns `/`
 * for anything else (`//host`, `/\host`, a tab that browsers drop, a URL).
 */
export function safePath(path: unknown): string {
  if (typeof path !== 'string' || path.length > MAX_PATH) return '/'
  return isLocalPath(path) ? path : '/'
}

/** A path on this very host, however a browser reads it: one leading slash, nothing that could begin an authority. */
export function isLocalPath(path: string): boolean {
  return /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(path)
}

/** See `SignInDesk.targetOf`. */
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
  const { fragment } = query
  const known = fragment === '1' || fragment === '0'
  return {
    appHost: bare,
    path: safePath(path),
    nonceHash: nonce,
    ...(known && { fragment: fragment === '1' }),
  }
}
