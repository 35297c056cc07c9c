import { serviceRef } from '../kernel/reference.ts'

/**
 * How long the roles of a user allow a session to last. Called again after each change of access data: open sessions keep
 * the lesser of their stored limits and the current ones. Without a provider the defaults apply (12 h, no idle limit).
 */
export interface SessionLimits {
  /** Shortest `max_session_ttl` among the roles, in milliseconds; 12 h when none sets one. Callers have limits of their own. */
  ttlMs(roles: readonly string[]): number
  /** Shortest non-zero `idle_timeout`, in milliseconds; 0: none. */
  idleMs(roles: readonly string[]): number
}

/** How long a person's sessions may last. Provided by rbac. */
export const sessionLimits = serviceRef<SessionLimits>('sessionLimits')
