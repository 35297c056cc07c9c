import type { App } from '../../api/app.ts'
import type { Subject } from '../../api/subject.ts'
import type { LockTable } from '../users/migrations.ts'

export type LockKind = LockTable['kind']

/** Denies all access to its target while it is in force. */
export interface Lock {
  readonly id: string
  readonly kind: LockKind
  /** Name of the target as given; users are compared case-folded. */
  readonly target: string
  readonly message: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly expires: number | null
  /** The user name of the administrator who made it; null: unknown. */
  readonly author: string | null
}

/** The locks in force, read from memory. */
export interface Locks {
  /** The lock on the subject, or on the app if one is given; null: none. */
  lockFor(subject: Subject, app: App | null): Lock | null
  /** The lock on the app itself; null: none. */
  appLock(app: App): Lock | null
  isSessionLocked(id: string): boolean
  isAgentLocked(hostname: string): boolean
  list(): readonly Lock[]
}
