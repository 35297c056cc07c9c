import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000
const ROOT_DAYS = 3_650
/** Browsers refuse certificates of more than 398 days. */
const LEAF_DAYS = 90

/** A certificate and its key, PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
  readonly expires: number
}

/**
 * Creates the root of an authority, valid for ten years, that can only issue certificates for these names and names below
 * them (RFC 5280, section 4.2.1.10): whoever trusts it does not trust it for any other site.
 */
export async function createRoot(names: readonly string[], now: number): Promise<Issued> {
  cryptoProvider.set(webcrypto as Crypto)
  const keys = await newKeys()
  const subject = `CN=Mezite local authority ${randomBytes(4).toString('hex')}`
  const notAfter = new Date(now + ROOT_DAYS * DAY_MS)
  const root = await X509CertificateGenerator.create({
    subject,
    issuer: subject,
    notAfter,
    notBefore: new Date(now - 60_000),
    serialNumber: serial(),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new Extension('2.5.29.30', true, new Uint8Array(permittedNames(names))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: pem(root), key: await exported(keys), expires: notAfter.getTime() }
}

/** Issues a certificate of a server for these names. */
export async function issueLeaf(root: Issued, names: readonly string[], now: number): Promise<Issued> {
  cryptoProvider.set(webcrypto as Crypto)
  const [issuer, keys] = [new X509Certificate(root.cert), await newKeys()]
  const der = PemConverter.decodeFirst(root.key)
  const signingKey = (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])) as CryptoKey
  const notAfter = new Date(Math.min(now + LEAF_DAYS * DAY_MS, root.expires))
  const leaf = await X509CertificateGenerator.create({
    subject: `CN=${names[0]}`,
    issuer: issuer.subject,
    notAfter,
    notBefore: new Date(now - 60_000),
    serialNumber: serial(),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
    ],
  })
  return { cert: `${pem(leaf)}${root.cert}`, key: await exported(keys), expires: notAfter.getTime() }
}

const newKeys = () =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
const pem = (certificate: X509Certificate) => `${certificate.toString('pem').trim()}\n`
const exported = async ({ privateKey }: CryptoKeyPair) =>
  `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')}\n`
/** 16 random bytes, positive. */
const serial = () => `00${randomBytes(16).toString('hex')}`

/** DER of `NameConstraints` with `permittedSubtrees` of DNS names. */
function permittedNames(names: readonly string[]): Buffer {
  const tagged = (tag: number, body: Buffer): Buffer => {
    const { length } = body
    const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
    return Buffer.concat([Buffer.of(tag, ...size), body])
  }
  const subtrees = names.map((name) => tagged(0x30, tagged(0x82, Buffer.from(name, 'ascii'))))
  return tagged(0x30, tagged(0xa0, Buffer.concat(subtrees)))
}
