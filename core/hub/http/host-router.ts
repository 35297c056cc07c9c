import { Problem } from '../../api/problem.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { parseHost, parseHostValue } from '../../wire/host.ts'

/** Whose request it is: the hub's own (with the origin asked), an app's, or nobody's. */
export type HostRoute =
  | { readonly kind: 'web'; readonly origin: string }
  | { readonly kind: 'app' }
  | { readonly kind: 'refused'; readonly problem: Problem }

/**
 * Judges one request. The name in the Host header, in an absolute request target and in the TLS handshake
 * must be one name, unless a trusted proxy made the connection. Exactly the hub's hosts are web.
 */
export function routeHost(
  request: {
    readonly method?: string | undefined
    readonly rawHeaders: readonly string[]
    readonly url?: string | undefined
  },
  info: ConnectionInfo,
  names: PublicNames,
): HostRoute {
  const named = parseHost(request.rawHeaders)
  if (typeof named === 'string') return { kind: 'refused', problem: new Problem(400, 'host_invalid', named) }
  const { url = '', method } = request
  if (url === '*' && method === 'OPTIONS')
    return { kind: 'refused', problem: new Problem(405, 'method_not_allowed', 'OPTIONS * is not served.') }
  if (!/^(?:\/|https?:\/\/[^/?#]*(?:[/?]|$))[^#]*$/i.test(url))
    return {
      kind: 'refused',
      problem: new Problem(400, 'target_invalid', 'The request target is malformed.'),
    }
  const target = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]
  if (target !== undefined) {
    const other = parseHostValue(target)
    if (typeof other === 'string' || other.host !== named.host || other.port !== named.port)
      return misdirected(names)
  }
  const { host } = named
  if (info.serverName !== null && !info.trustedProxy && info.serverName !== host) return misdirected(names)
  for (const origin of [names.hubOrigin, names.signInOrigin]) {
    if (new URL(origin).hostname === host) return { kind: 'web', origin: new URL(origin).origin }
  }
  const below = names.appsDomain !== null && host.endsWith(`.${names.appsDomain.toLowerCase()}`)
  return below ? { kind: 'app' } : misdirected(names)
}

function misdirected({ hubOrigin }: PublicNames): HostRoute {
  const detail = `The host of this address is not served here. The pages of this hub are at ${hubOrigin}.`
  return { kind: 'refused', problem: new Problem(421, 'misdirected_request', detail) }
}
