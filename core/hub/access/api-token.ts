import type { Subject } from '../../api/subject.ts'

/** A credential of a program for the JSON API. Its secret is shown once and stored as a hash. */
export interface ApiToken {
  readonly id: string
  /** Unique. The audit trail calls its holder `token:<name>`. */
  readonly name: string
  readonly roles: readonly string[]
  /** Who made it; it never has a role that this person has not now. */
  readonly creator: string
  /**
   * Who held that name then (`User.holder`), empty for nobody and for the operator: for another holder the token does not
   * count. Null: it is older than this field, and the name alone counts.
   */
  readonly holder: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly expires: number
}

/** API tokens, read from memory; true by the change sequence, so that a removed one counts on no hub any more. */
export interface ApiTokens {
  /** The holder of a bearer token; null: no token of ours, or one that is unknown, expired, removed, or made by an earlier holder of a name. */
  identify(secret: string): Subject | null
}
