import type { Pkcs10CertificateRequest } from '@peculiar/x509'
import { loadX509 } from '../../base/x509/x509-library.ts'
import { MezError } from '../../kernel/error.ts'

const CSR_BYTES = 8 * 1024

/**
 * Reads a CSR and verifies that its sender has the key, which must be P-256. Ignores all requested attributes. Throws
 * `MEZ_CSR_INVALID`.
 */
export async function verifiedRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  const refuse = (what: string, cause?: unknown) =>
    new MezError('MEZ_CSR_INVALID', `the certificate request ${what}`, { cause })
  if (pem.length > CSR_BYTES) throw refuse('is too long')
  const x509 = await loadX509()
  let request: Pkcs10CertificateRequest
  let verified: boolean
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
    const { name, namedCurve } = request.publicKey.algorithm as EcKeyAlgorithm
    if (name !== 'ECDSA' || namedCurve !== 'P-256') throw refuse('does not have a P-256 key')
    verified = await request.verify()
  } catch (error) {
    throw error instanceof MezError ? error : refuse('cannot be read', error)
  }
  if (!verified) throw refuse('is not signed by its own key')
  return request
}
