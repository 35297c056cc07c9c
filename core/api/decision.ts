import type { App } from './app.ts'
import type { RequestOperations } from './operation-readers.ts'
import type { Requirement } from './requirement.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/** How the subject tries to reach the app. */
export interface AccessContext {
  readonly protocol: string
  /** Address of the client, canonical text. Null: nobody connects, as when an administrator asks for an explanation. */
  readonly clientIp: string | null
}

/** The question whether this subject may reach this app in this way. Taps receive it frozen. */
export interface AccessQuery {
  readonly subject: Subject
  readonly app: App
  readonly context: AccessContext
  /**
   * The HTTP request; null where there is none, such as for a TCP connection or a list of apps. Read it only if the vote
   * depends on it: then the hub asks about each request again (see `Vote.byRequest`), and decides about each open stream by its own.
   */
  readonly request: AccessRequest | null
}

/** What a policy may know of an HTTP request. */
export interface AccessRequest {
  /** As received. An app may read another one from headers or the query, if it allows that. */
  readonly method: string
  /** As received, without the query. */
  readonly path: string
  /** As received, without the `?`; empty without one. */
  readonly query: string
  /** True for the opening of a WebSocket, whose method is GET. */
  readonly webSocket: boolean
  /**
   * The decoded segments, without the leading slash; the last one is empty if the path ends in a slash. Null if servers
   * would read the path in different ways (encoded slashes, dot segments, `;`, double slashes or encodings, …): a rule about
   * paths must then deny, or decide about each of `readings`.
   */
  readonly segments: readonly string[] | null
  /**
   * The ways in which known servers read the path, 1 to 8, each as decoded segments without the leading slash. The hub forwards the
   * bytes unchanged, so a rule must hold for each: allow what is allowed in all of them, deny what is denied in one. Null if the list
   * does not close (a third encoding, bytes that are not UTF-8, a NUL, more than 8): then deny, with the status 400.
   */
  readonly readings: readonly (readonly string[])[] | null
  /** What it asks the app to do, once a requirement of an entry of `operationReaders` has let the hub read that; null before. */
  readonly operations: RequestOperations | null
}

/** A request as its protocol received it. */
export interface ReceivedRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** It opens a WebSocket. */
  readonly upgrade?: boolean
  /** What an entry of `operationReaders` has read. */
  readonly operations?: RequestOperations
}

/** One rule that a tap of `access.decide` considered, for `mezctl access explain`. */
export interface VoteLine {
  readonly role: string | null
  readonly effect: 'allow' | 'deny' | 'none'
  /** The value that the rule requires of the label, or a reason code. */
  readonly matcher: string | null
  /** The label that the rule checks, with the app's value; null if the app does not have the label. */
  readonly label: string | null
  readonly value: string | null
}

/** Details of a denial that are shown to the person. */
export interface DenialDetails {
  /** One or two sentences by the author of the policy; at most 1,024 characters. */
  readonly message?: string
  /** Where to find help: an `https:` or `mailto:` URL. */
  readonly link?: string
  /** 400 if the request itself is at fault, and not the person. Default: 403. */
  readonly status?: 400
}

/**
 * The ballot of one tap of `access.decide`. A tap that does not vote abstains. Votes count until the tap returns or its
 * promise resolves; a later vote is lost, and from then on every ballot of the plugin fails.
 */
export interface Vote {
  /**
   * Set only while an administrator asks for an explanation: call it once for each rule that you consider. Do not vote
   * differently when it is set.
   */
  readonly explain?: (line: VoteLine) => void
  /**
   * This role grants access unless another vote denies it. With `until` (milliseconds since the epoch), the vote counts only
   * before that time: then the hub decides again, and cuts streams that are no longer allowed. Throws `TypeError` for an
   * invalid argument, which fails the ballot and therefore denies.
   */
  allow(role: string, limit?: { readonly until: number }): void
  /**
   * A single denial denies access. `reason` is a stable code in snake_case; the page, the problem document and msh show
   * the details. Throws `TypeError` for an invalid argument, which fails the ballot and therefore also denies.
   */
  deny(reason: string, details?: DenialDetails): void
  /**
   * The requirement must be met before access is granted. Throws `TypeError` for one that no plugin has registered, which
   * fails the ballot and therefore denies.
   */
  require(requirement: Requirement): void
  /**
   * The subject meets requirements of the entry's own name by another way than a confirmation, such as a device that a role allows: the
   * entry counts in this decision as one of `Subject.satisfied`, but not for kinds that only accept its name. With `until`
   * (milliseconds since the epoch), only before that time. Throws `TypeError` for an entry without a name, which fails the ballot and
   * therefore denies.
   */
  meet(entry: SatisfiedRequirement, limit?: { readonly until: number }): void
  /**
   * Names the rule of the policy that decides, such as `developers/no-admin`, for the record of the request and for `mezctl access
   * explain`; 1 to 256 printable characters. The last call counts, and of a denied request only the ballot that denies. Throws
   * `TypeError` for an invalid name, which fails the ballot and therefore denies.
   */
  rule(name: string): void
  /**
   * Votes by a kind of request: `kindOf` says of which kind a request is, and `cast` votes about that kind with this ballot, at once.
   * Until access data changes, the hub calls `kindOf` for each further request of the subject to the app, and asks the policies again
   * for a kind (compared with `===`) that is new. Its result must depend on the request alone, and be one of few. Call it at most once.
   */
  byRequest<Kind>(kindOf: (request: AccessRequest | null) => Kind, cast: (kind: Kind) => void): void
}

/**
 * The result of all ballots: access is denied if one denies or none allows, and has to wait for unmet requirements,
 * which `requirements` lists; `allow` has none.
 */
export interface Decision {
  readonly effect: 'allow' | 'deny' | 'require'
  /** A reason code: `role_missing` (no role), `label_mismatch` (roles, but none for the app), `locked`, `label_denied`, `policy_failed`, `session_mfa_required`, … */
  readonly reason: string
  readonly roles: readonly string[]
  readonly requirements: readonly Requirement[]
  /** The rule that a policy named. */
  readonly rule?: string
  /** Set if a policy looked at the request, so that the decision is about this request alone. */
  readonly byRequest?: true
  /** When it must be made again, in milliseconds since the epoch; absent if it depends on no time. */
  readonly until?: number
  /** The entries of `Subject.satisfied` that met a requirement; absent or empty when nothing was required. */
  readonly met?: readonly SatisfiedRequirement[]
  /** The text of the lock or the policy that is shown to the person. */
  readonly message?: string
  /** Where the person finds help: an `https:` or `mailto:` URL from the policy. */
  readonly link?: string
  /** The status of a denial that is not 403. */
  readonly status?: 400
}
