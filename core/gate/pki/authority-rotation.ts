import type { AuthorityAdministration, RotationPhase, RotationStep } from '../../api/administration.ts'
import type { AuthorityKey, AuthorityName } from '../../api/certificate-authorities.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { AuthorityTable, KeysTables } from './migrations.ts'

function phaseOf(keys: readonly Pick<AuthorityKey, 'state'>[]): RotationPhase {
  if (keys.some(({ state }) => state === 'coming')) return 'started'
  return keys.some(({ state }) => state === 'overlap') ? 'switched' : 'standby'
}

const STEPS_OF: Readonly<Record<RotationPhase, readonly RotationStep[]>> = {
  standby: ['start'],
  started: ['switch', 'rollback'],
  switched: ['finish', 'rollback'],
}

/** See `AuthorityAdministration.phaseOf`. */
export function rotationOf(
  keys: readonly Pick<AuthorityKey, 'state'>[],
): ReturnType<AuthorityAdministration['phaseOf']> {
  const phase = phaseOf(keys)
  return { phase, steps: STEPS_OF[phase] }
}

/** Each step is one change, so that hubs never see half of a step and two operators cannot take the same step twice. */
export function createRotate(options: {
  readonly revisions: Pick<Revisions, 'write'>
  /** A new key, not stored yet. */
  readonly makeKey: (name: AuthorityName) => Promise<AuthorityTable>
  readonly clock: Clock
}): AuthorityAdministration['rotate'] {
  const { revisions, makeKey, clock } = options
  return async (name, step, by) => {
    const fresh = step === 'start' ? await makeKey(name) : null
    await revisions.write(async (trx, change) => {
      const tables = trx.withTables<KeysTables>()
      const keys = await tables
        .selectFrom('authorities')
        .select(['id', 'state'])
        .where('name', '=', name)
        .execute()
      const { phase, steps } = rotationOf(keys)
      if (!steps.includes(step)) throw impossible(name, step, phase)
      const changed = new Date(clock.now())
      const move = (id: string, state: AuthorityTable['state']) =>
        tables.updateTable('authorities').set({ state, changed }).where('id', '=', id).execute()
      const [active] = keys.filter(({ state }) => state === 'active')
      const [other] = keys.filter(({ state }) => state !== 'active')
      if (fresh) {
        await tables
          .insertInto('authorities')
          .values({ ...fresh, state: 'coming', changed })
          .execute()
      } else if (!active || !other) {
        throw impossible(name, step, phase)
      } else if (step === 'finish' || (phase === 'started' && step === 'rollback')) {
        await tables.deleteFrom('authorities').where('id', '=', other.id).execute()
      } else {
        // `switch` and `rollback`: certificates of both keys stay valid until the rotation finishes; one key is active.
        await move(active.id, 'overlap')
        await move(other.id, 'active')
      }
      change.touch('key', name)
      await change.audit({ type: 'key.rotated', success: true, by, fields: { name, step } })
    }, by)
  }
}

function impossible(name: string, step: string, phase: RotationPhase): Problem {
  const possible = STEPS_OF[phase].join(' or ')
  return problemFor(
    'rotation_phase',
    `The ${name} is in phase "${phase}": "${step}" is not possible now. Possible: ${possible}.`,
  )
}
