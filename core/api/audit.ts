import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Transaction } from './database.ts'
import type { Subject } from './subject.ts'

/** Who asks for a change, as routes know it. */
export interface Actor {
  readonly subject: Subject
  /** Empty on the admin socket. */
  readonly clientIp: string
  /** Of the request. */
  readonly id: string
  /** Rejects, with what to answer, when by what is known now they may not call the route. Left out: they always may. */
  readonly stillMay?: () => Promise<void>
}

/** What happened, without who recorded it; times and ids are added on recording. */
export interface AuditInput {
  readonly type: string
  readonly success: boolean
  /** A reason code when `success` is false. */
  readonly reason?: string | null
  /** Who did it: stands for `user`, `roles`, `clientIp`, `sessionId` and `requestId`. */
  readonly by?: Actor | null
  readonly user?: string | null
  readonly roles?: readonly string[] | null
  readonly clientIp?: string | null
  readonly sessionId?: string | null
  readonly requestId?: string | null
  /** The per-type fields, in their public spelling (`app`, `agent`, `bytes_in`, …). */
  readonly fields?: Readonly<Record<string, string | number | boolean | null>>
}

/** An event as sinks receive it and scripts read it: flat, public spelling, strings escaped. */
export interface AuditEvent {
  readonly id: string
  readonly type: string
  readonly time: string
  readonly cluster: string
  readonly hub: string
  readonly user: string | null
  readonly roles: readonly string[] | null
  readonly client_ip: string | null
  readonly session_id: string | null
  readonly request_id: string | null
  readonly success: boolean
  readonly reason: string | null
  readonly [field: string]: string | number | boolean | null | readonly string[]
}

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

/** Records audit events. */
export const audit = serviceRef<Audit>('audit')

/** Destinations of audit events. */
export const auditSinks = slotRef<AuditSink>('auditSinks')
