import type { PublicNames } from '../../api/web-routes.ts'
import { WISH_ALPN } from '../../wire/tunnel-protocol.ts'
import type { ClientHello } from './client-hello.ts'

/** Where a connection goes, judged by its ClientHello alone. */
export type Door =
  | { readonly kind: 'browser' }
  /** `wish`: id of the hub that an agent wants behind a balancer. */
  | { readonly kind: 'alpn'; readonly alpn: string; readonly wish: string | null }
  | { readonly kind: 'refused'; readonly reason: string }

const OURS = /^mezite-/

/** `known`: the ALPN names that somebody serves. A client that mixes ours with a browser's gets neither. */
export function chooseDoor(hello: ClientHello, known: ReadonlySet<string>): Door {
  if (!hello.alpn.some((name) => OURS.test(name) || known.has(name))) return { kind: 'browser' }
  const names = hello.alpn.filter((name) => !name.startsWith(WISH_ALPN))
  const wishes = hello.alpn.filter((name) => name.startsWith(WISH_ALPN))
  const [alpn] = names
  if (alpn === undefined || names.length > 1 || wishes.length > 1)
    return { kind: 'refused', reason: 'mixed ALPN' }
  if (!known.has(alpn)) return { kind: 'refused', reason: 'unknown ALPN' }
  return { kind: 'alpn', alpn, wish: wishes[0]?.slice(WISH_ALPN.length) ?? null }
}

/** Which side of the browser door a server name leads to; `any`: only the Host header can tell. */
export function sideOf(serverName: string | null, names: PublicNames): 'web' | 'apps' | 'any' {
  if (serverName === null) return 'any'
  if ([names.hubOrigin, names.signInOrigin].some((origin) => new URL(origin).hostname === serverName)) {
    return 'web'
  }
  const below = names.appsDomain !== null && serverName.endsWith(`.${names.appsDomain.toLowerCase()}`)
  return below ? 'apps' : 'web'
}
