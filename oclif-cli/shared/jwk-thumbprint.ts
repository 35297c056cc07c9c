import { createHash, type KeyObject } from 'node:crypto'

/** The thumbprint of a public key (RFC 7638, SHA-256), by which both programs name the keys of bots. */
export function jwkThumbprint(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' }) as Readonly<Record<string, string | undefined>>
  const members = ['crv', 'e', 'kty', 'n', 'x', 'y'].filter((name) => jwk[name] !== undefined)
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])))
  return createHash('sha256').update(text).digest('base64url')
}
