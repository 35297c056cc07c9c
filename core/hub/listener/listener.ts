import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { ConnectionInfo, Protocol } from '../../api/protocol.ts'
import type { ProxyLimits } from '../../api/proxy-limits.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { Peers } from '../cluster/peers.ts'
import { defaultLimits } from '../limits/limits.ts'
import { rarely } from '../limits/log-throttle.ts'
import type { GroupMember } from '../processes/group-member.ts'
import type { Handle } from '../processes/node-handles.ts'
import { type AgentRouter, createAgentRouter, type TakeAgent } from './agent-router.ts'
import { routeAlpn } from './alpn-router.ts'
import type { Certificates } from './certificates.ts'
import { clientInfo, sourceReader } from './client-address.ts'
import {
  ALERT_ALPN,
  ALERT_DECODE,
  ALERT_NAME,
  HELLO_BYTES,
  type Peeked,
  peekConnection,
} from './connection-preamble.ts'
import { affordableConnections, type ConnectionLease, createAddressGate } from './connection-quota.ts'
import { type Handshake, HandshakeTable } from './handshake-table.ts'
import { createRelay } from './hub-relay.ts'
import { createPublicPort, endsOf } from './listening-socket.ts'
import { createNamedServers } from './named-servers.ts'
import { canonicalAddress, createTrustedProxies } from './trusted-proxies.ts'

export interface ListenerOptions {
  /** `host:port` or `[v6]:port`; port 0 selects a free one. */
  readonly listenAddr: string
  readonly certificates: Pick<Certificates, 'browserTls' | 'serves' | 'proofs'>
  /** For protocols that require client certificates. */
  readonly authorities: Pick<Authorities, 'hubIdentity' | 'bundle'>
  /** CIDRs. */
  readonly trustedProxies?: readonly string[]
  readonly proxyProtocol?: 'off' | 'required'
  readonly protocols: readonly Protocol[]
  /** Handles the TLS connections of browsers; ALPN has selected `h2` or `http/1.1`. */
  readonly browsers: (socket: TLSSocket, info: ConnectionInfo) => void
  /** Responds to a client that speaks plain HTTP here, given its first bytes, and closes the connection. */
  readonly plainHttp?: (socket: Socket, bytes: Buffer) => void
  /** Handlers of agents, by ALPN name. */
  readonly mezite?: Readonly<Record<string, TakeAgent>>
  /** Name of the transport whose carriers are connections to this port; null: there is none, they are rejected. */
  readonly alpnTransport?: string | null
  /** Addresses of clients with a live session, for which a share is reserved during a flood. */
  readonly sessionAddresses?: () => Iterable<string>
  /** The other hubs of the cluster; undefined if there are none. */
  readonly peers?: Peers | undefined
  /** The other processes on the same port; undefined if there are none. */
  readonly group?: Pick<GroupMember, 'isSibling' | 'pass'> | undefined
  readonly limits?: Partial<ProxyLimits>
  readonly clock?: Clock
  /** Called for each connection that completed TLS (by ALPN name) or was rejected before (by reason). */
  readonly counted?: (what: 'secured' | 'refused', which: string) => void
  readonly log: Log
}

/** The one public port. */
export interface Listener {
  listen(): Promise<{ readonly port: number }>
  /** Accepts from an inherited socket too, until the returned function is called. */
  adopt(handle: Handle): Promise<() => void>
  /** Takes a connection that another process has accepted. */
  take(socket: Socket): void
  readonly deliver: AgentRouter['deliver']
  readonly opening: AgentRouter['opening']
  /** Accepts no more, and waits up to a second for TLS handshakes, whose requests then drain like others. */
  stopAccepting(): Promise<void>
  /** Drains the protocols (not browsers) and the connections relayed to other hubs. */
  drain(signal: AbortSignal): Promise<void>
  /** Closes the port and every connection immediately. */
  close(): Promise<void>
  /** Number of open connections in any stage. */
  readonly connections: number
}

const PLAIN_HTTP = /^[A-Z]{3,20} \//

/**
 * Opens nothing until `listen`. Routes each connection by its ClientHello to exactly one protocol, and closes malformed,
 * late and mixed ones. Throws `MEZ_SERVICE_TWICE` if two protocols claim the same ALPN name, and `MEZ_PART_INVALID` if
 * one claims a name of the core.
 */
export function createListener(options: ListenerOptions): Listener {
  const { log, protocols, certificates, authorities, peers, counted = () => {} } = options
  const limits = { ...defaultLimits, ...options.limits }
  const clock = options.clock ?? systemClock
  const gate = createAddressGate(limits, clock)
  const mezite = options.mezite ?? {}
  const trusted = createTrustedProxies(options.trustedProxies ?? [])
  const sockets = new Set<Socket>()
  /** By both ends, because a tls.Server does not report which socket a TLSSocket came from. */
  const byEnds = new Map<string, Handshake>()
  const warnRarely = rarely(log)
  const most = affordableConnections(limits.connections, log)
  const table = new HandshakeTable({
    // A flood of handshakes must leave room for connections in use.
    most: Math.min(limits.handshakes, Math.ceil(most / 2)),
    sessionAddresses: options.sessionAddresses ?? (() => []),
    evicted(group) {
      counted('refused', 'handshakes_limit')
      warnRarely('handshakes', `too many unfinished TLS handshakes: the oldest of ${group} are closed`, null)
    },
    clock,
  })

  const relay = createRelay(({ id, address: { host, port } }, error) => {
    counted('refused', 'hub_unreachable')
    warnRarely(id, `hub ${id}: unreachable at ${host} port ${port}, its proxy.internal_addr`, error)
  })

  let shown = certificates.browserTls()
  const browser = createTlsServer({
    ...shown,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.handshakeMs,
  })
  takeHandshakes(browser, options.browsers)

  const { handshakeMs } = limits
  const { proofs } = certificates
  const named = createNamedServers({ protocols, authorities, proofs, handshakeMs, takeHandshakes })
  const agents = createAgentRouter({
    ...{ takers: mezite, alpnTransport: options.alpnTransport },
    ...{ peers, relay, maxBytes: HELLO_BYTES, group: options.group },
    ...{ handshakeMs: limits.handshakeMs, table, drop },
    linked: (address) => table.rememberAgent(address),
    refuse: (carrier, reason) => refuse(carrier, ALERT_ALPN, reason),
  })
  const known = new Set([...agents.names, ...named.keys()])

  /** Pairs the sockets of a TLS server with the clients of their connections. */
  function takeHandshakes(server: TlsServer, take: (socket: TLSSocket, info: ConnectionInfo) => void): void {
    server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy())
      const pending = byEnds.get(endsOf(socket))
      const sent = (socket as { servername?: string | false | null }).servername || null
      if (!pending || (sent?.toLowerCase() ?? null) !== pending.info.serverName) return socket.destroy()
      pending.done()
      counted('secured', socket.alpnProtocol || 'none')
      guard(socket, () => take(socket, pending.info))
    })
    // TLS errors of a client affect only that client; the server destroys the socket.
    server.on('tlsClientError', (error, socket) =>
      drop(socket, (error as { code?: string }).code ?? 'tls_error'),
    )
    server.on('error', (error) => warnRarely('tls', 'TLS server error', error))
  }

  function drop(socket: { destroy(): void }, reason: string): void {
    counted('refused', reason)
    socket.destroy()
  }

  function guard(socket: { destroy(): void }, run: () => void): void {
    try {
      run()
    } catch (error) {
      log.error({ error: messageOf(error) }, 'failed to pass a connection to its protocol')
      socket.destroy()
    }
  }

  function accept(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    // The limit of a server does not count the connections of other sockets.
    if (sockets.size >= most) return void tooMany(socket)
    const peer = canonicalAddress(socket.remoteAddress ?? '')
    if (peer === null) return void drop(socket, 'address_unknown')
    const isProxy = trusted.has(peer)
    const readHeader = sourceReader({ peers, proxyProtocol: options.proxyProtocol ?? 'off', isProxy })
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
    const handshake: Handshake = {
      info: { clientIp: peer, clientPort: socket.remotePort ?? 0, trustedProxy: false, serverName: null },
      done() {
        clearTimeout(deadline)
        if (!byEnds.delete(key)) return
        table.delete(handshake)
        lease?.secured()
      },
      evict: () => socket.destroy(),
    }
    byEnds.set(key, handshake)
    // Connections of a proxy belong to its clients, and enter the table once the client is known.
    if (!isProxy) table.add(handshake, peer)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      handshake.done()
      lease?.left()
    })
    socket.setNoDelay(true)
    peekConnection(socket, {
      readHeader,
      maxBytes: HELLO_BYTES,
      refuse: (reason, bytes) =>
        bytes !== undefined && PLAIN_HTTP.test(bytes.toString('latin1', 0, 32))
          ? refusePlainHttp(socket, bytes)
          : refuse(socket, ALERT_DECODE, reason),
      found: (peeked) =>
        guard(socket, () => {
          const info = clientInfo(handshake.info, peeked, trusted)
          // A connection that another hub relays counts for its client.
          if (info.via !== undefined && lease !== null) {
            lease.secured()
            lease.left()
            lease = null
          }
          if (lease === null && !info.trustedProxy && !enter(info.clientIp))
            return void drop(socket, 'address_limit')
          if (isProxy && !info.trustedProxy) table.add(handshake, info.clientIp)
          handshake.info = info
          route(socket, handshake, peeked)
        }),
    })
  }

  function route(socket: Socket, handshake: Handshake, peeked: Peeked) {
    const { info } = handshake
    const target = routeAlpn(peeked.hello, known)
    if (target.kind === 'refused') return refuse(socket, ALERT_ALPN, target.reason)
    if (target.kind === 'alpn' && agents.names.has(target.alpn)) {
      const refusal = agents.route(socket, info, target, handshake.done)
      return refusal === null ? undefined : refuse(socket, ALERT_ALPN, refusal)
    }
    if (info.via !== undefined) return refuse(socket, ALERT_ALPN, 'relayed to the wrong hub')
    if (target.kind === 'browser') {
      if (!certificates.serves(info.serverName)) return refuse(socket, ALERT_NAME, 'no_certificate')
      const current = certificates.browserTls()
      if (current.cert !== shown.cert) browser.setSecureContext(current)
      shown = current
      return void browser.emit('connection', socket)
    }
    const server = named.get(target.alpn)
    if (!server?.serves(info.serverName)) return refuse(socket, ALERT_NAME, 'no_certificate')
    server.accept(socket)
  }

  function refusePlainHttp(socket: Socket, bytes: Buffer): void {
    counted('refused', 'plain_http')
    if (options.plainHttp) options.plainHttp(socket, bytes)
    else socket.destroy()
  }

  function refuse(socket: Duplex, alert: Buffer, reason: string): void {
    log.debug({ reason, peer: (socket as Partial<Socket>).remoteAddress }, 'connection refused')
    counted('refused', reason)
    socket.end(alert, () => socket.destroy())
  }

  function tooMany(socket?: Socket): void {
    warnRarely('drop', 'too many connections on the public port', null)
    counted('refused', 'connections_limit')
    socket?.destroy()
  }

  const port = createPublicPort({
    ...{ listenAddr: options.listenAddr, most, accept },
    failed: (error) => warnRarely('accept', 'the public port failed to accept a connection', error),
    dropped: () => tooMany(),
  })

  return {
    listen: port.listen,
    adopt: port.adopt,
    take: accept,
    deliver: agents.deliver,
    opening: agents.opening,
    stopAccepting: () => port.stopAccepting(() => byEnds.size === 0),
    async drain(signal) {
      await Promise.allSettled([...protocols, relay].map((each) => each.drain(signal)))
    },
    async close() {
      const closed = port.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    get connections() {
      return sockets.size
    },
  }
}
