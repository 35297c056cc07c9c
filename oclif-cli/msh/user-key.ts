import { generateKeyPairSync, X509Certificate } from 'node:crypto'

/** A fresh P-256 key: `key` (PKCS #8) stays on this machine, `publicKey` (SubjectPublicKeyInfo) goes to the hub. Both PEM. */
export function makeUserKey(): { readonly key: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { key: privateKey, publicKey }
}

/** What a user's certificate says. */
export interface CertificateFacts {
  readonly user: string
  readonly cluster: string
  readonly sessionId: string | null
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

/** Reads a user's certificate (PEM). Null: it is something else. */
export function readUserCertificate(pem: string): CertificateFacts | null {
  try {
    const { subjectAltName = '', validTo } = new X509Certificate(pem)
    const names = subjectAltName.replace(/^URI:/, '')
    // Node.js quotes a name that could be taken for several.
    const uri = names.startsWith('"') ? String(JSON.parse(names)) : names
    const [, cluster, name, sessionId = null] =
      /^mezite:\/\/([^/]+)\/user\/([^/?#]+)(?:\?session=([0-9a-f-]+))?$/.exec(uri) ?? []
    if (cluster === undefined || name === undefined) return null
    return { user: decodeURIComponent(name), cluster, sessionId, notAfter: Date.parse(validTo) }
  } catch {
    return null
  }
}
