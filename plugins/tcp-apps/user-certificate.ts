import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** The content of a user's certificate: the person and the session, never what the person may do. */
export interface UserCertificate {
  readonly user: string
  readonly sessionId: string
  /** Milliseconds since the epoch. */
  readonly notAfter: number
  /** Id of the key of the user CA that signed it. */
  readonly authority: string
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/**
 * Reads who the peer is from its certificate. Null: TLS did not verify its chain to the user CA, it is for another
 * purpose, it is not valid now, or it does not belong to a user of this cluster. `issuerOf` finds the key that signed it.
 */
export function readUserCertificate(
  socket: TLSSocket,
  clusterName: string,
  now: number,
  issuerOf: (certificate: X509Certificate) => string | null,
): UserCertificate | null {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate || !socket.authorized || certificate.ca) return null
  const { keyUsage } = certificate
  if (keyUsage?.length !== 1 || keyUsage[0] !== CLIENT_AUTH) return null
  const notAfter = Date.parse(certificate.validTo)
  if (!(Date.parse(certificate.validFrom) <= now && now < notAfter)) return null
  const uri = onlyUri(certificate.subjectAltName)
  const prefix = `mezite://${clusterName}/user/`
  if (!uri?.startsWith(prefix)) return null
  const [, name, sessionId] = /^([^/?#]+)\?session=([0-9a-f-]{36})$/.exec(uri.slice(prefix.length)) ?? []
  if (name === undefined || sessionId === undefined) return null
  const authority = issuerOf(certificate)
  if (authority === null) return null
  try {
    return { user: decodeURIComponent(name), sessionId, notAfter, authority }
  } catch {
    return null
  }
}

/** The one URI of the alternative names; Node.js quotes what could be taken for several. */
function onlyUri(names: string | undefined): string | null {
  if (!names?.startsWith('URI:')) return null
  const text = names.slice('URI:'.length)
  if (!text.startsWith('"')) return text.includes(', ') ? null : text
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}
