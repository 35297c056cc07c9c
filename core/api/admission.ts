import type { App } from './app.ts'
import type { AccessContext, Requirement } from './decision.ts'
import type { EndReason, Session, SessionKind } from './sessions.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/** What a request shows about who sends it. */
export type Caller =
  /** The secret token of a session, from a cookie or a header. */
  | { readonly kind: SessionKind; readonly token: string }
  /** A session that was proved in another way: by a client certificate that TLS has verified, or by an earlier token. */
  | { readonly kind: SessionKind; readonly sessionId: string }
  /** A CORS preflight. It carries nobody's identity; the app must list its origin. */
  | { readonly kind: 'preflight'; readonly origin: string }

/** One request for an app, as a protocol puts it to `Access.admit`. */
export interface AdmissionQuery {
  /** Null when the request does not show who sends it. */
  readonly who: Caller | null
  /** As the catalog has it; undefined when no app has the name or the host of the request. */
  readonly app: App | undefined
  /** What the protocol speaks to the app; the app must be registered for it. */
  readonly protocol: App['protocol']
  /** Address of the client, canonical text. */
  readonly clientIp: string
  /** Goes into every record about the request. */
  readonly requestId: string
  /** Requirements that were met just now and are not in the session. */
  readonly met?: readonly SatisfiedRequirement[]
  /** Reason code for which the protocol itself denies the request. It is recorded with the identity of the caller. */
  readonly objection?: string | null
  /**
   * Only reports the state of access: it is not a use of the session, a denial is not recorded, and an admission has ended
   * when it is returned, so it opens nothing.
   */
  readonly probe?: boolean
}

/**
 * - `stale`: the view of access data is too old to decide.
 * - `unauthenticated`: no session that counts here; a new sign-in may help.
 * - `denied`: a lock, a policy or the protocol denies.
 * - `required`: allowed once the listed requirements are met.
 * - `disabled`: the app is disabled.
 * - `unavailable`: there is no such app for this protocol, or access cannot be recorded now.
 */
export type RefusalReason = 'stale' | 'unauthenticated' | 'denied' | 'required' | 'disabled' | 'unavailable'

/** Why access was not granted, with what a page or a status line needs. */
export interface Refusal {
  readonly outcome: RefusalReason
  /** Status code of HTTP that fits. */
  readonly status: number
  /** Stable reason code in snake_case. */
  readonly code: string
  /** What the person may read about it, in the words of the lock or the policy. */
  readonly message: string | null
  /** Where the person can read or do more: an `https:` or `mailto:` URL from the policy. */
  readonly link: string | null
  /** What is still to be met; empty unless `required`. */
  readonly requirements: readonly Requirement[]
  /** Null while it is not known who asks. */
  readonly subject: Subject | null
}

declare const granted: unique symbol

/**
 * The right to open connections to one app for one request or stream. Only `Access.admit` makes them, and
 * `Tunnel.open` takes nothing else. It counts as a live stream of its session from the start, and ends with whatever
 * takes the access away; one that has ended opens nothing. Its owner calls `close` when the request is over.
 */
export interface Admission {
  readonly [granted]: true
  readonly outcome: 'admitted'
  readonly app: App
  /** The person as of the last decision; null for a preflight. */
  readonly subject: Subject | null
  /** Null for a preflight. */
  readonly session: Session | null
  readonly context: AccessContext
  readonly requestId: string
  /** Requirements that the decision rests on. */
  readonly met: readonly SatisfiedRequirement[]
  /** Host name of the agent that carries it; null until a connection is open. */
  readonly agent: string | null
  /** Why it has ended; null while it holds. */
  readonly ended: EndReason | 'closed' | null
  /**
   * Names the stream whose `cut` is called, once and synchronously, when access ends before `close`: at once when it has
   * ended already. Without one, the connection that `Tunnel.open` returned is reset.
   */
  bind(stream: { cut(reason: EndReason): void }): void
  /** Counts as use of the session, like the request itself. */
  touch(): void
  /** Gives the admission back for a reason of the protocol's own, such as a limit; records `access.denied`. */
  deny(code: string): void
  /** The request or stream is over. Idempotent. */
  close(): void
}
