import type { Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { Handshake } from '../../base/limits/handshake-table.ts'
import { defaultLimits } from '../../base/limits/limits.ts'
import { createAgentRouter } from './agent-router.ts'
import { routeAlpn } from './alpn-router.ts'
import { createAskingServers } from './asking-servers.ts'
import { ALERT_ALPN, ALERT_NAME, HELLO_BYTES, type Peeked } from './connection-preamble.ts'
import { createConnectionRefusals } from './connection-refusals.ts'
import { createEntrance } from './entrance.ts'
import { createRelay } from './hub-relay.ts'
import type { ListenerOptions } from './listener-options.ts'
import { createNamedServers } from './named-servers.ts'
import { createPublicPort, endsOf } from './public-port.ts'

export type { ListenerOptions } from './listener-options.ts'

/** The one public port. */
export type Listener = ReturnType<typeof createListener>

/**
 * Opens nothing until `listen`. Routes each connection by its ClientHello to exactly one protocol, and closes malformed,
 * late and mixed ones. Throws `MEZ_SERVICE_TWICE` if two protocols claim the same ALPN name, and `MEZ_PART_INVALID` if
 * one claims a name of the core.
 */
export function createListener(options: ListenerOptions) {
  const { protocols, certificates, peers } = options
  const limits = { ...defaultLimits, ...options.limits }
  const { handshakeMs } = limits
  const refusals = createConnectionRefusals(options)
  const { counted, warnRarely, drop, refuse, guard } = refusals
  const entrance = createEntrance({ options, limits, refusals, route })
  const relay = createRelay(({ id, address: { host, port } }, error) => {
    counted('refused', 'hub_unreachable')
    warnRarely(id, `hub ${id}: unreachable at ${host} port ${port}, its proxy.internal_addr`, error)
  })

  let shown = certificates.browserTls()
  const browser = createTlsServer({
    ...shown,
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
  })
  takeHandshakes(browser, options.browsers)

  const asking = createAskingServers(options, handshakeMs, takeHandshakes)
  const named = createNamedServers(options, handshakeMs, takeHandshakes)
  const agents = createAgentRouter({
    takers: options.mezite ?? {},
    alpnTransport: options.alpnTransport,
    peers,
    relay,
    maxBytes: HELLO_BYTES,
    group: options.group,
    handshakeMs,
    table: entrance.table,
    drop,
    linked: (address) => entrance.table.rememberAgent(address),
    refuse: (carrier, reason) => refuse(carrier, ALERT_ALPN, reason),
  })
  const known = new Set([...agents.names, ...named.keys()])

  /** Pairs the sockets of a TLS server with the clients of their connections. */
  function takeHandshakes(server: TlsServer, take: (socket: TLSSocket, info: ConnectionInfo) => void): void {
    server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy())
      const pending = entrance.pending(endsOf(socket))
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

  function route(socket: Socket, handshake: Handshake, peeked: Peeked) {
    const { info } = handshake
    const target = routeAlpn(peeked.hello, known)
    if (target.kind === 'refused') return refuse(socket, ALERT_ALPN, target.reason)
    if (target.kind === 'alpn' && agents.names.has(target.alpn)) {
      const refusal = agents.route(socket, info, target, () => handshake.done())
      return refusal === null ? undefined : refuse(socket, ALERT_ALPN, refusal)
    }
    if (info.via !== undefined) return refuse(socket, ALERT_ALPN, 'relayed to the wrong hub')
    if (target.kind === 'browser') {
      if (!certificates.serves(info.serverName)) return refuse(socket, ALERT_NAME, 'no_certificate')
      // A trusted proxy ends the TLS of its clients.
      const asks = info.serverName !== null && !info.trustedProxy && options.clientCas?.(info.serverName)
      if (asks) return void asking(asks).emit('connection', socket)
      const current = certificates.browserTls()
      if (current.cert !== shown.cert) browser.setSecureContext(current)
      shown = current
      return void browser.emit('connection', socket)
    }
    const server = named.get(target.alpn)
    if (!server?.serves(info.serverName)) return refuse(socket, ALERT_NAME, 'no_certificate')
    server.accept(socket)
  }

  const port = createPublicPort(options.listenAddr, entrance, refusals)

  return {
    listen: port.listen,
    adopt: port.adopt,
    /** Takes a connection that another process has accepted. */
    take: entrance.accept,
    deliver: agents.deliver,
    opening: agents.opening,
    /** Accepts no more, and waits up to a second for TLS handshakes, whose requests then drain like others. */
    stopAccepting: (): Promise<void> => port.stopAccepting(entrance.isQuiet),
    /** Drains the protocols (not browsers) and the connections relayed to other hubs. */
    async drain(signal: AbortSignal): Promise<void> {
      await Promise.allSettled([...protocols, relay].map((each) => each.drain(signal)))
    },
    /** Closes the port and every connection immediately. */
    async close(): Promise<void> {
      const closed = port.close()
      entrance.destroy()
      await closed
    },
    /** Number of open connections in any stage. */
    get connections(): number {
      return entrance.connections()
    },
  }
}
