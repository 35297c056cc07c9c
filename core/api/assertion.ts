import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** Signs who is calling, for one app. */
export interface Assertion {
  /** Compact JWS for `Mezite-Jwt-Assertion`; cached for 30 s per (session, app, epoch), synchronous. */
  sign(subject: Subject, app: App): string
}

/** Signs the identity assertion. Provided by identity-jwt. */
export const assertion = serviceRef<Assertion>('assertion')
