import { serviceRef } from '../kernel/reference.ts'
import type { Actor, AuditInput } from './audit.ts'
import type { Transaction } from './database.ts'

/** What a change has touched; readers refresh just these. */
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

/** What a transaction of `Revisions.write` says about itself. */
export interface Change {
  /** Says that the row with this key was written or deleted. */
  touch(kind: ChangeKind, key: string): void
  /**
   * Says that a session with this key was opened: it only adds, so no decision that was made before can be wrong now.
   * Views of the kind `session` hear of it like of `touch('session', key)`; a change that does nothing else leaves the
   * epoch, and with it every cached decision, as it was.
   */
  opened(key: string): void
  /** Says that the row with this key was written, in a way that no decision depends on: the epoch stays, as above. */
  noted(kind: ChangeKind, key: string): void
  /**
   * Records an administrative event with the change, at its end: when that fails, so does the change. Sinks outside the
   * database get it after the commit.
   */
  audit(event: AuditInput): Promise<void>
}

/**
 * A copy in memory of access data. Both loaders only read and return a function that swaps the result in;
 * all views swap together, synchronously, after the reading transaction has ended.
 */
export interface View {
  readonly name: string
  readonly kinds: readonly ChangeKind[]
  loadAll(trx: Transaction): Promise<() => void>
  /** Keys that were touched; a key that is no longer there must leave the copy. */
  refresh(trx: Transaction, touched: ReadonlyMap<ChangeKind, ReadonlySet<string>>): Promise<() => void>
}

/**
 * The change sequence: how every hub knows what is revoked.
 * Every transaction that changes access data goes through `write`.
 */
export interface Revisions {
  /** Number of the last change that this hub has applied and that can alter a decision (session openings do not). */
  readonly revision: number
  /** The database is embedded: no other hub can have it open. */
  readonly alone: boolean
  /**
   * Runs `change` in a transaction that advances the sequence. When it resolves, this hub's views include it.
   * Inside, use `trx` only: anything else, another `write` included, deadlocks on the embedded database.
   * Changes of all hubs run one after another, so what is read inside stays true until the commit. Rejects with
   * `MEZ_DATABASE_UNAVAILABLE` when the turn does not come or the database does not answer in time.
   *
   * `by` is who asks for it: when the turn has come, and every change before this one is known, they must still be who
   * may; else nothing is changed, and it rejects with what `by.stillMay` does.
   */
  write<T>(change: (trx: Transaction, change: Change) => Promise<T>, by?: Actor | null): Promise<T>
  addView(view: View): void
  /** Called after views have swapped, with what was touched; null: everything may have changed. */
  onApplied(listener: (touched: ReadonlyMap<ChangeKind, ReadonlySet<string>> | null) => void): void
  /** Milliseconds since the start of the last successful read, by the clock that says more. */
  ageMs(): number
  /** `ageMs()` is within the limit for new decisions (5 s). */
  fresh(): boolean
  /** Reads now; calls that overlap share one read. */
  catchUp(): Promise<void>
}

/** The change sequence: access data is read and written through it. */
export const revisions = serviceRef<Revisions>('revisions')
