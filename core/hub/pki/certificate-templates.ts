import 'reflect-metadata'
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as Crypto)

export const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** Certificates are valid from this long ago, for clients whose clock is slightly behind. */
const SKEW_MS = 5 * 60_000
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** A signing key with its certificate. */
export interface Signer {
  readonly certificate: x509.X509Certificate
  readonly key: CryptoKey
}

/** Generates a P-256 key pair with an exportable private key. */
export function newKeyPair(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
}

/** Creates a self-signed authority that can only sign leaf certificates. */
export async function makeAuthority(name: string, clusterName: string, now: number, lifeMs: number) {
  const keys = await newKeyPair()
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
  readonly publicKey: x509.PublicKeyType
  readonly commonName: string
  readonly purpose: 'server' | 'client'
  readonly names: readonly { readonly type: 'dns' | 'url'; readonly value: string }[]
  readonly notBefore: number
  /** Milliseconds since the epoch; never later than the authority's own. */
  readonly notAfter: number
}

/** Signs a leaf certificate with exactly one purpose. */
export async function makeLeaf(signer: Signer, leaf: LeafRequest): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [leaf.commonName.slice(0, 64)] }],
    issuer: signer.certificate.subjectName,
    notBefore: new Date(leaf.notBefore - SKEW_MS),
    notAfter: new Date(Math.min(leaf.notAfter, signer.certificate.notAfter.getTime())),
    signingAlgorithm: P256,
    publicKey: leaf.publicKey,
    signingKey: signer.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.purpose === 'server' ? SERVER_AUTH : CLIENT_AUTH], true),
      new x509.SubjectAlternativeNameExtension([...leaf.names], false),
      await x509.AuthorityKeyIdentifierExtension.create(signer.certificate),
    ],
  })
}

/** `sha256:` + hex of a certificate's SubjectPublicKeyInfo. */
export function spkiPin(certificate: x509.X509Certificate): string {
  const hash = createHash('sha256').update(Buffer.from(certificate.publicKey.rawData))
  return `sha256:${hash.digest('hex')}`
}

/** 16 random bytes: the first bit is 0 so that the serial is positive, the second is 1 so that it keeps its length. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
