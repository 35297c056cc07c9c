import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { MezError, messageOf } from '../../kernel/error.ts'

export interface KeyPairFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** A certificate chain with its key, checked to match. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
  readonly leaf: X509Certificate
  readonly context: SecureContext
  /** DNS names of the leaf, as written. */
  readonly sans: readonly string[]
}

/**
 * Throws `MEZ_CERTIFICATE_INVALID` if a file cannot be read or is not PEM, if the key does not match the certificate, or
 * if every user of the machine can read the key.
 */
export async function readKeyPair({ certFile, keyFile }: KeyPairFiles): Promise<KeyPair> {
  try {
    const [cert, key, { mode }] = await Promise.all([
      readFile(certFile, 'utf8'),
      readFile(keyFile, 'utf8'),
      stat(keyFile),
    ])
    if ((mode & 0o007) !== 0)
      throw new Error(`every user of this machine can read ${keyFile}; run chmod o= ${keyFile}`)
    return makeKeyPair(cert, key)
  } catch (cause) {
    const message = `the certificate ${certFile} with key ${keyFile} cannot be used: ${messageOf(cause)}`
    throw new MezError('MEZ_CERTIFICATE_INVALID', message, { cause })
  }
}

/** Throws the error of OpenSSL, or a clear message if the two files are swapped. */
export function makeKeyPair(cert: string, key: string): KeyPair {
  if (!cert.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error('the certificate file does not contain a PEM certificate')
  if (!key.includes('PRIVATE KEY-----')) throw new Error('the key file does not contain a PEM private key')
  const leaf = new X509Certificate(cert)
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not match the certificate')
  const context = createSecureContext({ cert, key, minVersion: 'TLSv1.2' })
  return { cert, key, leaf, context, sans: dnsNames(leaf) }
}

/** Whether the certificate covers the host, exactly or as one label under a wildcard; ignores the subject. */
export function namesHost({ leaf }: KeyPair, host: string): boolean {
  return leaf.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined
}

function dnsNames(leaf: X509Certificate): readonly string[] {
  return (leaf.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice(4).toLowerCase())
}
