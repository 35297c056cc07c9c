import type { Actor } from '../../api/audit.ts'
import type { AuthorityKey, AuthorityName } from '../../api/certificate-authorities.ts'

/** The steps of a rotation in order; each requires the one before it. */
export const ROTATION_STEPS = ['start', 'switch', 'finish', 'rollback'] as const
export type RotationStep = (typeof ROTATION_STEPS)[number]

/**
 * The phase of a rotation. `started`: a new key is published and trusted but does not sign yet. `switched`: the new key
 * signs, and certificates signed by the old one are still valid.
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
 * Takes one step of a rotation. When it resolves, the step is in effect on this hub; the others follow within a second.
 * Throws `Problem` 409 `rotation_phase` when the step is not possible now.
 */
export type Rotate = (name: AuthorityName, step: RotationStep, by: Actor) => Promise<void>

/** An agent, login or join token that the next step would lock out. */
export interface Waiting {
  readonly kind: 'agent' | 'login' | 'join-token'
  /** Host name, user name or id. */
  readonly name: string
  /** When its credential expires anyway, in milliseconds since the epoch. */
  readonly until: number
}
