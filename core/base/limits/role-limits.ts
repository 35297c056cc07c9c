import type { SessionLimits } from '../../api/session-limits.ts'
import type { Session } from '../../api/sessions.ts'
import { MezError } from '../../kernel/error.ts'

/** The session lifetime for roles without a limit; also the longest lifetime of a browser session. */
export const DEFAULT_TTL_MS = 12 * 3_600_000

/** The session limits of a person's roles, in milliseconds; `idleMs` is 0 for no idle limit. */
export interface RoleLimits {
  readonly ttlMs: number
  readonly idleMs: number
}

/** Reads the limits from the plugin that provides them, if any. Throws `MEZ_HOOK_FAILED` if they are not valid. */
export function roleLimits(
  limits: SessionLimits | undefined,
  roles: readonly string[],
  kind?: Session['kind'],
): RoleLimits {
  if (limits === undefined)
    return { ttlMs: kind === 'device' ? Number.POSITIVE_INFINITY : DEFAULT_TTL_MS, idleMs: 0 }
  return { ttlMs: checked(limits.ttlMs(roles, kind)), idleMs: checked(limits.idleMs(roles, kind)) }
}

/** Rejects NaN: every comparison with it is false, so the limit would never be reached. */
function checked(ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new MezError('MEZ_HOOK_FAILED', '`sessionLimits` must return a number of milliseconds')
}
