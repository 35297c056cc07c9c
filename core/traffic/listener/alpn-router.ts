import { MezError } from '../../kernel/error.ts'
import { TCP_ALPN } from '../../wire/tcp-protocol.ts'
import { WISH_ALPN } from '../../wire/tunnel-protocol.ts'
import type { ClientHello } from './client-hello.ts'

/** Where a connection goes by its ClientHello alone. */
export type AlpnRoute =
  | { readonly kind: 'browser' }
  /** `wish`: id of the hub that an agent wants behind a balancer. */
  | { readonly kind: 'alpn'; readonly alpn: string; readonly wish: string | null }
  | { readonly kind: 'refused'; readonly reason: string }

const OURS = /^mezite-/

/** `known`: the ALPN names that are served. A client that mixes ours with those of a browser gets neither. */
export function routeAlpn(hello: ClientHello, known: ReadonlySet<string>): AlpnRoute {
  if (!hello.alpn.some((name) => OURS.test(name) || known.has(name))) return { kind: 'browser' }
  const names = hello.alpn.filter((name) => !name.startsWith(WISH_ALPN))
  const wishes = hello.alpn.filter((name) => name.startsWith(WISH_ALPN))
  const [alpn] = names
  if (alpn === undefined || names.length > 1 || wishes.length > 1)
    return { kind: 'refused', reason: 'mixed ALPN' }
  if (!known.has(alpn)) return { kind: 'refused', reason: 'unknown ALPN' }
  return { kind: 'alpn', alpn, wish: wishes[0]?.slice(WISH_ALPN.length) ?? null }
}

/**
 * Throws `MEZ_PART_INVALID` when a plugin's protocol claims a name that belongs to the core: those of browsers and
 * `mezite-*`, but for the one of TCP apps, which the core leaves to a plugin.
 */
export function checkAlpn(protocol: string, alpn: string): void {
  if (alpn !== 'h2' && alpn !== 'http/1.1' && (!OURS.test(alpn) || alpn === TCP_ALPN)) return
  throw new MezError('MEZ_PART_INVALID', `protocol "${protocol}": the ALPN name "${alpn}" is reserved`)
}
