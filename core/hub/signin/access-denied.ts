import type { Help } from '../../api/denial-help.ts'
import { Problem } from '../../api/problem.ts'
import type { Explanation } from '../access/explanation.ts'

/** The details on the page about a denial, beside the problem. */
export interface DenialDetails {
  /** As people call the app. */
  readonly app: string
  readonly user: string
  /** From the policy or the lock that denied. */
  readonly message: string | null
  /** Sealed return target, for a sign-in with another account. */
  readonly state: string
  /** What plugins offer. */
  readonly help: readonly Help[]
  /** For administrators: what decided. */
  readonly explanation: { readonly appName: string; readonly found: Explanation } | null
}

/** A signed-in person may not open an app. */
export class AccessDenied extends Problem {
  readonly details: DenialDetails

  constructor(
    status: number,
    code: string,
    message: string,
    members: Readonly<Record<string, unknown>>,
    details: DenialDetails,
  ) {
    super(status, code, message, members)
    this.details = details
  }
}
