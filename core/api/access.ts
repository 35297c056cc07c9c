import { serviceRef } from '../kernel/reference.ts'
import type { Admission, AdmissionQuery, Refusal } from './admission.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** The one gate to apps. Every protocol, and the hub's own launch page, comes through `admit` and nothing else. */
export interface Access {
  /**
   * Decides over one request for an app: session, connector, locks, policies, requirements, state of the app, audit
   * capacity. Returns an admission, or a refusal, which it has recorded where it denies somebody who is known. Synchronous
   * when session and decision are in memory. Never throws and never rejects: a failing policy is a denial.
   */
  admit(query: AdmissionQuery): Admission | Refusal | Promise<Admission | Refusal>
  /** Enabled apps of every protocol that the subject may open, requirements set aside; in order of name. */
  visible(subject: Subject): Promise<readonly App[]>
}

/** Whether somebody may reach an app. */
export const access = serviceRef<Access>('access')

/** The locks that administrators have set, read from memory. */
export interface LockView {
  /** The lock that stops the subject, or the app when one is given; null: none. `message` is for the person. */
  lockFor(subject: Subject, app: App | null): { readonly message: string | null } | null
}

/** Locks on users, roles, sessions and apps. */
export const locks = serviceRef<LockView>('locks')
