import type { App } from './app.ts'
import type { AccessContext, ReceivedRequest } from './decision.ts'
import type { Requirement } from './requirement.ts'
import type { EndReason, Session, SessionKind } from './sessions.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/** How a request identifies its sender. */
export type Caller =
  /** The secret token of a session, from a cookie or a header. */
  | { readonly kind: SessionKind; readonly token: string; readonly hides?: HiddenHeaders }
  /** A session proved another way: by a client certificate that TLS verified, or by an earlier token. */
  | {
      readonly kind: SessionKind
      readonly sessionId: string
      /** Whose session it must be. */
      readonly user?: string
      readonly hides?: HiddenHeaders
    }
  /** A caller of the hub's API without a session. It reaches no app. */
  | { readonly kind: 'subject'; readonly subject: Subject; readonly hides?: HiddenHeaders }
  /** A request that a verifier has accepted; only what `Access.verify` returned is valid. */
  | { readonly kind: 'verified'; readonly rule: string; readonly hides?: HiddenHeaders }
  /** A credential that is not accepted, with the reason code, or a request that a verifier refuses by `rule`. */
  | {
      readonly kind: 'refused'
      readonly status: 400 | 401 | 429
      readonly code: string
      readonly rule?: string
    }

/** Lower-case names of the request headers that the app must not see, because they carry the credential. */
export type HiddenHeaders = readonly string[]

/** One request for an app, as a protocol passes it to `Access.admit`. */
export interface AdmissionQuery {
  /** Null when the request does not identify its sender. */
  readonly who: Caller | null
  /** From the catalog; undefined when no app has the name or host of the request. */
  readonly app: App | undefined
  /** The app must be registered for this protocol. */
  readonly protocol: App['protocol']
  /** Address of the client, canonical text. */
  readonly clientIp: string
  /** Goes into every record about the request. */
  readonly requestId: string
  /** Requirements that were met just now and are not in the session. */
  readonly met?: readonly SatisfiedRequirement[]
  /** Why the protocol itself denies the request: a reason code, recorded with the caller's identity. */
  readonly objection?: string | null
  /**
   * Only reports the state of access: it does not count as use of the session or record a denial, and the returned
   * admission has already ended, so it opens no connection.
   */
  readonly probe?: boolean
  /** A requirement or another sign-in is not a refusal: the caller leads the person's browser to it. */
  readonly interactive?: boolean
  /**
   * The HTTP request that is wanted: for policies that look at requests, and for the record of a refusal, which leaves out the query.
   * Absent, as for a TCP connection or for a program that asks for a token: policies decide about the whole app.
   */
  readonly request?: ReceivedRequest
}

/**
 * - `stale`: the view of access data is too old to decide.
 * - `unauthenticated`: there is no valid session for this app; signing in again may help.
 * - `denied`: a lock, a policy or the protocol denies.
 * - `required`: allowed once the listed requirements are met.
 * - `disabled`: the app is disabled.
 * - `unavailable`: there is no such app for this protocol, or access cannot be recorded right now.
 */
export type RefusalReason = 'stale' | 'unauthenticated' | 'denied' | 'required' | 'disabled' | 'unavailable'

/**
 * Why access was not granted, with the details for a page or a status line. It has been recorded if the person or the
 * certificate is known, unless it leads on (`unauthenticated`, or `required` of an interactive query).
 */
export interface Refusal {
  readonly outcome: RefusalReason
  /** The matching HTTP status code. */
  readonly status: number
  /** Stable reason code in snake_case. */
  readonly code: string
  /** The text of the lock or the policy that is shown to the person. */
  readonly message: string | null
  /** Where the person finds help: an `https:` or `mailto:` URL from the policy. */
  readonly link: string | null
  /** The unmet requirements; empty unless `required`. */
  readonly requirements: readonly Requirement[]
  /** The rule that a policy named (`Vote.rule`); null if none did. */
  readonly rule: string | null
  /** Null while the caller is unknown. */
  readonly subject: Subject | null
}

declare const granted: unique symbol

/**
 * The right to open connections to one app for one request or stream. Only `Access.admit` creates admissions, and
 * `Tunnel.open` requires one. An admission counts as a live stream of its session from the start and ends when access
 * is revoked; after that it opens no connections. Its owner calls `close` when the request is over.
 */
export interface Admission {
  readonly [granted]: true
  readonly outcome: 'admitted'
  readonly app: App
  /** The person as of the last decision; null for a request that a verifier admits. */
  readonly subject: Subject | null
  /** Null for a request that a verifier admits. */
  readonly session: Session | null
  /** The rule by which a verifier admits the request; null for others. */
  readonly verified: string | null
  readonly context: AccessContext
  readonly requestId: string
  /** Requirements that the decision depends on. */
  readonly met: readonly SatisfiedRequirement[]
  /** The rule that a policy named (`Vote.rule`) when it was admitted; null if none did. */
  readonly rule: string | null
  /** Host name of the agent that carries the connection; null until one is open. */
  readonly agent: string | null
  /** Why it has ended; null while it is valid. */
  readonly ended: EndReason | 'closed' | null
  /**
   * Registers the stream whose `cut` is called, once and synchronously, when access ends before `close`: immediately if
   * it has already ended. Without a stream, the connection that `Tunnel.open` returned is reset.
   */
  bind(stream: { cut(reason: EndReason): void }): void
  /** Counts as use of the session, as the request itself does. */
  touch(): void
  /** Ends the admission for a reason of the protocol, such as a limit, and records `access.denied`. */
  deny(code: string): void
  /**
   * Ends the admission because the app could not be reached, and records `request.failed` with this reason code. `agent`:
   * host name of the agent that failed to connect. For protocols that record no request of their own.
   */
  fail(code: string, agent: string | null): void
  /** The request or stream is over. Idempotent. */
  close(): void
}
