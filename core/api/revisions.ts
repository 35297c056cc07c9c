import { serviceRef } from '../kernel/reference.ts'
import type { Actor, AuditInput } from './audit.ts'
import type { Transaction } from './database.ts'

/** The kind of data that a change touched; views refresh only what was touched. */
export type ChangeKind =
  | 'app'
  | 'role'
  | 'user'
  | 'session'
  | 'lock'
  | 'agent'
  | 'connector'
  | 'key'
  | (string & {})

/** How the body of `Revisions.write` describes what it does. */
export interface Change {
  /** The row with this key was written or deleted. */
  touch(kind: ChangeKind, key: string): void
  /**
   * A session with this key was opened: it only adds, so every earlier decision still holds. Views of the kind `session`
   * are notified as with `touch('session', key)`; a change that does nothing else leaves `Revisions.revision`, and with it
   * every cached decision, as it was.
   */
  opened(key: string): void
  /** The row with this key was written in a way that no decision depends on: `Revisions.revision` stays, as above. */
  noted(kind: ChangeKind, key: string): void
  /**
   * Records an administrative event at the end of the change: when that fails, so does the change. Sinks outside the
   * database get it after the commit.
   */
  audit(event: AuditInput): Promise<void>
}

/**
 * A copy of access data in memory. Both loaders only read, and return a function that swaps the result in. All views swap
 * together, synchronously, after the reading transaction has ended.
 */
export interface View {
  readonly name: string
  readonly kinds: readonly ChangeKind[]
  loadAll(trx: Transaction): Promise<() => void>
  /** Reads the touched keys; a key that no longer exists must leave the copy. */
  refresh(trx: Transaction, touched: ReadonlyMap<ChangeKind, ReadonlySet<string>>): Promise<() => void>
}

/**
 * The history of access data, through which every hub learns what was revoked. Every transaction that changes access data
 * goes through `write`.
 */
export interface Revisions {
  /** Number of the last change that this hub has applied and that can alter a decision (opening a session cannot). */
  readonly revision: number
  /** The database is embedded, so there is no other hub. */
  readonly alone: boolean
  /**
   * Runs `change` in a transaction that adds a revision. When it resolves, this hub's views include the change. Changes of
   * all hubs run one after another, so data read inside stays true until the commit.
   *
   * Run every query of the change on `trx`: `database` and another `write` reject with `MEZ_TRANSACTION_BYPASSED` there.
   * Rejects with `MEZ_DATABASE_UNAVAILABLE`, and rolls back, when the change takes longer than 8 s; likewise when its turn
   * does not come, or the database does not respond, in time.
   *
   * `by` is the caller. Once all earlier changes are known, `by.stillMay` must resolve; if it rejects, nothing is changed
   * and `write` rejects with the same error.
   */
  write<T>(change: (trx: Transaction, change: Change) => Promise<T>, by?: Actor | null): Promise<T>
  addView(view: View): void
  /** The listener is called after views have swapped, with the touched keys, or with null if everything may have changed. */
  onApplied(listener: (touched: ReadonlyMap<ChangeKind, ReadonlySet<string>> | null) => void): void
  /** Milliseconds since the start of the last successful read, by the wall or monotonic clock, whichever gives more. */
  ageMs(): number
  /** `ageMs()` is within the limit for new decisions (5 s). */
  fresh(): boolean
  /** Reads now; overlapping calls share one read. */
  catchUp(): Promise<void>
}

/** The change sequence: access data is read and written through it. */
export const revisions = serviceRef<Revisions>('revisions')
