import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Transaction } from './database.ts'
import type { CoreReasons, ReasonCode } from './reasons.ts'
import type { Change } from './revisions.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/**
 * `hub`: a browser at the hub's own host; `app`: a browser at one app; `cert`: a certificate of msh; `token`: a program with
 * a credential of a plugin, for the apps in `Session.apps`; `device`: a person's phone or other client that can only send a secret, for the
 * apps in `Session.apps`. Nobody can confirm anything in it, and limits of roles count if a role sets them.
 */
export type SessionKind = 'hub' | 'app' | 'cert' | 'token' | 'device'

/** One session as every hub of the cluster sees it. Neither it nor the database contains the cookie's value. */
export interface Session {
  /** Public id (UUIDv7) for the audit and lists; it does not grant access. */
  readonly id: string
  readonly kind: SessionKind
  readonly user: string
  /**
   * `User.holder` of the name when the session was opened; it is valid for this holder only. Null if there was none.
   */
  readonly holder: string | null
  readonly connector: string | null
  /** For an app session: the app's UUID and the hub session that it depends on. */
  readonly appId: string | null
  readonly parentId: string | null
  /** UUIDs of the only apps that a session of kind `token` or `device` reaches; empty for other kinds. */
  readonly apps: readonly string[]
  readonly clientIp: string
  /** Browser and system, or the program, as the person knows it; null if it is not known. Never decides anything. */
  readonly client: string | null
  readonly satisfied: readonly SatisfiedRequirement[]
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly expires: number
  /** 0: no idle limit. */
  readonly idleMs: number
  /** Kept in this hub's memory and written to the database periodically. */
  lastUsed: number
}

/** A session to open. Omitted members mean null, empty or no limit. */
export interface OpenSession {
  readonly kind: SessionKind
  readonly user: string
  /**
   * `User.holder` of the person who proved to hold the name: the session opens for no other holder. Default: the
   * current holder.
   */
  readonly holder?: string | null
  readonly connector?: string | null
  readonly appId?: string | null
  readonly parentId?: string | null
  /** For the kinds `token` and `device`. */
  readonly apps?: readonly string[]
  /**
   * The secret token, if the caller has made it: 256 random bits in 43 characters of base64url. Default: a new one.
   */
  readonly token?: string
  readonly clientIp: string
  readonly client?: string | null
  readonly satisfied?: readonly SatisfiedRequirement[]
  /**
   * When the person signed in, which becomes the session's creation time. Milliseconds since the epoch; default: now.
   */
  readonly since?: number
  /** Milliseconds since the epoch. */
  readonly expires: number
  readonly idleMs?: number
}

/** Why a session, or a live stream of it, ended: the reasons of the audit with `ends`. */
export type EndReason = {
  [Code in ReasonCode]: CoreReasons[Code] extends { readonly ends: true } ? Code : never
}[ReasonCode]

/** Sent when a session ends, on every hub that had it in memory. */
export interface SessionEnded {
  readonly session: Session
  readonly reason: EndReason
}

/** All live streams: each admission counts from when it is granted until it is closed or cut. */
export interface StreamRegistry {
  countBy(filter: { readonly sessionId?: string; readonly appId?: string; readonly agent?: string }): number
  readonly size: number
}

/**
 * One-use tickets that carry a sign-in from the sign-in host to an app's host: 30 s, bound to app, session and nonce.
 */
export interface SessionTickets {
  /** `nonceHash` is the SHA-256 (base64url) of this browser's nonce cookie on the app's host. */
  issue(input: {
    readonly hubSession: Session
    readonly app: App
    readonly nonceHash: string
    readonly satisfied: Session['satisfied']
  }): Promise<string>
  /**
   * Redeems the code and opens the app session. Resolves to null when the code is unknown, expired, or for another
   * app or browser; a second use also ends the session that the first use opened.
   */
  redeem(input: {
    readonly code: string
    readonly app: App
    readonly nonceHash: string
    readonly clientIp: string
  }): Promise<{ readonly session: Session; readonly token: string } | null>
}

/** A running change: work done within it commits or rolls back with it. */
export interface RunningChange {
  readonly trx: Transaction
  readonly change: Pick<Change, 'touch' | 'audit'>
}

/** How a session is used on all hubs together. */
export interface SessionActivity {
  /** Live streams. Counts of other hubs are up to about 2 s old. */
  readonly streams: number
  /** Milliseconds since the epoch; uses on other hubs show within about 10 s. */
  readonly lastUsed: number
}

/** Sessions of every kind. Reads come from memory. */
export interface Sessions {
  /**
   * Opens a session and returns the secret token for the cookie (256 bits, base64url, stored as a hash). Ends the person's
   * oldest session if there are too many. It does not wait for changes: this hub then knows every change that was
   * committed before the session, so that a caller can check whether its reasons still hold. Throws `TypeError` for a
   * token of another form, and `Problem` 503 `handover_busy` after 10 s.
   */
  open(input: OpenSession): Promise<{ readonly session: Session; readonly token: string }>
  /**
   * The session of a token, if it is of this kind, not expired or idle, and its parent is live.
   * Synchronous when this hub knows the session; otherwise it waits for one catch-up of the change sequence.
   */
  find(kind: SessionKind, token: string): Session | undefined | Promise<Session | undefined>
  byId(id: string): Session | undefined
  /** All live sessions, including those that a lock currently blocks. */
  list(): readonly Session[]
  /**
   * Sessions of a person or connector as the transaction sees them, including sessions that another hub just opened.
   */
  listIn(
    trx: Transaction,
    of: { readonly user: string } | { readonly connector: string },
  ): Promise<readonly Session[]>
  /** The subject of a session with its current roles; undefined if the user was removed. */
  subjectOf(session: Session): Subject | undefined
  /** Ends the sessions and their dependent sessions on all hubs, audited as `session.revoked` or `user.logout`. */
  end(
    ids: readonly string[],
    reason: EndReason,
    actor: Subject | null,
    within?: RunningChange,
  ): Promise<number>
  /**
   * Stores a satisfied requirement in a session. In a hub session it counts for all apps (`appId` is null) while it is
   * fresh enough for the requirement; in a `cert` or `token` session, for the app `appId` until the session ends. Keeps the newest
   * entry for each name, level, `by` and app. Does nothing if the session has ended.
   */
  remember(
    session: Session,
    satisfied: Omit<SatisfiedRequirement, 'appId'>,
    appId?: string | null,
  ): Promise<void>
  /**
   * Invalidates the requirements that `by` met in all sessions of this user: streams that depend on them are cut, and the
   * next request must meet them again. A session ticket passes on only entries that its hub session stores or that have
   * no `by`.
   */
  forget(user: string, by: string, within?: RunningChange): Promise<void>
  /** Records use of the session in memory; cheap. */
  touch(session: Session): void
  /**
   * Reads how these sessions are used on every hub of the cluster. Never rejects: without the database, it reports only what
   * this hub knows.
   */
  activityOf(sessions: readonly Session[]): Promise<(session: Session) => SessionActivity>
  readonly live: StreamRegistry
  readonly tickets: SessionTickets
}

/** Sessions of every kind, and the live streams that end with them. */
export const sessions = serviceRef<Sessions>('sessions')
