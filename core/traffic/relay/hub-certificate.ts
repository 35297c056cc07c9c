import type { X509Certificate } from 'node:crypto'

/** Which hub a certificate belongs to. */
export interface HubCertificate {
  readonly id: string
  /** Id of the key of the hub CA that signed it. */
  readonly authority: string
}

/**
 * Reads the hub's id from a certificate that TLS has verified for a client. Null: it belongs to no hub of this cluster.
 * `issuerOf` verifies its signature by the hub CA.
 */
export function readHubCertificate(
  certificate: X509Certificate | undefined,
  clusterName: string,
  issuerOf: (certificate: X509Certificate) => string | null,
): HubCertificate | null {
  // The signature first: Node.js throws for alternative names that a stranger has malformed.
  const authority = certificate ? issuerOf(certificate) : null
  if (!certificate || authority === null) return null
  const prefix = `URI:mezite://${clusterName}/hub/`
  const name = certificate.subjectAltName
  return name?.startsWith(prefix) ? { id: name.slice(prefix.length), authority } : null
}
