import type { ConnectionInfo } from '../../api/protocol.ts'
import { TUNNEL_ALPN } from '../../wire/tunnel-protocol.ts'
import type { Peers } from '../cluster/peers.ts'
import type { Address } from '../config/hub-config.ts'
import type { AlpnRoute } from './alpn-router.ts'

/** Another hub of the cluster, and what it hears ahead of a connection. */
export interface OtherHub {
  readonly kind: 'other'
  readonly id: string
  readonly address: Address
  readonly header: Buffer
}

/** Which hub serves a connection. */
export type HubChoice =
  | { readonly kind: 'this' }
  | OtherHub
  | { readonly kind: 'none'; readonly reason: string }

/** Agents reach the hub that they want. A connection that another hub has handed on is served here or nowhere. */
export function chooseHub(
  peers: Peers | undefined,
  route: AlpnRoute,
  { via, clientIp, clientPort, transport }: ConnectionInfo,
): HubChoice {
  const wish = route.kind === 'alpn' && route.alpn === TUNNEL_ALPN ? route.wish : null
  if (via !== undefined && wish !== peers?.self) return { kind: 'none', reason: 'handed on for nothing' }
  if (!peers || wish === null || wish === peers.self) return { kind: 'this' }
  const address = peers.addressOf(wish)
  if (address === null) return { kind: 'none', reason: 'hub_unknown' }
  return {
    kind: 'other',
    id: wish,
    address,
    header: peers.header(wish, { address: clientIp, port: clientPort, ...(transport && { transport }) }),
  }
}
