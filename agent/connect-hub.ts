import { createHash, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls'
import { hubName, MezError, meziteTls } from '@mezite/core/agent'

const HANDSHAKE_MS = 10_000
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

interface Reach {
  readonly carrier: Duplex
  /** The dialled host: SNI stays what balancers route by. */
  readonly host: string
  readonly alpn: readonly string[]
}

/** TLS to a hub whose authority is known: chain and the hub's own name must verify. */
export function connectHub(
  options: Reach & {
    readonly hubCa: readonly string[]
    readonly clusterName: string
    readonly key: string
    readonly certificate: string
  },
): Promise<TLSSocket> {
  const name = hubName(options.clusterName)
  return handshake(options, {
    ca: [...options.hubCa],
    key: options.key,
    cert: options.certificate,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  })
}

/**
 * TLS to a hub of which only the pin is known. Resolves after the hub has proved that an authority with one of
 * the pinned keys issued its certificate; nothing was sent before. Throws `MEZ_PIN_MISMATCH`.
 */
export async function connectPinned(options: Reach & { readonly caPin: string }): Promise<TLSSocket> {
  const socket = await handshake(options, { rejectUnauthorized: false })
  if (chainHasPin(socket.getPeerX509Certificate(), options.caPin)) return socket
  socket.destroy()
  throw new MezError('MEZ_PIN_MISMATCH', 'the hub does not show the pinned certificate authority')
}

function chainHasPin(leaf: X509Certificate | undefined, caPin: string): boolean {
  const pins = new Set(caPin.split(',').map((pin) => pin.trim().toLowerCase()))
  const authority = leaf?.issuerCertificate
  if (!leaf || !authority?.ca || leaf.ca) return false
  const spki = authority.publicKey.export({ type: 'spki', format: 'der' })
  if (!pins.has(`sha256:${createHash('sha256').update(spki).digest('hex')}`)) return false
  const now = Date.now()
  return (
    leaf.checkIssued(authority) &&
    leaf.verify(authority.publicKey) &&
    Date.parse(leaf.validFrom) <= now &&
    Date.parse(leaf.validTo) > now &&
    (leaf.keyUsage ?? []).includes(SERVER_AUTH) &&
    /^DNS:hub\.[a-z0-9.-]+\.mezite\.internal$/.test(leaf.subjectAltName ?? '')
  )
}

function handshake(reach: Reach, options: ConnectionOptions): Promise<TLSSocket> {
  const { carrier, host, alpn } = reach
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...meziteTls,
      socket: carrier,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: [...alpn],
      ...options,
    })
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      socket.destroy()
      carrier.destroy()
      reject(error)
    }
    const deadline = setTimeout(() => fail(unreachable('no TLS handshake in time')), HANDSHAKE_MS)
    carrier.on('error', fail)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const untrusted = /CERT|VERIFY|ALTNAME|ISSUER/.test(error.code ?? '')
      fail(
        untrusted
          ? new MezError('MEZ_HUB_UNTRUSTED', `the hub's certificate is refused: ${error.message}`)
          : unreachable(error.message),
      )
    })
    socket.once('close', () => fail(unreachable('the hub closed the connection')))
    socket.once('secureConnect', () => {
      if (!socket.alpnProtocol || !alpn.includes(socket.alpnProtocol)) {
        return fail(unreachable('the server does not speak the protocol of Mezite'))
      }
      clearTimeout(deadline)
      resolve(socket)
    })
  })
}

function unreachable(why: string): MezError {
  return new MezError('MEZ_HUB_UNREACHABLE', why)
}
