import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { isHostname } from '../../wire/tunnel-protocol.ts'

export interface AgentCertificate {
  readonly hostname: string
  /** Lower-case hex. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** Id of the key of the agent CA that signed it. */
  readonly authority: string
}

/**
 * Reads who the peer is from its certificate, whose chain TLS has verified. Null: it is no certificate of an
 * agent of this cluster. `issuerOf` finds the key that signed it.
 */
export function readAgentCertificate(
  socket: TLSSocket,
  clusterName: string,
  issuerOf: (certificate: X509Certificate) => string | null,
): AgentCertificate | null {
  const certificate = socket.getPeerX509Certificate()
  const prefix = `URI:mezite://${clusterName}/agent/`
  const name = certificate?.subjectAltName
  if (!certificate || !socket.authorized || !name?.startsWith(prefix)) return null
  const hostname = name.slice(prefix.length)
  const notAfter = Date.parse(certificate.validTo)
  if (!isHostname(hostname) || !Number.isFinite(notAfter)) return null
  const authority = issuerOf(certificate)
  if (authority === null) return null
  return { hostname, serial: certificate.serialNumber.toLowerCase(), notAfter, authority }
}
