import { safePath } from '../../api/local-path.ts'
import type { LoginState } from '../../api/sign-in.ts'

const NONCE_HASH = /^[A-Za-z0-9_-]{43}$/
const HOST = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

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
