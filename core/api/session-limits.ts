import { serviceRef } from '../kernel/reference.ts'
import type { Session } from './sessions.ts'

/**
 * The session limits that a user's roles set. The hub reads them again after each change of access data and applies the
 * lower of the stored and the current limits to open sessions. Without a provider: 12 h and no idle limit.
 */
export interface SessionLimits {
  /**
   * Shortest `max_session_ttl` among the roles, in milliseconds; 12 h when none sets one. Callers apply their own
   * limits too. For sessions of the kind `device`, which have an end of their own, only what a role sets.
   */
  ttlMs(roles: readonly string[], kind?: Session['kind']): number
  /**
   * Shortest non-zero `idle_timeout`, and for sessions of the kind `hub`, which reach the API, `admin_idle_timeout`, in milliseconds; 0
   * for no idle limit.
   */
  idleMs(roles: readonly string[], kind?: Session['kind']): number
  /**
   * Shortest non-zero `confirm_changes`, in milliseconds: a change of administration needs a confirmation with a passkey that is
   * not older. 0 or absent: none is needed.
   */
  confirmMs?(roles: readonly string[]): number
}

/** Limits of the duration of sessions. Provided by rbac. */
export const sessionLimits = serviceRef<SessionLimits>('sessionLimits')
