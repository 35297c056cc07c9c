/** The authorities of a stand-in for a hub: one for the hub, one for users. */
import { createPublicKey, webcrypto } from 'node:crypto'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
x509.cryptoProvider.set(webcrypto as never)

export interface Authority {
  /** PEM. */
  readonly pem: string
  /** A certificate for the names, with a fresh key; both PEM. */
  server(names: readonly string[]): Promise<{ cert: string; key: string }>
  /** A certificate for a user's public key (SubjectPublicKeyInfo, PEM). */
  user(publicKey: string, uri: string, notAfter: number): Promise<string>
}

export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys: keys as never,
    signingAlgorithm: P256,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const issue = (
    publicKey: unknown,
    notAfter: number,
    usage: string,
    san: { type: string; value: string }[],
  ) =>
    x509.X509CertificateGenerator.create({
      subject: `CN=${name} subject`,
      issuer: ca.subject,
      publicKey: publicKey as never,
      signingKey: keys.privateKey as never,
      signingAlgorithm: P256,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(notAfter),
      extensions: [
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension(san as never),
      ],
    })
  return {
    pem: ca.toString('pem'),
    async server(names) {
      const pair = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])
      const san = names.map((value) => ({ type: 'dns', value }))
      const cert = await issue(pair.publicKey, Date.now() + 3_600_000, x509.ExtendedKeyUsage.serverAuth, san)
      const key = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey)
      return { cert: cert.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
    },
    async user(publicKey, uri, notAfter) {
      const spki = createPublicKey(publicKey).export({ type: 'spki', format: 'der' })
      const key = new x509.PublicKey(spki)
      const cert = await issue(key, notAfter, x509.ExtendedKeyUsage.clientAuth, [{ type: 'url', value: uri }])
      return cert.toString('pem')
    },
  }
}
