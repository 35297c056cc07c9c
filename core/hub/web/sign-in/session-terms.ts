import type { SignInParts } from './sign-in-parts.ts'

/** A hub session lasts no longer, whatever the roles allow; it is also what roles allow that say nothing. */
const LONGEST_MS = 12 * 3_600_000

/** How long a session of somebody with these roles may last, at most `longestMs` (12 h); `expires` in milliseconds since the epoch. */
export function sessionTerms(
  { sessionLimits, clock }: Pick<SignInParts, 'sessionLimits' | 'clock'>,
  roles: readonly string[],
  longestMs = LONGEST_MS,
): { readonly expires: number; readonly idleMs: number } {
  const limits = sessionLimits()
  const ttlMs = Math.min(limits?.ttlMs(roles) ?? LONGEST_MS, longestMs)
  return { expires: clock.now() + ttlMs, idleMs: limits?.idleMs(roles) ?? 0 }
}
