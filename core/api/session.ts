import type { SatisfiedRequirement } from './subject.ts'

/** `hub`: a browser at the hub's own host; `app`: a browser at one app; `cert`: a certificate of msh. */
export type SessionKind = 'hub' | 'app' | 'cert'

/** One session as every hub of the cluster sees it. The cookie's value is not in it and not in the database. */
export interface Session {
  /** Public id (UUIDv7): appears in audit and lists, opens nothing. */
  readonly id: string
  readonly kind: SessionKind
  readonly user: string
  /** Who held the name when it was opened (`User.holder`); it counts for nobody else. Null: nobody did. */
  readonly holder: string | null
  readonly connector: string | null
  /** For an app session: the app's UUID and the hub session that it hangs on. */
  readonly appId: string | null
  readonly parentId: string | null
  readonly clientIp: string
  readonly satisfied: readonly SatisfiedRequirement[]
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly expires: number
  /** 0: no idle limit. */
  readonly idleMs: number
  /** In memory of this hub; written to the database now and then. */
  lastUsed: number
}

/** A session to be opened; what is left out is null, empty or no limit. */
export interface OpenSession {
  readonly kind: SessionKind
  readonly user: string
  /** Who has proved to hold the name (`User.holder`): it is not opened for another. Left out: whoever holds it now. */
  readonly holder?: string | null
  readonly connector?: string | null
  readonly appId?: string | null
  readonly parentId?: string | null
  readonly clientIp: string
  readonly satisfied?: readonly SatisfiedRequirement[]
  /** When the person signed in, unless just now: the session counts as created then. Milliseconds since the epoch. */
  readonly since?: number
  /** Milliseconds since the epoch. */
  readonly expires: number
  readonly idleMs?: number
}

/** Why a session, or a live stream of it, is over; a reason code of the audit. */
export type EndReason =
  | 'logout'
  | 'revoked'
  | 'expired'
  | 'idle'
  | 'locked'
  | 'denied'
  | 'app_disabled'
  | 'app_deleted'
  | 'user_deleted'
  | 'connector_deleted'
  | 'code_replayed'
  /** Too many newer ones are beside it. */
  | 'superseded'
  | 'stale_view'

/** Told when a session ends, on every hub that had it in memory. */
export interface SessionEnded {
  readonly session: Session
  readonly reason: EndReason
}
