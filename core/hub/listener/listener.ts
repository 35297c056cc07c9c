import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { ConnectionInfo } from '../../api/protocol.ts'
import { createRelay } from '../../cluster/hub-relay.ts'
import { systemClock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import { defaultLimits } from '../../limits/limits.ts'
import { rarely } from '../../limits/log-throttle.ts'
import type { Handle } from '../../processes/node-handles.ts'
import { affordableConnections, type ConnectionLease, createAddressGate } from './address-gate.ts'
import { type AgentRouter, createAgentRouter } from './agent-router.ts'
import { routeAlpn } from './alpn-router.ts'
import { clientInfo, sourceReader } from './client-address.ts'
import {
  ALERT_ALPN,
  ALERT_DECODE,
  ALERT_NAME,
  HELLO_BYTES,
  type Peeked,
  peekConnection,
} from './connection-preamble.ts'
import { type Handshake, HandshakeTable } from './handshake-table.ts'
import type { ListenerOptions } from './listener-options.ts'
import { createNamedServers } from './named-servers.ts'
import { createPublicPort, endsOf } from './public-port.ts'
import { canonicalAddress, createTrustedProxies } from './trusted-proxies.ts'

export type { ListenerOptions } from './listener-options.ts'

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
    if (sockets.size >= most && !strangers.makeRoom()) return void tooMany(socket)
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
            strangers.delete(handshake)
          }
          if (lease === null && !info.trustedProxy && !enter(info.clientIp))
            return void drop(socket, 'address_limit')
          if (isProxy && !info.trustedProxy) enterTables(handshake, info.clientIp)
          handshake.info = Object.freeze({ ...info, authenticated: () => strangers.delete(handshake) })
          route(socket, handshake, peeked)
        }),
    })
  }

  function enterTables(handshake: Handshake, address: string): void {
    table.add(handshake, address)
    strangers.add(handshake, address)
  }

  function route(socket: Socket, handshake: Handshake, peeked: Peeked) {
    const { info } = handshake
    const target = routeAlpn(peeked.hello, known)
    if (target.kind === 'refused') return refuse(socket, ALERT_ALPN, target.reason)
    if (target.kind === 'alpn' && agents.names.has(target.alpn)) {
      const refusal = agents.route(socket, info, target, () => {
        handshake.done()
        info.authenticated?.()
      })
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
