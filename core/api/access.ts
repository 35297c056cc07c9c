import { serviceRef } from '../kernel/reference.ts'
import type { Admission, AdmissionQuery, Refusal } from './admission.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** The only gate to apps: every protocol, and the hub's own launch page, calls `admit`. */
export interface Access {
  /**
   * Decides on one request for an app by session, connector, locks, policies, requirements, the app's state and audit
   * capacity. Returns an admission or a refusal; that of a known person has already been recorded. Synchronous
   * when session and decision are in memory. Never throws or rejects: a failing policy denies.
   */
  admit(query: AdmissionQuery): Admission | Refusal | Promise<Admission | Refusal>
  /**
   * Apps of every protocol, disabled ones included, that the subject may open from this address once it has met
   * `requirements`; sorted by name. Decides as `admit` does for the subject's session.
   */
  visible(subject: Subject, clientIp: string): Promise<readonly VisibleApp[]>
}

/** An app that a subject may open. */
export interface VisibleApp {
  readonly app: App
  /** Requirements that the subject has not met. */
  readonly requirements: readonly string[]
}

/** Decides who may reach an app. */
export const access = serviceRef<Access>('access')

/** The locks that administrators have set, read from memory. */
export interface LockView {
  /** The lock on the subject, or on the app if given; null if there is none. `message` is shown to the person. */
  lockFor(subject: Subject, app: App | null): { readonly message: string | null } | null
}

/** Locks on users, roles, sessions and apps. */
export const locks = serviceRef<LockView>('locks')
