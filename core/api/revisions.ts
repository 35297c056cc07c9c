import { serviceRef } from '../kernel/reference.ts'
import type { Actor, AuditInput } from './audit.ts'
import type { Transaction } from './database.ts'

/** The kind of data that a change touched; views refresh only the touched data. */
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

/** The body of `Revisions.write` describes its change with this. */
export interface Change {
  /** The row with this key was written or deleted. */
  touch(kind: ChangeKind, key: string): void
  /**
   * The row with this key changed in a way that affects no decision: a change that does nothing else leaves
   * `Revisions.revision`, and so every cached decision, unchanged.
   */
  noted(kind: ChangeKind, key: string): void
  /**
   * Records an administrative event at the end of the change; if this fails, the change fails too. Sinks outside the
   * database get it after the commit.
   */
  audit(event: AuditInput): Promise<void>
}

/**
 * A copy of access data in memory. Both loaders only read, and return a function that swaps in the result. All views
 * are swapped together, synchronously, after the reading transaction has ended.
 */
export interface View {
  readonly name: string
  readonly kinds: readonly ChangeKind[]
  loadAll(trx: Transaction): Promise<() => void>
  /** Reads the touched keys; keys that no longer exist must be removed from the copy. */
  refresh(trx: Transaction, touched: ReadonlyMap<ChangeKind, ReadonlySet<string>>): Promise<() => void>
}

/**
 * The history of access data, from which every hub learns of revocations. Every transaction that changes access data
 * must use `write`.
 */
export interface Revisions {
  /** Number of the last applied change that can alter a decision (opening a session cannot). */
  readonly revision: number
  /** The database is embedded, so there is no other hub. */
  readonly alone: boolean
  /**
   * Runs `change` in a transaction that adds a revision. When `write` resolves, this hub's views include the change. The
   * changes of all hubs run one after another, so data read inside a change stays valid until the commit. Sessions are opened
   * meanwhile, but not while a change runs that has called `Sessions.listIn` or `Sessions.forget`.
   *
   * Run every query of the change on `trx`: `database` and another `write` reject with `MEZ_TRANSACTION_BYPASSED` there.
   * Rejects with `MEZ_DATABASE_UNAVAILABLE`, and rolls back, when the change takes longer than 8 s, or when waiting for
   * other changes or for the database times out.
   *
   * `by` is the caller. Once all earlier changes are known, `by.stillMay` is called; if it rejects, the change does not
   * run and `write` rejects with the same error. `by.within` is called after `change`, in its transaction.
   */
  write<T>(change: (trx: Transaction, change: Change) => Promise<T>, by?: Actor | null): Promise<T>
  addView(view: View): void
  /** The listener is called after views have swapped, with the touched keys, or with null if everything may have changed. */
  onApplied(listener: (touched: ReadonlyMap<ChangeKind, ReadonlySet<string>> | null) => void): void
  /** Milliseconds since the start of the last successful read: the larger value of the wall and the monotonic clock. */
  ageMs(): number
  /** True if `ageMs()` is within the limit for new decisions (5 s). */
  fresh(): boolean
  /** Reads now; overlapping calls share one read. */
  catchUp(): Promise<void>
}

/** The change sequence, for all reads and writes of access data. */
export const revisions = serviceRef<Revisions>('revisions')
