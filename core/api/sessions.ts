import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Transaction } from './database.ts'
import type { Change } from './revisions.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

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
  /** It has another issuer now. */
  | 'connector_changed'
  | 'code_replayed'
  /** Too many newer ones are beside it. */
  | 'superseded'
  | 'stale_view'

/** Told when a session ends, on every hub that had it in memory. */
export interface SessionEnded {
  readonly session: Session
  readonly reason: EndReason
}

/** Everything that is open: each admission counts from its grant until it is closed or cut. */
export interface StreamRegistry {
  countBy(filter: { readonly sessionId?: string; readonly appId?: string; readonly agent?: string }): number
  readonly size: number
}

/** The one-use hand-over from the sign-in host to an app's host: 30 s, bound to app, session and nonce. */
export interface SessionTickets {
  /** `nonceHash` is the SHA-256 (base64url) of the nonce cookie that this browser holds on the app's host. */
  issue(input: {
    readonly hubSession: Session
    readonly app: App
    readonly nonceHash: string
    readonly satisfied: Session['satisfied']
  }): Promise<string>
  /**
   * Spends the code and opens the app session. Resolves to null when the code is unknown, late, of another
   * app or another browser; a second use also ends the session that the first one made.
   */
  redeem(input: {
    readonly code: string
    readonly app: App
    readonly nonceHash: string
    readonly clientIp: string
  }): Promise<{ readonly session: Session; readonly token: string } | null>
}

/** A change that is under way: what is done within it is done with it, or not at all. */
export interface RunningChange {
  readonly trx: Transaction
  readonly change: Pick<Change, 'touch' | 'audit'>
}

/** Sessions of every kind. Reads come from memory. */
export interface Sessions {
  /**
   * Opens a session and returns the secret token for the cookie (256 bits, base64url, stored as a hash). The oldest beside
   * it ends when there are too many.
   */
  open(input: OpenSession): Promise<{ readonly session: Session; readonly token: string }>
  /**
   * The session of a token, when it is of this kind, not expired, not idle, and its parent lives.
   * Synchronous when this hub knows it; else waits for one catch-up of the change sequence.
   */
  find(kind: SessionKind, token: string): Session | undefined | Promise<Session | undefined>
  byId(id: string): Session | undefined
  /** All that are not over, those that a lock stops for now among them. */
  list(): readonly Session[]
  /** Those of a person or of a connector as the transaction sees them: with what another hub has opened just now. */
  listIn(
    trx: Transaction,
    of: { readonly user: string } | { readonly connector: string },
  ): Promise<readonly Session[]>
  /** The subject of a session with the roles in force now; undefined when its user is gone. */
  subjectOf(session: Session): Subject | undefined
  /** Ends the sessions and all that hang on them, on all hubs, audited as `session.revoked` or `user.logout`. */
  end(
    ids: readonly string[],
    reason: EndReason,
    actor: Subject | null,
    within?: RunningChange,
  ): Promise<number>
  /**
   * Remembers in a hub session what its person has satisfied, for all apps (`appId` null: it counts only as long as a
   * freshness says); in a `cert` session, for the app `appId` as long as the session lasts. One entry for each name, level,
   * `by` and app is kept, the newest. Nothing when the session has ended.
   */
  remember(
    session: Session,
    satisfied: Omit<SatisfiedRequirement, 'appId'>,
    appId?: string | null,
  ): Promise<void>
  /**
   * What `by` has met counts no more in any session of this user: streams that rest on it are cut, and the next request
   * is asked again. A hand-over brings along only what its hub session remembers, or what no `by` has met.
   */
  forget(user: string, by: string, within?: RunningChange): Promise<void>
  /** Remembers use; cheap, in memory. */
  touch(session: Session): void
  readonly live: StreamRegistry
  readonly tickets: SessionTickets
}

/** Sessions of every kind, and the live streams that end with them. */
export const sessions = serviceRef<Sessions>('sessions')
