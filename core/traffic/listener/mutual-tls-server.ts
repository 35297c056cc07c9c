import { constants } from 'node:crypto'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { NamedProtocol } from '../../api/protocol.ts'

/** A TLS server for one Mezite protocol. It never listens. */
export interface MutualTlsServer {
  readonly server: Server
  /** Loads the key of the hub, and renewed keys and authorities; cheap if nothing has changed. Call it before each connection. */
  refresh(): Promise<void>
}

type Keys = Pick<Authorities, 'hubIdentity' | 'bundle'>

/**
 * TLS 1.3 with the hub-CA certificate, and with a client certificate if the protocol names an authority. Without
 * tickets, because a ticket outlives the certificate it was created from. The caller must check `isTrusted` before it
 * uses a connection: Node.js itself would close it without a reason.
 */
export function createMutualTlsServer(
  protocol: NamedProtocol,
  authorities: Keys,
  handshakeMs: number,
): MutualTlsServer {
  let options: TlsOptions = {}
  const server = createServer({
    minVersion: 'TLSv1.3',
    ALPNProtocols: [protocol.alpn],
    requestCert: protocol.clientAuthority !== null,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
  })
  return {
    server,
    async refresh() {
      const next = await contextOf(protocol, authorities)
      if (next.key === options.key && next.cert === options.cert && `${next.ca}` === `${options.ca}`) return
      options = next
      server.setSecureContext(next)
    },
  }
}

/** Whether the client has presented the certificate that the protocol requires. */
export function isTrusted(protocol: NamedProtocol, socket: TLSSocket): boolean {
  return protocol.clientAuthority === null || socket.authorized
}

async function contextOf({ clientAuthority }: NamedProtocol, authorities: Keys): Promise<TlsOptions> {
  return {
    ...(await authorities.hubIdentity()),
    ca: clientAuthority === null ? [] : [...authorities.bundle(clientAuthority)],
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}
