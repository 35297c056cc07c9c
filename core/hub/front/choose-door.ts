import type { PublicNames } from '../web/web-routes.ts'
import type { ClientHello } from './client-hello.ts'

/** Where a connection goes, judged by its ClientHello alone. */
export type Door =
  | { readonly kind: 'browser' }
  | { readonly kind: 'alpn'; readonly alpn: string }
  | { readonly kind: 'refused'; readonly reason: string }

const OURS = /^mezite-/
/** An agent names the hub that it wants behind a balancer; a wish, not a protocol. */
const WISH = 'mezite-to/'

/** `known`: the ALPN names that somebody serves. A client that mixes ours with a browser's gets neither. */
export function chooseDoor(hello: ClientHello, known: ReadonlySet<string>): Door {
  if (!hello.alpn.some((name) => OURS.test(name) || known.has(name))) return { kind: 'browser' }
  const names = hello.alpn.filter((name) => !name.startsWith(WISH))
  const [alpn] = names
  if (alpn === undefined || names.length > 1) return { kind: 'refused', reason: 'mixed ALPN' }
  return known.has(alpn) ? { kind: 'alpn', alpn } : { kind: 'refused', reason: 'unknown ALPN' }
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
