import { MezError } from '../../kernel/error.ts'
import type { SignInParts } from './sign-in-deps.ts'

/** A hub session lasts no longer, whatever the roles allow; it is also what roles allow that say nothing. */
const LONGEST_MS = 12 * 3_600_000

/**
 * How long a session of somebody with these roles may last, at most `longestMs` (12 h); `expires` in milliseconds since
 * the epoch. Throws `MEZ_HOOK_FAILED` when the plugin that knows the limits says what is none.
 */
export function sessionTerms(
  { sessionLimits, clock }: Pick<SignInParts, 'sessionLimits' | 'clock'>,
  roles: readonly string[],
  longestMs = LONGEST_MS,
): { readonly expires: number; readonly idleMs: number } {
  const limits = sessionLimits()
  const ttlMs = Math.min(limits ? checked(limits.ttlMs(roles)) : LONGEST_MS, longestMs)
  return { expires: clock.now() + ttlMs, idleMs: limits ? checked(limits.idleMs(roles)) : 0 }
}

/** Of NaN and the like every comparison is false: such a limit would never be reached. */
function checked(ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new MezError('MEZ_HOOK_FAILED', "a plugin's sessionLimits says no number of milliseconds")
}
