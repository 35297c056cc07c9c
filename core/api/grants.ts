import { serviceRef } from '../kernel/reference.ts'
import type { Actor, AuditInput } from './audit.ts'
import type { RunningChange } from './sessions.ts'

/** A role that somebody has until a time. */
export interface Grant {
  /** UUIDv7; records of what the role was used for have it as `grant_id`. */
  readonly id: string
  /** Name of the account. */
  readonly user: string
  readonly role: string
  /** UUIDs of the only apps where the role counts; null: wherever an assigned role does. */
  readonly apps: readonly string[] | null
  /** Milliseconds since the epoch. */
  readonly started: number
  readonly until: number
}

/** A grant to start. */
export interface NewGrant extends Pick<Grant, 'user' | 'role' | 'until'> {
  readonly apps?: readonly string[] | null
  /** More fields of the event `grant.started`. */
  readonly fields?: AuditInput['fields']
}

/**
 * Roles for a time. A live grant is part of its account's roles in each decision, in what apps are told and in each record, on
 * every hub; deny rules and locks win over it, as over every role. At its end, streams that depend on it are cut within a
 * second, also by a hub that was restarted meanwhile. It ends with the account and with its holder.
 */
export interface Grants {
  /**
   * Starts a grant, recorded as `grant.started`. Throws `Problem` 404 `user_not_found` for an unknown account and 400
   * `grant_invalid` for a role that has no valid name, an end that is not in the future, or without somebody who gives it.
   */
  start(grant: NewGrant, by: Actor, within?: RunningChange): Promise<Grant>
  /**
   * Ends live grants on all hubs, recorded as `grant.ended` with the reason code and `fields`. Resolves to those that were
   * live.
   */
  end(
    ids: readonly string[],
    reason: string,
    by: Actor | null,
    options?: { readonly within?: RunningChange; readonly fields?: AuditInput['fields'] },
  ): Promise<readonly Grant[]>
  /** The live grants of an account, or of all accounts, oldest first. Read from memory. */
  list(user?: string): readonly Grant[]
}

/** Grants roles for a time. */
export const grants = serviceRef<Grants>('grants')
