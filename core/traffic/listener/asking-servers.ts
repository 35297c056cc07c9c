import { constants } from 'node:crypto'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { ListenerOptions } from './listener-options.ts'

/**
 * The TLS servers for browsers that ask for a client certificate, one for each list of authorities, so that nothing can confuse by
 * which list a certificate was verified. None listens. The handshake succeeds without a certificate too.
 */
export function createAskingServers(
  { browsers, certificates }: Pick<ListenerOptions, 'browsers' | 'certificates'>,
  handshakeMs: number,
  takeHandshakes: (server: TlsServer, take: ListenerOptions['browsers']) => void,
): (authorities: readonly string[]) => TlsServer {
  const servers = new WeakMap<readonly string[], TlsServer>()
  return (authorities) => {
    const known = servers.get(authorities)
    if (known !== undefined) return known
    const contexts = new WeakMap<object, SecureContext>()
    const server = createServer({
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: 'TLSv1.2',
      ca: [],
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      // A ticket outlives the certificate it was created from, and a second handshake could bring another one.
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
      SNICallback(serverName, done) {
        const pair = certificates.shownTo(serverName)
        if (pair === null) return done(new Error(`no certificate for ${serverName}`))
        const context =
          contexts.get(pair) ??
          createSecureContext({ cert: pair.cert, key: pair.key, ca: [...authorities], minVersion: 'TLSv1.2' })
        contexts.set(pair, context)
        done(null, context)
      },
    })
    takeHandshakes(server, (socket, info) =>
      browsers(socket, Object.freeze({ ...info, ...certificateOf(socket, authorities) })),
    )
    servers.set(authorities, server)
    return server
  }
}

function certificateOf(
  socket: TLSSocket,
  authorities: readonly string[],
): Pick<ConnectionInfo, 'certificate' | 'certificateFault'> {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return {}
  // Node.js calls a resumed session authorized without a look at a certificate.
  if (!socket.authorized || socket.isSessionReused())
    return { certificateFault: String(socket.authorizationError ?? 'RESUMED') }
  let [validFrom, validTo] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    validFrom = Math.max(validFrom, next.validFromDate.getTime())
    validTo = Math.min(validTo, next.validToDate.getTime())
  }
  const certificate = {
    subject: (leaf.subject ?? '').replaceAll('\n', ', ').slice(0, 256),
    fingerprint256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    names: Object.freeze(namesIn(leaf.subjectAltName ?? '')),
    ...{ validFrom, validTo, authorities },
  }
  return { certificate: Object.freeze(certificate) }
}

/** Node.js puts a name with a comma or another unusual character between quotes, in the form of JSON: such a name is left out. */
function namesIn(text: string): readonly string[] {
  const entries = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').split(', ')
  return entries.flatMap((entry) => {
    const [, kind, name] = /^(DNS|URI|email):([^"\\]+)$/.exec(entry) ?? []
    if (kind === undefined || name === undefined) return []
    return kind === 'DNS' ? `dns:${name.toLowerCase()}` : `${kind.toLowerCase()}:${name}`
  })
}
