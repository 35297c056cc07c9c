import { createHash } from 'node:crypto'
import type { User } from '@mezite/core'

/** Issuer of people without an identity provider: their passkey is how they sign in. */
export const LOCAL_ISSUER = 'mezite:local'
/** What a sign-in by passkey has as its connector. */
export const PASSKEY = 'passkey'

export const isLocal = (user: User): boolean => user.identity?.issuer === LOCAL_ISSUER

/**
 * The identity behind a name, as keys are bound to it: 32 bytes in base64url, also the WebAuthn user handle.
 * Null while nobody has taken the name.
 */
export function holderOf({ identity }: User): string | null {
  if (identity === null) return null
  return createHash('sha256')
    .update(JSON.stringify([identity.issuer, identity.sub]))
    .digest('base64url')
}
