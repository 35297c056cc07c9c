import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** Signs the caller's identity for one app. */
export interface Assertion {
  /**
   * Returns the compact JWS for `Mezite-Jwt-Assertion`. Synchronous; kept for 30 s per session and app while all that it says
   * stays true.
   */
  sign(subject: Subject, app: App): string
  /** The same with more claims and the type `typ` in its header, for one request; never kept. */
  signOnce(subject: Subject, app: App, typ: string, claims: Readonly<Record<string, unknown>>): string
}

/** Signs the identity assertion. Provided by identity-jwt. */
export const assertion = serviceRef<Assertion>('assertion')
