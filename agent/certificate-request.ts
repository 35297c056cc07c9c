import { webcrypto } from 'node:crypto'

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A key and a certificate request that proves possession of it, both in PEM. */
export interface KeyRequest {
  readonly key: string
  readonly csr: string
}

/** Generates a P-256 key and a request for it. */
export async function makeKeyRequest(hostname: string): Promise<KeyRequest> {
  // Loaded here, because an agent that has a valid certificate starts a quarter faster without the library.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto as Crypto)
  const keys = (await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])) as CryptoKeyPair
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [hostname.slice(0, 64)] }],
    keys,
    signingAlgorithm: P256,
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), csr: request.toString('pem') }
}
