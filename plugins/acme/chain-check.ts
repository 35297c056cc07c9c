import { createPrivateKey, X509Certificate } from 'node:crypto'

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const MOST_CERTIFICATES = 10
/** Clocks of hub and authority may differ. */
const SKEW_MS = 3_600_000

/** The names of a certificate, in lower case. Throws an `Error` for a malformed list of names, which Node.js cannot format. */
export function namesOf(certificate: X509Certificate): string[] {
  let names: string | undefined
  try {
    names = certificate.subjectAltName
  } catch {
    throw new Error('the names in the certificate (subjectAltName) are malformed')
  }
  return (names ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice(4).toLowerCase())
}

/** Common name of the issuer, or the whole of its name. */
export const issuerOf = ({ issuer }: X509Certificate): string => /^CN=(.+)$/m.exec(issuer)?.[1] ?? issuer

/**
 * Returns the chain, the leaf first, in PEM and nothing else. Throws an `Error` that says why no browser would take it: wrong
 * key or names, a chain that does not hold together, dates.
 */
export function checkedChain(
  text: string,
  {
    key,
    now,
    names = null,
  }: { readonly key: string; readonly now: number; readonly names?: readonly string[] | null },
): { readonly cert: string; readonly leaf: X509Certificate } {
  const blocks = text.match(PEM) ?? []
  if (blocks.length === 0) throw new Error('there is no certificate in PEM')
  if (blocks.length > MOST_CERTIFICATES) throw new Error(`the chain has ${blocks.length} certificates`)
  const chain = blocks.map((block) => new X509Certificate(block))
  const leaf = chain[0]!
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the certificate is for another key')
  const has = namesOf(leaf)
  const missing = (names ?? []).filter((name) => !has.includes(name))
  if (missing.length > 0) throw new Error(`the certificate does not name ${missing.join(', ')}`)
  const foreign = names === null ? [] : has.filter((name) => !names.includes(name))
  if (foreign.length > 0) throw new Error(`the certificate also names ${foreign.join(', ')}`)
  for (const [at, one] of chain.entries()) {
    const issuer = chain[at + 1]
    if (issuer && !(issuer.ca && one.checkIssued(issuer) && one.verify(issuer.publicKey)))
      throw new Error(`certificate ${at + 2} of the chain did not issue the one before it`)
    if (one.validToDate.getTime() <= now) throw new Error('the certificate or its chain has expired')
    if (one.validFromDate.getTime() > now + SKEW_MS) throw new Error('the certificate is not valid yet')
  }
  return { cert: `${blocks.join('\n')}\n`, leaf }
}
