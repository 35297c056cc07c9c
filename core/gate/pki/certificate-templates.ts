import { createHash, KeyObject, randomBytes, webcrypto, type X509Certificate } from 'node:crypto'
import type { PublicKeyType, X509Certificate as WrittenCertificate } from '@peculiar/x509'
import { loadX509 } from '../../base/x509/x509-library.ts'

export const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** Certificates are valid from this long ago, for clients whose clock is slightly behind. */
const SKEW_MS = 5 * 60_000
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** A signing key with its certificate. */
export interface Signer {
  /** PEM. */
  readonly certificate: string
  readonly key: CryptoKey
}

/** Generates a P-256 key pair with an exportable private key. */
export function newKeyPair(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
}

/** A private key in PEM (PKCS #8). */
export async function pemOf(key: CryptoKey): Promise<string> {
  return KeyObject.from(key as webcrypto.CryptoKey)
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
}

/** Creates a self-signed authority that can only sign leaf certificates. */
export async function makeAuthority(name: string, clusterName: string, now: number, lifeMs: number) {
  const [x509, keys] = await Promise.all([loadX509(), newKeyPair()])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [`Mezite ${name}`] }, { O: [clusterName] }],
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(now + lifeMs),
    signingAlgorithm: P256,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate, keys }
}

export interface LeafRequest {
  readonly publicKey: PublicKeyType
  readonly commonName: string
  readonly purpose: 'server' | 'client'
  readonly names: readonly { readonly type: 'dns' | 'url'; readonly value: string }[]
  readonly notBefore: number
  /** Milliseconds since the epoch; never later than the authority's own. */
  readonly notAfter: number
}

/** Signs a leaf certificate with exactly one purpose. */
export async function makeLeaf(signer: Signer, leaf: LeafRequest): Promise<WrittenCertificate> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(signer.certificate)
  return x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [leaf.commonName.slice(0, 64)] }],
    issuer: issuer.subjectName,
    notBefore: new Date(leaf.notBefore - SKEW_MS),
    notAfter: new Date(Math.min(leaf.notAfter, issuer.notAfter.getTime())),
    signingAlgorithm: P256,
    publicKey: leaf.publicKey,
    signingKey: signer.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.purpose === 'server' ? SERVER_AUTH : CLIENT_AUTH], true),
      new x509.SubjectAlternativeNameExtension([...leaf.names], false),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
}

/** `sha256:` + hex of a certificate's SubjectPublicKeyInfo. */
export function spkiPin({ publicKey }: X509Certificate): string {
  const hash = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }))
  return `sha256:${hash.digest('hex')}`
}

/** 16 random bytes: the first bit is 0 so that the serial is positive, the second is 1 so that it keeps its length. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
