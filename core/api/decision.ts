import type { App } from './app.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/** Names of requirements and their details. Plugins add theirs by declaration merging. */
export interface Requirements {
  'session-mfa': {
    readonly level: 'webauthn' | 'hardware_key'
    readonly freshnessMs: number
  }
  'trusted-device': Record<never, never>
}

export type RequirementName = keyof Requirements

/** One requirement with its details. */
export type Requirement = {
  [Name in RequirementName]: { readonly name: Name } & Requirements[Name]
}[RequirementName]

/** The way on which somebody asks for an app. */
export interface AccessContext {
  readonly protocol: string
  readonly clientIp: string
}

/** One question: may this subject reach this app, this way? Taps receive it frozen. */
export interface AccessQuery {
  readonly subject: Subject
  readonly app: App
  readonly context: AccessContext
}

/** One rule that a tap of `access.decide` has considered, for `mezctl access explain`. */
export interface VoteLine {
  readonly role: string | null
  readonly effect: 'allow' | 'deny' | 'none'
  /** The rule: what it demands of the label, or a reason code. */
  readonly matcher: string | null
  /** The label of the app that the rule looks at, and its value there; null: the app has no such label. */
  readonly label: string | null
  readonly value: string | null
}

/** What the person may read about a denial. */
export interface DenialDetails {
  /** One or two sentences in the words of whoever wrote the policy; at most 1,024 characters. */
  readonly message?: string
  /** Where to read or do more: an `https:` or `mailto:` URL. */
  readonly link?: string
}

/**
 * The ballot of one tap of `access.decide`. Casting nothing is an abstention. A vote counts until the tap returns, or its
 * promise resolves; a later one is lost, and from then on each ballot of the plugin fails.
 */
export interface Vote {
  /**
   * Set only while an administrator asks how a decision came about: takes one line for each rule that was considered. Do
   * not vote differently when it is set.
   */
  readonly explain?: (line: VoteLine) => void
  /** This role lets the subject in, if nobody denies. */
  allow(role: string): void
  /**
   * One denial denies. `reason` is a stable code in snake_case; the details reach the page, the problem document and msh.
   * Throws `TypeError` for anything else, which fails the ballot and so denies as well.
   */
  deny(reason: string, details?: DenialDetails): void
  /** Must be met before access; the strongest of several counts. */
  require(requirement: Requirement): void
}

/**
 * The outcome over all ballots: any deny denies, no allow denies, an unmet requirement asks.
 * `requirements` lists what is still unmet; `allow` has none.
 */
export interface Decision {
  readonly effect: 'allow' | 'deny' | 'require'
  /** A reason code: `role_missing` (no role), `label_mismatch` (roles, but none for the app), `locked`, `label_denied`, `policy_failed`, `session_mfa_required`, … */
  readonly reason: string
  readonly roles: readonly string[]
  readonly requirements: readonly Requirement[]
  /** What the subject has satisfied that met a requirement; absent or empty when nothing was required. */
  readonly met?: readonly SatisfiedRequirement[]
  /** What the person may read about a denial, in the words of the lock or the policy. */
  readonly message?: string
  /** Where the person can read or do more: an `https:` or `mailto:` URL from the policy. */
  readonly link?: string
}
