import type { Duplex } from 'node:stream'
import { createServer, type TLSSocket } from 'node:tls'
import type { Authorities, AuthorityName } from '../api/certificate-authorities.ts'
import { meziteTls } from './tunnel-protocol.ts'

export const HANDSHAKE_MS = 10_000

/**
 * Runs the server side of TLS on a raw byte stream, with the hub's own certificate. Each connection has its own server, so
 * that renewed certificates take effect at once and strangers share no state. Calls exactly one of `secured` and
 * `failed`; the stream is destroyed before `failed` is called.
 */
export function acceptTls(
  raw: Duplex,
  options: {
    readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity'>
    readonly alpn: string
    /** Signs the certificates of clients; default: the agent CA. */
    readonly authority?: AuthorityName
    /** `required`: the client must show a certificate of the authority. `optional`: it may show any; the caller checks it. */
    readonly agentCertificate: 'required' | 'optional'
    readonly secured: (socket: TLSSocket) => void
    readonly failed: (error: Error) => void
  },
): void {
  const { authorities, alpn, agentCertificate, authority = 'agent-ca' } = options
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
  const deadline = setTimeout(() => fail(new Error('handshake timed out')), HANDSHAKE_MS)
  const secure = (identity: { readonly key: string; readonly cert: string }): void => {
    if (over) return
    const server = createServer({
      ...meziteTls,
      ...identity,
      ALPNProtocols: [alpn],
      handshakeTimeout: HANDSHAKE_MS,
      requestCert: true,
      rejectUnauthorized: false,
      ca: [...authorities.bundle(authority)],
    })
    server.on('tlsClientError', fail)
    server.on('error', fail)
    server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy())
      if (over) return void socket.destroy()
      if (socket.alpnProtocol !== alpn) return fail(new Error('no common ALPN name'))
      // Checked here, because Node.js would destroy the socket without a reason.
      if (agentCertificate === 'required' && !socket.authorized) {
        fail(new Error(`certificate refused: ${socket.authorizationError}`, { cause: 'certificate' }))
        return
      }
      over = true
      clearTimeout(deadline)
      options.secured(socket)
    })
    server.emit('connection', raw)
  }
  authorities.hubIdentity().then(secure).catch(fail)
}

/** The connections of agents that are open, TLS and all. */
export function createCarriers() {
  const open = new Set<Duplex>()
  return {
    /** Keeps a new connection until it closes. */
    add(raw: Duplex): void {
      raw.on('error', () => raw.destroy())
      open.add(raw)
      raw.once('close', () => open.delete(raw))
    },
    destroy(): void {
      for (const raw of open) raw.destroy()
    },
  }
}
