import { constants } from 'node:crypto'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { NamedProtocol } from '../../api/protocol.ts'

type Keys = Pick<Authorities, 'hubIdentity' | 'bundle'>

/**
 * A TLS server for one Mezite protocol, which never listens: TLS 1.3 with the hub-CA certificate, and with a client certificate if the protocol names an authority. Without
 * tickets, because a ticket outlives the certificate it was created from. The caller must check `isTrusted` before it
 * uses a connection: Node.js itself would close it without a reason.
 */
export function createMutualTlsServer(protocol: NamedProtocol, authorities: Keys, handshakeMs: number) {
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
    /** Loads the key of the hub, and renewed keys and authorities; cheap if nothing has changed. Call it before each connection. */
    async refresh(): Promise<void> {
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
