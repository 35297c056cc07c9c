import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Transaction } from './database.ts'
import type { Grant } from './grants.ts'
import type { AdminRule, RowLabels } from './rights.ts'
import type { Subject } from './subject.ts'

/** The caller of a route that makes a change. */
export interface Actor {
  readonly subject: Subject
  /** Empty on the admin socket. */
  readonly clientIp: string
  /** Id of the request. */
  readonly id: string
  /** Rejects with the response if the caller may no longer call the route. Absent if the permission cannot be lost. */
  readonly stillMay?: () => Promise<void>
  /** Runs in the transaction of each change of this caller, after its body; if it rejects, the change is not made. */
  readonly within?: (trx: Transaction) => Promise<void>
  /**
   * The right that the route needed and the role that gave it, for the record of a change, and the other person who approved it. Absent on
   * the admin socket.
   */
  readonly allowedBy?: { readonly right: string; readonly role: string; readonly approver?: string }
  /**
   * Throws `Problem` 403 `roles_exceed_own` unless the caller has every right of administration that the roles or rules give or deny: for
   * whatever lets somebody have or lose them. With `user`: what lets somebody act as this user. Call it in the change. Absent:
   * nobody is limited.
   */
  readonly mayGive?: (given: GivenRights) => void
}

/** What a change gives to somebody, or takes away. */
export interface GivenRights {
  readonly roles?: Iterable<string>
  readonly rules?: readonly AdminRule[]
  /** Who gets the roles, if it is one account: what its other roles allow for things of its roles counts too. */
  readonly to?: string
  /** All roles of this account, those for a time included. */
  readonly user?: string
  /** All roles of all accounts that have this role, those for a time included. */
  readonly holdersOf?: string
  /** Labels that a thing gets: rules about those that it did not have before give rights over it. */
  readonly labels?: GivenLabels
}

/** The labels of a thing before and after a change. */
export interface GivenLabels {
  /** As in rights, such as `app`. */
  readonly kind: string
  /** Absent: the thing is new. */
  readonly before?: RowLabels
  readonly after: RowLabels
}

/** An event to record. Recording adds the id, the time, the cluster and the hub. */
export interface AuditInput {
  readonly type: string
  readonly success: boolean
  /** A reason code when `success` is false. */
  readonly reason?: string | null
  /** The caller, instead of `user`, `roles`, `grants`, `actsFor`, `clientIp`, `sessionId` and `requestId`. */
  readonly by?: Actor | null
  readonly user?: string | null
  readonly roles?: readonly string[] | null
  /** `Subject.grants`: the event names them as `grant_id`, separated by commas. */
  readonly grants?: readonly Pick<Grant, 'id'>[] | undefined
  /** `Subject.actsFor`: the event names the person as `acts_for`. */
  readonly actsFor?: Pick<Subject, 'user'> | undefined
  readonly clientIp?: string | null
  readonly sessionId?: string | null
  readonly requestId?: string | null
  /**
   * Fields of this type of event, in their public spelling (`app`, `agent`, `bytes_in`, …): at most 40, with names of small letters,
   * digits and `_`; others are left out. A value becomes `[redacted]` if its name says that it can be a secret: `query`, `body`, `code`,
   * `cookie`, `id_token`, and names with `password`, `secret` or `authorization`. In addresses, the query, the fragment and a password
   * become `[redacted]`, in `path` and fields such as `url`, `uri` or `login_url` also without an origin; so do credentials after
   * `Bearer` and `Basic`. Nothing of that is recorded anywhere.
   */
  readonly fields?: Readonly<Record<string, string | number | boolean | null>>
}

/** An event as sinks receive it (as JSON) and scripts read it: flat, in public spelling, with escaped strings. */
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

/** A destination of events. */
export interface AuditSink {
  readonly name: string
  /** `enforced`: while it cannot keep up, new requests get 503. `best-effort`: dropped events are counted and logged. */
  readonly guarantee: 'enforced' | 'best-effort'
  /** The most events in one call of `write`; 200 by default, at most 1,000. */
  readonly batch?: number
  /**
   * Resolves when the batch is stored as the guarantee promises. `lines` is JSON: one event a line, each ended by a line
   * feed, oldest first. Batches have numbers from 1 on and come one after the other. A batch that failed, or took longer
   * than 10 s, comes again unchanged with the same number: what was stored of it must not be stored twice.
   */
  write(lines: string, batch: number): Promise<void>
  /** For sinks in the hub's database: writes at most 200 events, in the same form, inside the transaction of a change. */
  writeIn?(trx: Transaction, lines: string): Promise<void>
  flush(): Promise<void>
}

/** Records events. */
export interface Audit {
  /** Creates an event and queues its text. Synchronous and cheap. */
  record(input: AuditInput): void
  /**
   * Writes administrative events in the transaction of their change; if this fails, the change must fail too. Call it
   * through `change.audit` inside `revisions.write`: only then do sinks outside the database get the events after commit.
   */
  recordIn(trx: Transaction, inputs: readonly AuditInput[]): Promise<void>
  /** False while an enforced sink is full or failing: respond 503 `audit_unavailable`. */
  readonly accepting: boolean
}

/** Records audit events. */
export const audit = serviceRef<Audit>('audit')

/** Destinations of audit events. */
export const auditSinks = slotRef<AuditSink>('auditSinks')
