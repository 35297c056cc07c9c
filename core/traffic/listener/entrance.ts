import type { Socket } from 'node:net'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import {
  affordableConnections,
  type ConnectionLease,
  createAddressGate,
} from '../../base/limits/address-gate.ts'
import { createFloods } from '../../base/limits/floods.ts'
import { type Handshake, HandshakeTable } from '../../base/limits/handshake-table.ts'
import { systemClock } from '../../kernel/clock.ts'
import { clientInfo, sourceReader } from './client-address.ts'
import { ALERT_DECODE, HELLO_BYTES, type Peeked, peekConnection } from './connection-preamble.ts'
import type { ConnectionRefusals } from './connection-refusals.ts'
import type { ListenerOptions } from './listener-options.ts'
import { endsOf } from './public-port.ts'
import { canonicalAddress, createTrustedProxies } from './trusted-proxies.ts'

export type Entrance = ReturnType<typeof createEntrance>

const PLAIN_HTTP = /^[A-Z]{3,20} \//

/** Admits connections to the public port within its limits, and reads what comes before TLS. */
export function createEntrance(parts: {
  readonly options: ListenerOptions
  readonly limits: ProxyLimits
  readonly refusals: ConnectionRefusals
  readonly route: (socket: Socket, handshake: Handshake, peeked: Peeked) => void
}) {
  const { options, limits, refusals, route } = parts
  const { log, peers, clock = systemClock } = options
  const { counted, warnRarely, drop, guard } = refusals
  const gate = createAddressGate(limits, clock)
  const floods = createFloods(clock)
  const trusted = createTrustedProxies(options.trustedProxies ?? [])
  const sockets = new Set<Socket>()
  /** By both ends, because a tls.Server does not report which socket a TLSSocket came from. */
  const byEnds = new Map<string, Handshake>()
  const most = affordableConnections(limits.connections, log)
  const tableOf = (size: number, reason: string, what: string) =>
    new HandshakeTable({
      most: size,
      sessionAddresses: options.sessionAddresses ?? (() => []),
      evicted(group) {
        counted('refused', reason)
        warnRarely(reason, `too many ${what}: the oldest of ${group} are closed`, null)
      },
      clock,
    })
  // A flood of handshakes must leave room for connections in use.
  const handshakes = Math.min(limits.handshakes, Math.ceil(most / 2))
  const table = tableOf(handshakes, 'handshakes_limit', 'unfinished TLS handshakes')
  /** The connections on which nobody has authenticated. */
  const strangers = tableOf(most, 'connections_limit', 'connections of strangers')

  function accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    // The limit of a server does not count the connections of other sockets.
    if (sockets.size >= most && !strangers.makeRoom()) return void refusals.tooMany(socket)
    const peer = canonicalAddress(socket.remoteAddress ?? '')
    if (peer === null) return void drop(socket, 'address_unknown')
    const isProxy = trusted.has(peer)
    const readHeader = sourceReader(peers, options.proxyProtocol ?? 'off', isProxy)
    if (readHeader === null) return void drop(socket, 'no_trusted_proxy')
    let lease: ConnectionLease | null = null
    /** A trusted proxy carries many clients, so the clients that it names are counted, not the proxy. */
    const enter = (address: string): boolean => {
      lease = gate.enter(address)
      if (lease === null) warnRarely('address', `${address} has too many connections`, null)
      return lease !== null
    }
    if (!isProxy && !enter(peer)) return void drop(socket, 'address_limit')
    const key = endsOf(socket)
    const deadline = setTimeout(() => drop(socket, 'handshake_timeout'), limits.handshakeMs)
    let over = false
    const handshake: Handshake = {
      info: { clientIp: peer, clientPort: socket.remotePort ?? 0, trustedProxy: false, serverName: null },
      done() {
        clearTimeout(deadline)
        if (over) return
        over = true
        // A client may return from the same port before its last connection has reported its end.
        if (byEnds.get(key) === handshake) byEnds.delete(key)
        table.delete(handshake)
        lease?.secured()
      },
      evict: () => socket.destroy(),
    }
    byEnds.set(key, handshake)
    // Connections of a proxy belong to its clients, and enter the table once the client is known.
    if (!isProxy) enterTables(handshake, peer)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      handshake.done()
      strangers.delete(handshake)
      lease?.left()
    })
    socket.setNoDelay(true)
    peekConnection(socket, {
      readHeader,
      maxBytes: HELLO_BYTES,
      refuse: (reason, bytes) =>
        bytes !== undefined && PLAIN_HTTP.test(bytes.toString('latin1', 0, 32))
          ? refusals.refusePlainHttp(socket, bytes)
          : refusals.refuse(socket, ALERT_DECODE, reason),
      found: (peeked) =>
        guard(socket, () => {
          const info = clientInfo(handshake.info, peeked, trusted)
          // A connection that another hub relays counts for its client.
          if (info.via !== undefined && lease !== null) {
            lease.secured()
            lease.left()
            lease = null
            table.delete(handshake)
            strangers.delete(handshake)
          }
          if (lease === null && !info.trustedProxy) {
            if (!enter(info.clientIp)) return void drop(socket, 'address_limit')
            enterTables(handshake, info.clientIp)
          }
          handshake.info = Object.freeze({
            ...info,
            authenticated: () => strangers.delete(handshake),
            flooded: () => floods.add(info.clientIp),
          })
          const wait = floods.waitOf(info.clientIp)
          if (wait === 0) return route(socket, handshake, peeked)
          setTimeout(() => guard(socket, () => socket.destroyed || route(socket, handshake, peeked)), wait)
        }),
    })
  }

  function enterTables(handshake: Handshake, address: string): void {
    table.add(handshake, address)
    strangers.add(handshake, address)
  }

  return {
    most,
    table,
    accept,
    /** The unfinished handshake of the connection between these ends. */
    pending: (ends: string) => byEnds.get(ends),
    isQuiet: () => byEnds.size === 0,
    /** Number of open connections in any stage. */
    connections: () => sockets.size,
    destroy(): void {
      for (const socket of sockets) socket.destroy()
    },
  }
}
