import { serviceRef } from '../kernel/reference.ts'
import type { Actor } from './audit.ts'
import type { Transaction } from './database.ts'
import type { Change } from './revisions.ts'

/** A person or machine that the hub knows by name. */
export interface User {
  /** As first presented; compared case-folded after NFKC. */
  readonly name: string
  readonly key: string
  /** Given by hand with `users create|update`. */
  readonly ownRoles: readonly string[]
  /** Mapped from claims at the last sign-in. */
  readonly mappedRoles: readonly string[]
  /** The identity that holds the name, or null until the first sign-in. */
  readonly identity: { readonly issuer: string; readonly sub: string } | null
  /** That identity in 32 bytes of base64url: sessions and keys are bound to it, so whoever gets the name next has none of them. */
  readonly holder: string | null
  readonly connector: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly lastLogin: number | null
}

/** Whom a provider has just vouched for, and the roles that its claims map to. */
export interface SignIn {
  readonly name: string
  readonly issuer: string
  readonly sub: string
  readonly connector: string
  readonly mappedRoles: readonly string[]
}

/** User names and who holds them: the first identity that presents a name keeps it. */
export interface Users {
  byName(name: string): User | undefined
  list(): readonly User[]
  /** By which a name is compared: `User.key` of the user who has it. */
  keyOf(name: string): string
  /** Own and mapped roles together, sorted, without duplicates. Empty for an unknown user. */
  rolesOf(name: string): readonly string[]
  /**
   * Takes or confirms the name for this identity and stores the mapped roles.
   * Throws `MEZ_USER_NAME_TAKEN` when another identity holds it, `MEZ_USER_NAME_INVALID` for a bad name and
   * `MEZ_HOOK_FAILED` for roles that are no list of names. `stands` is asked in the transaction, first: when it throws,
   * because what vouched for the person is there no more, say, nothing is written.
   */
  signIn(input: SignIn, stands?: (trx: Transaction) => Promise<void>): Promise<User>
  /**
   * As `signIn`, for somebody who must have the name already: one that was taken away, or removed, is not given back.
   * Rejects with `Problem` 401 `login_required`.
   */
  confirm(input: SignIn): Promise<User>
  /** As `signIn`, for somebody who is not there: the name is given away, and the last login stays what it was. */
  claim(input: SignIn): Promise<User>
  /** `User.holder` as the transaction sees it; undefined when there is no such user. */
  holderIn(trx: Transaction, name: string): Promise<string | null | undefined>
  /** Takes the mapped roles of everybody whom this connector signed in last, in a change that removes it. */
  dropMappedRoles(trx: Transaction, change: Pick<Change, 'touch'>, connector: string): Promise<void>
}

/** A name is taken from the identity that holds it: the user is removed or relinked. */
export interface NameRelease {
  /** The change that does it; an error undoes it. */
  readonly trx: Transaction
  readonly change: Pick<Change, 'touch' | 'audit'>
  /** `User.key`. */
  readonly key: string
  readonly by: Actor
}

/** User names and the identities that hold them. */
export const users = serviceRef<Users>('users')
