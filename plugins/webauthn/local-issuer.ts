import type { User } from '@mezite/core'

/** Issuer of people without an identity provider, who sign in with a passkey. */
export const LOCAL_ISSUER = 'mezite:local'
/** The connector name of a sign-in by passkey. */
export const PASSKEY = 'passkey'

export const isLocal = (user: User): boolean => user.identity?.issuer === LOCAL_ISSUER
