import type { X509Certificate } from 'node:crypto'
import { isHostname } from '../../wire/tunnel-protocol.ts'

/**
 * How long an expired certificate can still be renewed by proof of its key, so that agents can return after their hubs
 * were down for longer than the lifetime of a certificate.
 */
export const RENEWAL_GRACE_MS = 7 * 24 * 3_600_000

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
 * Reads the agent's name from a certificate whose key the peer has proved (TLS does that for any certificate). Null: the
 * certificate does not belong to an agent of this cluster. `issuerOf` verifies its signature. The caller checks
 * `notAfter`.
 */
export function readAgentCertificate(
  certificate: X509Certificate | undefined,
  clusterName: string,
  issuerOf: (certificate: X509Certificate) => string | null,
): AgentCertificate | null {
  const found = readCertificate(certificate, `URI:mezite://${clusterName}/agent/`, issuerOf)
  const notAfter = Date.parse(certificate?.validTo ?? '')
  if (!certificate || !found || !isHostname(found.name) || !Number.isFinite(notAfter)) return null
  const serial = certificate.serialNumber.toLowerCase()
  return { hostname: found.name, serial, notAfter, authority: found.authority }
}

/** The name behind `prefix` in a certificate, and the id of the key that signed it. Null: it has none, or nobody signed it. */
export function readCertificate(
  certificate: X509Certificate | undefined,
  prefix: string,
  issuerOf: (certificate: X509Certificate) => string | null,
): { readonly name: string; readonly authority: string } | null {
  // The signature first: Node.js throws for alternative names that a stranger has malformed.
  const authority = certificate ? issuerOf(certificate) : null
  const name = authority === null ? undefined : certificate?.subjectAltName
  return authority !== null && name?.startsWith(prefix)
    ? { name: name.slice(prefix.length), authority }
    : null
}
