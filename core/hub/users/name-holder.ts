import { createHash } from 'node:crypto'

/** The identity behind a name: 32 bytes in base64url. Sessions and passkeys are bound to it. */
export function holderOf({ issuer, sub }: { readonly issuer: string; readonly sub: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, sub]))
    .digest('base64url')
}
