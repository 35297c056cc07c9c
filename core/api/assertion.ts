import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** Signs the caller's identity for one app. */
export interface Assertion {
  /** Returns the compact JWS for `Mezite-Jwt-Assertion`. Synchronous; cached for 30 s per (session, app, epoch). */
  sign(subject: Subject, app: App): string
}

/** Signs the identity assertion. Provided by identity-jwt. */
export const assertion = serviceRef<Assertion>('assertion')
