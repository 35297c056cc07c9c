import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import type { ConnectionInfo } from '../../api/protocol.ts'
import { MezError } from '../../kernel/error.ts'
import { checkAlpn } from './alpn-router.ts'
import type { ListenerOptions } from './listener-options.ts'
import { createMutualTlsServer, isTrusted } from './mutual-tls-server.ts'

/** Takes the connections with one ALPN name. */
export interface NamedServer {
  /** Whether it has a certificate for the name. */
  serves(serverName: string | null): boolean
  accept(socket: Socket): void
}

/**
 * The servers of protocols and of proofs to certificate authorities, by ALPN name. `takeHandshakes` passes each connection of
 * a server that completed its handshake to `take`. Throws `MEZ_SERVICE_TWICE` if two claim the same name, and
 * `MEZ_PART_INVALID` if one claims a name of the core.
 */
export function createNamedServers(
  {
    protocols,
    authorities,
    certificates,
  }: Pick<ListenerOptions, 'protocols' | 'authorities' | 'certificates'>,
  handshakeMs: number,
  takeHandshakes: (server: TlsServer, take: (socket: TLSSocket, info: ConnectionInfo) => void) => void,
): ReadonlyMap<string, NamedServer> {
  const servers = new Map<string, NamedServer>()
  const add = (owner: string, alpn: string, server: NamedServer) => {
    checkAlpn(owner, alpn)
    if (servers.has(alpn))
      throw new MezError('MEZ_SERVICE_TWICE', `two protocols claim the ALPN name "${alpn}"`)
    servers.set(alpn, server)
  }
  for (const protocol of protocols) {
    if (protocol.takes !== 'alpn') continue
    const mutual = createMutualTlsServer(protocol, authorities, handshakeMs)
    takeHandshakes(mutual.server, (socket, info) => {
      if (isTrusted(protocol, socket)) {
        if (protocol.clientAuthority !== null) info.authenticated?.()
        return protocol.accept(socket, info)
      }
      if (protocol.refused) protocol.refused(socket, info)
      else socket.destroy()
    })
    add(protocol.name, protocol.alpn, {
      serves: () => true,
      accept(socket) {
        mutual
          .refresh()
          .then(() => void (socket.destroyed || mutual.server.emit('connection', socket)))
          .catch((error: unknown) => socket.destroy(error as Error))
      },
    })
  }
  for (const [alpn, contextFor] of certificates.proofs()) {
    const server = createServer({
      ALPNProtocols: [alpn],
      SNICallback(host, done) {
        const context = contextFor(host.toLowerCase())
        done(context ? null : new Error(`nothing to prove for ${host}`), context ?? undefined)
      },
      handshakeTimeout: handshakeMs,
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
    // The handshake is the proof: no data follows (RFC 8737, section 3).
    takeHandshakes(server, (socket) => void socket.end())
    add('certificates', alpn, {
      serves: (serverName) => serverName !== null && contextFor(serverName) !== null,
      accept: (socket) => void server.emit('connection', socket),
    })
  }
  return servers
}
