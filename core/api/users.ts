import { serviceRef } from '../kernel/reference.ts'
import type { Actor } from './audit.ts'
import type { Transaction } from './database.ts'
import type { Change } from './revisions.ts'

/** The pattern of a role's name, for schemas. */
export const ROLE_NAME = '^[a-z0-9][a-z0-9._-]{0,62}$'

/** What the identity provider vouches for about a person; null: it does not. Neither is unique. */
export interface Profile {
  /** The display name. */
  readonly name: string | null
  readonly email: string | null
}

/** A person or machine that the hub knows by name. */
export interface User {
  /** As first presented. Names are compared case-folded after NFKC. */
  readonly name: string
  readonly key: string
  /** Assigned with `users create|update`. */
  readonly ownRoles: readonly string[]
  /** Mapped from claims at the last sign-in. */
  readonly mappedRoles: readonly string[]
  /** The identity that holds the name, or null until the first sign-in. */
  readonly identity: { readonly issuer: string; readonly sub: string } | null
  /**
   * A hash of that identity (32 bytes, base64url). Sessions and passkeys are bound to it, so the next holder of the
   * name gets none of them.
   */
  readonly holder: string | null
  readonly connector: string | null
  /** Since when the mapped role `admin` is one that the provider does not give any more, and that nobody else has. Absent: it is not. */
  readonly adminKept?: number
  /** As of the last sign-in through a provider. Absent: none has vouched for anything. */
  readonly profile?: Profile
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly lastLogin: number | null
}

/** The identity that a provider has just verified, with the roles mapped from its claims. */
export interface SignIn {
  readonly name: string
  readonly issuer: string
  readonly sub: string
  readonly connector: string
  readonly mappedRoles: readonly string[]
  /** Absent: what is stored for this identity stays. */
  readonly profile?: Profile
}

/** User names and their holders: the first identity that presents a name keeps it. */
export interface Users {
  byName(name: string): User | undefined
  list(): readonly User[]
  /** The form in which names are compared: `User.key` of the user with this name. */
  keyOf(name: string): string
  /** Own and mapped roles together, sorted, without duplicates. Empty for an unknown user. */
  rolesOf(name: string): readonly string[]
  /**
   * Claims or confirms the name for this identity and stores the mapped roles.
   * Throws `MEZ_USER_NAME_TAKEN` when another identity holds it, `MEZ_USER_NAME_INVALID` for an invalid name and
   * `MEZ_HOOK_FAILED` when the roles are not a list of names. `stands` runs first in the transaction: if it throws, for
   * example because the connector was removed, nothing is written.
   */
  signIn(input: SignIn, stands?: (trx: Transaction) => Promise<void>): Promise<User>
  /**
   * Like `signIn`, but only for an identity that already holds the name: it does not restore a released or removed name.
   * Rejects with `Problem` 401 `login_required`.
   */
  confirm(input: SignIn, stands?: (trx: Transaction) => Promise<void>): Promise<User>
  /** Like `signIn`, but for a person who is not present: assigns the name and leaves the last login unchanged. */
  claim(input: SignIn): Promise<User>
  /** `User.holder` as the transaction sees it; undefined when there is no such user. */
  holderIn(trx: Transaction, name: string): Promise<string | null | undefined>
  /**
   * Removes the mapped roles of all users who last signed in through this connector, in the change that removes it. Throws `Problem` 409
   * `last_admin`.
   */
  dropMappedRoles(
    trx: Transaction,
    change: Pick<Change, 'touch'>,
    connector: string,
    by?: Actor,
  ): Promise<void>
}

/** A name is taken from the identity that holds it: the user is removed or relinked. */
export interface NameRelease {
  /** Transaction of the change that releases the name; an error rolls it back. */
  readonly trx: Transaction
  readonly change: Pick<Change, 'touch' | 'audit'>
  /** `User.key`. */
  readonly key: string
  readonly by: Actor
}

/** User names and the identities that hold them. */
export const users = serviceRef<Users>('users')
