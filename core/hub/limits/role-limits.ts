import type { SessionLimits } from '../../api/session-limits.ts'
import { MezError } from '../../kernel/error.ts'

/** What roles allow that do not limit it: also the longest life of a session in a browser. */
export const DEFAULT_TTL_MS = 12 * 3_600_000

/** What the roles of a person allow a session, in milliseconds; `idleMs` 0: no idle limit. */
export interface RoleLimits {
  readonly ttlMs: number
  readonly idleMs: number
}

/** Asks the plugin that knows the limits, if there is one. Throws `MEZ_HOOK_FAILED` when it returns anything else. */
export function roleLimits(limits: SessionLimits | undefined, roles: readonly string[]): RoleLimits {
  if (limits === undefined) return { ttlMs: DEFAULT_TTL_MS, idleMs: 0 }
  return { ttlMs: checked(limits.ttlMs(roles)), idleMs: checked(limits.idleMs(roles)) }
}

/** Every comparison with NaN is false: such a limit would never be reached. */
function checked(ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new MezError('MEZ_HOOK_FAILED', '`sessionLimits` must return a number of milliseconds')
}
