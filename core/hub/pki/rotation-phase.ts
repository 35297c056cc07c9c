import type { Actor } from '../../api/audit.ts'
import type { AuthorityKey, AuthorityName } from '../../api/certificate-authorities.ts'

/** What an operator may ask for; each step takes the one before it for granted. */
export const ROTATION_STEPS = ['start', 'switch', 'finish', 'rollback'] as const
export type RotationStep = (typeof ROTATION_STEPS)[number]

/**
 * Where a rotation stands. `started`: a new key is published and trusted, and signs nothing yet. `switched`: it signs,
 * and what the old one signed still counts.
 */
export type RotationPhase = 'standby' | 'started' | 'switched'

export function phaseOf(keys: readonly Pick<AuthorityKey, 'state'>[]): RotationPhase {
  if (keys.some(({ state }) => state === 'coming')) return 'started'
  return keys.some(({ state }) => state === 'overlap') ? 'switched' : 'standby'
}

export const STEPS_OF: Readonly<Record<RotationPhase, readonly RotationStep[]>> = {
  standby: ['start'],
  started: ['switch', 'rollback'],
  switched: ['finish', 'rollback'],
}

/**
 * Takes an authority one step on. When it resolves, this hub works by it, and the others within a second. Throws
 * `Problem` 409 `rotation_phase` when the step is not possible now.
 */
export type Rotate = (name: AuthorityName, step: RotationStep, by: Actor) => Promise<void>

/** Somebody who would be shut out by the next step. */
export interface Waiting {
  readonly kind: 'agent' | 'login' | 'join-token'
  /** Host name, user name or id. */
  readonly name: string
  /** Milliseconds since the epoch: when its credential ends anyway. */
  readonly until: number
}
