import { X509Certificate } from 'node:crypto'

/** What msh reads of a user's certificate. */
export interface CertificateFacts {
  readonly user: string
  readonly cluster: string
  readonly sessionId: string | null
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Reads a user's certificate (PEM); null for anything else. */
export function readUserCertificate(pem: string): CertificateFacts | null {
  try {
    const { subjectAltName = '', validFrom, validTo } = new X509Certificate(pem)
    const names = subjectAltName.replace(/^URI:/, '')
    // Node.js quotes a name that could be mistaken for several.
    const uri = names.startsWith('"') ? String(JSON.parse(names)) : names
    const [, cluster, name, sessionId = null] =
      /^mezite:\/\/([^/]+)\/user\/([^/?#]+)(?:\?session=([0-9a-f-]+))?$/.exec(uri) ?? []
    if (cluster === undefined || name === undefined) return null
    return {
      user: decodeURIComponent(name),
      cluster,
      sessionId,
      notBefore: Date.parse(validFrom),
      notAfter: Date.parse(validTo),
    }
  } catch {
    return null
  }
}
