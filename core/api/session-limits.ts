import { serviceRef } from '../kernel/reference.ts'

/**
 * What a user's roles allow a session to last. Asked again after each change of access data: open sessions keep the lesser
 * of what they began with and what holds now. Provided by rbac; without it the defaults hold (12 h, no idle limit).
 */
export interface SessionLimits {
  /** Shortest `max_session_ttl` among the roles, in milliseconds; 12 h when none says so. Callers have limits of their own. */
  ttlMs(roles: readonly string[]): number
  /** Shortest non-zero `idle_timeout`, in milliseconds; 0: none. */
  idleMs(roles: readonly string[]): number
}

/** How long a person's sessions may last. Provided by rbac. */
export const sessionLimits = serviceRef<SessionLimits>('sessionLimits')
