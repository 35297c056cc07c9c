import type { X509Certificate } from 'node:crypto'
import type { CertifiedCaller } from '@mezite/core/identity'

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/**
 * Reads who the holder of a certificate is: the person and the session, never what the person may do. TLS has verified its
 * chain to the user CA. Null: it is for another purpose, it is not valid now, it does not belong to a user of this
 * cluster, or `issuerOf` does not know the key that signed it.
 */
export function readUserCertificate(
  certificate: X509Certificate,
  clusterName: string,
  now: number,
  issuerOf: (certificate: X509Certificate) => string | null,
): CertifiedCaller | null {
  if (certificate.ca || issuerOf(certificate) === null) return null
  const { keyUsage } = certificate
  if (keyUsage?.length !== 1 || keyUsage[0] !== CLIENT_AUTH) return null
  const notAfter = Date.parse(certificate.validTo)
  if (!(Date.parse(certificate.validFrom) <= now && now < notAfter)) return null
  const uri = onlyUri(namesOf(certificate))
  const prefix = `mezite://${clusterName}/user/`
  if (!uri?.startsWith(prefix)) return null
  const [, name, sessionId] = /^([^/?#]+)\?session=([0-9a-f-]{36})$/.exec(uri.slice(prefix.length)) ?? []
  if (name === undefined || sessionId === undefined) return null
  try {
    return { kind: 'cert', user: decodeURIComponent(name), sessionId, expires: notAfter }
  } catch {
    return null
  }
}

/** The alternative names; undefined for those that Node.js cannot format, for which it throws. */
function namesOf(certificate: X509Certificate): string | undefined {
  try {
    return certificate.subjectAltName
  } catch {
    return undefined
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
