import { createHash } from 'node:crypto'

/** The identity behind a name, as what it holds is bound to it: 32 bytes in base64url. */
export function holderOf({ issuer, sub }: { readonly issuer: string; readonly sub: string }): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, sub]))
    .digest('base64url')
}
