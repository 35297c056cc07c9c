import { slotRef } from '../kernel/reference.ts'
import type { SatisfiedRequirement } from './subject.ts'

/** A condition that a person must still meet before access is granted, with the details of the policy that requires it. */
export interface Requirement {
  /** The name of a registered `RequirementKind`. */
  readonly name: string
  /** If a passkey meets it: how old the confirmation may be, in milliseconds. Programs learn it (RFC 9470). */
  readonly maxAgeMs?: number
  /** Each request meets it by itself, through an entry of `requestHolds` or `operationReaders`: opening the app does not ask for it. */
  readonly perRequest?: true
  readonly [detail: string]: unknown
}

/**
 * A kind of requirement, registered by the plugin whose policy uses it. A tap of `access.challenge` leads a browser to
 * the page that meets it. A vote for an unregistered requirement denies, and so does a method that throws.
 */
export interface RequirementKind {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /** The reason code of a refusal, in snake_case. */
  readonly reason: string
  /** Heading and text of the page that a person sees when no tap of `access.challenge` knows the requirement. */
  readonly title: string
  readonly detail: string
  /** True if meeting it is multi-factor authentication, which lists of sessions show. */
  readonly mfa?: boolean
  /**
   * The weakest requirement that is at least as strict as both. Without it, the person must meet both.
   */
  strictest?(a: Requirement, b: Requirement): Requirement
  /**
   * Names of other kinds whose entries can meet it as well, such as `session-mfa`: `isMetBy` gets them too. Without it they count for nothing.
   */
  readonly accepts?: readonly string[]
  /**
   * Whether an entry of this name, or of one in `accepts`, in `Subject.satisfied` meets the requirement now. `now` is in milliseconds since the
   * epoch. Default: an entry for this app or for the whole hub session does.
   */
  isMetBy?(
    requirement: Requirement,
    entry: SatisfiedRequirement,
    context: { readonly appId: string; readonly now: number },
  ): boolean
}

/** The requirements that policies may use. */
export const requirements = slotRef<RequirementKind>('requirements')
