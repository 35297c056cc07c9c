import type { Duplex } from 'node:stream'
import { createServer, type TLSSocket } from 'node:tls'
import type { Authorities, AuthorityName } from '../../api/certificate-authorities.ts'
import { meziteTls } from '../../wire/tunnel-protocol.ts'

export const HANDSHAKE_MS = 10_000

/**
 * Runs the server's half of TLS on a raw byte stream, with the hub's own certificate. A server for each
 * connection, so that renewed certificates count at once and nothing is shared between strangers. Calls
 * exactly one of `secured` and `failed`; `failed` has destroyed the stream.
 */
export function receiveTls(
  raw: Duplex,
  options: {
    readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity'>
    readonly alpn: string
    /** Demand a certificate of this authority. */
    readonly clientAuthority: AuthorityName | null
    readonly secured: (socket: TLSSocket) => void
    readonly failed: (error: Error) => void
  },
): void {
  const { authorities, alpn, clientAuthority } = options
  let over = false
  const fail = (error: Error): void => {
    raw.destroy()
    if (over) return
    over = true
    clearTimeout(deadline)
    options.failed(error)
  }
  raw.on('error', fail)
  raw.once('close', () => fail(new Error('closed during the handshake')))
  const deadline = setTimeout(() => fail(new Error('no handshake in time')), HANDSHAKE_MS)
  const server = createServer({
    ...meziteTls,
    ...authorities.hubIdentity(),
    ALPNProtocols: [alpn],
    handshakeTimeout: HANDSHAKE_MS,
    ...(clientAuthority
      ? { requestCert: true, rejectUnauthorized: false, ca: [...authorities.bundle(clientAuthority)] }
      : {}),
  })
  server.on('tlsClientError', fail)
  server.on('error', fail)
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy())
    if (over) return void socket.destroy()
    if (socket.alpnProtocol !== alpn) return fail(new Error('no ALPN name of ours'))
    // Judged here, since Node.js destroys the socket without telling why.
    if (clientAuthority && !socket.authorized) {
      fail(new Error(`certificate refused: ${socket.authorizationError}`, { cause: 'certificate' }))
      return
    }
    over = true
    clearTimeout(deadline)
    options.secured(socket)
  })
  server.emit('connection', raw)
}
