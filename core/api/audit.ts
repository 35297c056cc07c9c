import type { AuditEvent, AuditInput } from './audit-event.ts'
import type { Transaction } from './database.ts'

/** Where events go. */
export interface AuditSink {
  readonly name: string
  /** `enforced`: no new request while it cannot keep up. `best-effort`: drops are counted and logged. */
  readonly guarantee: 'enforced' | 'best-effort'
  /** Resolves when the batch (at most 200) is as safe as the guarantee promises. */
  write(events: readonly AuditEvent[]): Promise<void>
  /** For sinks in the hub's own database: writes inside the transaction of the change, at most 200 at once. */
  writeIn?(trx: Transaction, events: readonly AuditEvent[]): Promise<void>
  flush(): Promise<void>
}

/** The one way to record. */
export interface Audit {
  /** Queues an event. Synchronous and cheap. What it is given is frozen, because it is read a moment later. */
  record(input: AuditInput): void
  /**
   * Writes administrative events in the transaction of their change; when that fails, so must the change. Call it as
   * `change.audit` inside `revisions.write`: only there do sinks outside the database hear of the commit.
   */
  recordIn(trx: Transaction, inputs: readonly AuditInput[]): Promise<void>
  /** False while an enforced sink is full or failing: answer 503 `audit_unavailable`. */
  readonly accepting: boolean
}
