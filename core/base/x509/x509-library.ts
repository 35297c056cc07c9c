import { webcrypto } from 'node:crypto'

/** Loads the library that writes certificates and reads requests for them: 250 modules, which a start does without. */
export async function loadX509() {
  // The library needs it when it loads.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto as Crypto)
  return x509
}
