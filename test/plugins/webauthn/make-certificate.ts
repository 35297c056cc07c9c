import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as Crypto)
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000

export interface MadeCertificate {
  readonly name: string
  readonly der: Buffer
  readonly pem: string
  readonly keys: CryptoKeyPair
}

/** A certificate as the maker of an authenticator has them; self-signed without an issuer. */
export async function makeCertificate(input: {
  readonly name: string
  readonly ca: boolean
  readonly issuer?: Pick<MadeCertificate, 'name' | 'keys'>
  /** Milliseconds from now; default a day ago, and in a year. */
  readonly beginsMs?: number
  readonly endsMs?: number
}): Promise<MadeCertificate> {
  const { name, ca, beginsMs = -DAY_MS, endsMs = 365 * DAY_MS } = input
  const keys = (await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])) as CryptoKeyPair
  const issuer = input.issuer ?? { name, keys }
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: name,
    issuer: issuer.name,
    notBefore: new Date(Date.now() + beginsMs),
    notAfter: new Date(Date.now() + endsMs),
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: EC,
    extensions: [new x509.BasicConstraintsExtension(ca, undefined, true)],
  })
  return { name, der: Buffer.from(made.rawData), pem: made.toString('pem'), keys }
}
