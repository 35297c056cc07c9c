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
