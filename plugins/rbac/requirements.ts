import type { RequirementKind } from '@mezite/core'

/** `require_session_mfa` of a role: a passkey confirms each app session, or one confirmation is fresh enough for several. */
export type SessionMfa = {
  readonly name: 'session-mfa'
  readonly level: 'webauthn' | 'hardware_key'
  /** How long a confirmation for another app counts, in milliseconds; 0: it never does. */
  readonly freshnessMs: number
}

/** By ascending strength. */
const LEVELS: readonly string[] = ['webauthn', 'hardware_key']
/** How much the clocks of two hubs may differ. */
const CLOCK_SKEW_MS = 5_000

/** An unknown level of a requirement counts as the strongest, so that no weaker one meets it. */
const rank = (level: string): number => (LEVELS.includes(level) ? LEVELS.indexOf(level) : LEVELS.length)

/** The requirements that roles contain. Another plugin leads browsers to where they are met. */
export const roleRequirements: readonly RequirementKind[] = [
  {
    name: 'session-mfa',
    reason: 'session_mfa_required',
    title: 'A passkey is required',
    detail:
      'This application opens only after you confirm with a passkey, which is not possible here. Ask your administrator for help.',
    mfa: true,
    strictest: (a: SessionMfa, b: SessionMfa): SessionMfa => ({
      name: 'session-mfa',
      level: rank(a.level) >= rank(b.level) ? a.level : b.level,
      freshnessMs: Math.min(a.freshnessMs, b.freshnessMs),
    }),
    isMetBy({ level, freshnessMs }: SessionMfa, entry, { appId, now }) {
      if (!LEVELS.includes(entry.level) || rank(entry.level) < rank(level)) return false
      if (entry.appId === appId) return true
      const age = now - entry.at
      return freshnessMs > 0 && age <= freshnessMs && age >= -CLOCK_SKEW_MS
    },
  },
  {
    name: 'trusted-device',
    reason: 'device_trust_required',
    title: 'A trusted device is required',
    detail:
      'This application opens only on devices that your organization trusts, and this device is not one of them. Ask your administrator for help.',
  },
]
