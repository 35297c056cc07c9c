import type { User } from '@mezite/core'

/** Issuer of people without an identity provider: their passkey is how they sign in. */
export const LOCAL_ISSUER = 'mezite:local'
/** What a sign-in by passkey has as its connector. */
export const PASSKEY = 'passkey'

export const isLocal = (user: User): boolean => user.identity?.issuer === LOCAL_ISSUER
