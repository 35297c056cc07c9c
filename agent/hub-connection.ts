import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type HubReach, MezError, shakeHands } from '@mezite/core/agent'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

export { connectHub } from '@mezite/core/agent'

/**
 * TLS to a hub of which only the pin is known. Resolves after the hub has proved that an authority with one of
 * the pinned keys issued its certificate; nothing was sent before. Throws `MEZ_PIN_MISMATCH`.
 */
export async function connectPinned(options: HubReach & { readonly caPin: string }): Promise<TLSSocket> {
  const socket = await shakeHands(options, { rejectUnauthorized: false })
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
