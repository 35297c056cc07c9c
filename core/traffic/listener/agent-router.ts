import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from '../../api/address.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { HandshakeTable } from '../../base/limits/handshake-table.ts'
import { HANDSHAKE_MS } from '../../wire/tls-acceptor.ts'
import { RELAY_ALPN, TUNNEL_ALPN } from '../../wire/tunnel-protocol.ts'
import type { GroupMember } from '../processes/group-member.ts'
import type { Peers } from '../relay/peers.ts'
import { type AlpnRoute, routeAlpn } from './alpn-router.ts'
import { peekConnection } from './connection-preamble.ts'
import type { Relay } from './hub-relay.ts'

/** How long it takes at most until a connection that another hub has closed is closed here too. */
const CLOSING_MS = 10_000

/** Another hub of the cluster, and the header that goes ahead of a connection relayed to it. */
export interface OtherHub {
  readonly kind: 'other'
  readonly id: string
  readonly address: Address
  readonly header: Buffer
}

/** Which hub serves a connection. */
type HubChoice = { readonly kind: 'this' } | OtherHub | { readonly kind: 'none'; readonly reason: string }

/**
 * Takes the raw bytes of an agent, ClientHello still in them, and owns TLS and deadlines from there. `secured` must be
 * called when the handshake has succeeded, and `authenticated` of the connection once the client has proved who it is.
 */
export type TakeAgent = (raw: Duplex, info: ConnectionInfo, secured: () => void) => void

/** Routes the connections of agents, and of hubs that relay, by their ALPN names, whichever transport brought them. */
export function createAgentRouter(options: {
  /** By ALPN name. */
  readonly takers: Readonly<Record<string, TakeAgent>>
  /** Name of the transport whose carriers are connections to the public port; null: there is none. */
  readonly alpnTransport: string | null | undefined
  readonly peers: Peers | undefined
  readonly relay: Pick<Relay, 'handOn'>
  /** The other processes on the same port. */
  readonly group: Pick<GroupMember, 'isSibling' | 'pass'> | undefined
  readonly maxBytes: number
  readonly handshakeMs: number
  readonly table: Pick<HandshakeTable, 'add' | 'delete'>
  /** An agent has shown its certificate from this address. */
  readonly linked: (address: string) => void
  readonly drop: (carrier: { destroy(): void }, reason: string) => void
  readonly refuse: (carrier: Duplex, reason: string) => void
}) {
  const { takers, alpnTransport, peers, group, table, drop, refuse } = options
  const names = new Set(Object.keys(takers))

  /**
   * Serves an agent's bytes here, or by the hub that the agent names. Returns why they are refused; null: they are not.
   * Calls `done` when their handshake no longer concerns this hub.
   */
  function route(
    raw: Duplex,
    from: ConnectionInfo,
    target: Extract<AlpnRoute, { kind: 'alpn' }>,
    done: () => void,
  ): string | null {
    if (target.alpn === RELAY_ALPN) {
      // Strangers do not even get to TLS.
      if (from.via === undefined) return 'not a hub of this cluster'
      takers[RELAY_ALPN]?.(raw, from, done)
      return null
    }
    if (alpnTransport === null && from.transport === undefined && from.via === undefined) {
      return 'transport_not_offered'
    }
    const info =
      alpnTransport && !from.transport ? Object.freeze({ ...from, transport: alpnTransport }) : from
    const hub = chooseHub(peers, target, info)
    if (hub.kind === 'none') return hub.reason
    if (hub.kind === 'other') {
      done()
      if (!passOn(raw, hub)) options.relay.handOn(raw, hub)
      // Nothing shows here whether the other hub accepts the certificate, but it closes a client without one by then.
      const accepted = setTimeout(() => info.authenticated?.(), HANDSHAKE_MS + CLOSING_MS)
      raw.once('close', () => clearTimeout(accepted))
      return null
    }
    takers[target.alpn]?.(raw, withoutSibling(info), () => {
      done()
      if (target.alpn === TUNNEL_ALPN) options.linked(info.clientIp)
    })
    return null
  }

  /** Another process on this port gets the connection itself, so that this one need not relay its bytes. */
  const passOn = (raw: Duplex, { id, header }: OtherHub): boolean => {
    if (!(raw instanceof Socket) || !group?.isSibling(id)) return false
    const hello = (raw.read() as Buffer | null) ?? Buffer.alloc(0)
    if (group.pass(raw, id, Buffer.concat([header, hello]))) return true
    raw.unshift(hello)
    return false
  }

  /** The link does not depend on the process that has passed its connection on. */
  const withoutSibling = ({ via, ...info }: ConnectionInfo): ConnectionInfo =>
    Object.freeze(via === undefined || group?.isSibling(via) ? info : { ...info, via })

  /**
   * Counts a carrier that is being opened, in its handshake or before, until the returned function is called. After the
   * time limit, or to make room for others, `close` is called.
   */
  function opening(clientIp: string, close: () => void): () => void {
    const done = (): void => {
      clearTimeout(deadline)
      table.delete(handshake)
    }
    const handshake = {
      info: { clientIp, clientPort: 0, trustedProxy: false, serverName: null },
      done,
      evict: close,
    }
    const deadline = setTimeout(() => drop({ destroy: close }, 'handshake_timeout'), options.handshakeMs)
    table.add(handshake, clientIp)
    return done
  }

  return {
    /** The ALPN names of agents and hubs. */
    names,
    route,
    opening,
    /** Takes a carrier that a transport brought, as if the agent had connected to the public port. */
    deliver(carrier: Duplex, from: Pick<ConnectionInfo, 'clientIp' | 'transport'>): void {
      carrier.on('error', () => carrier.destroy())
      const done = opening(from.clientIp, () => carrier.destroy())
      carrier.once('close', done)
      peekConnection(carrier, {
        readHeader: () => ({ kind: 'none' }),
        maxBytes: options.maxBytes,
        refuse: (reason) => refuse(carrier, reason),
        found: ({ hello }) => {
          const target = routeAlpn(hello, names)
          if (target.kind !== 'alpn') return refuse(carrier, 'not the protocol of agents')
          const info = { ...from, clientPort: 0, trustedProxy: false, serverName: hello.serverName }
          const refusal = route(carrier, Object.freeze(info), target, done)
          if (refusal) refuse(carrier, refusal)
        },
      })
    },
  }
}

/** The hub that an agent names. A connection that another hub has relayed is served here or nowhere. */
function chooseHub(
  peers: Peers | undefined,
  route: AlpnRoute,
  { via, clientIp, clientPort, transport }: ConnectionInfo,
): HubChoice {
  const wish = route.kind === 'alpn' && route.alpn === TUNNEL_ALPN ? route.wish : null
  if (via !== undefined && wish !== peers?.self) return { kind: 'none', reason: 'relayed to the wrong hub' }
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
