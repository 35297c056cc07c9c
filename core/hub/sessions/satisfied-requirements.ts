import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import type { SessionTables } from './migrations.ts'

/** Removes the requirements met with `by` from the user's sessions. */
export async function forgetMet(
  trx: Transaction,
  change: Pick<Change, 'touch'>,
  user: string,
  by: string,
): Promise<void> {
  const own = trx.withTables<SessionTables>()
  const sessions = await own
    .selectFrom('sessions')
    .select(['id', 'satisfied'])
    .where('user_name', '=', user)
    .where('ended', 'is', null)
    .execute()
  for (const { id, satisfied } of sessions) {
    const all = JSON.parse(satisfied) as SatisfiedRequirement[]
    const left = all.filter((entry) => entry.by !== by)
    if (left.length === all.length) continue
    await own
      .updateTable('sessions')
      .set({ satisfied: JSON.stringify(left) })
      .where('id', '=', id)
      .execute()
    change.touch('session', id)
  }
}

/** The requirements that a session ticket may still carry over: those that its hub session has not lost in the meantime. */
export async function stillMet(
  trx: Transaction,
  hubSession: string,
  satisfied: string,
): Promise<readonly SatisfiedRequirement[]> {
  const row = await trx
    .withTables<SessionTables>()
    .selectFrom('sessions')
    .select('satisfied')
    .where('id', '=', hubSession)
    .executeTakeFirst()
  const held = JSON.parse(row?.satisfied ?? '[]') as SatisfiedRequirement[]
  const all = JSON.parse(satisfied) as SatisfiedRequirement[]
  return all.filter(({ by }) => by === undefined || held.some((entry) => entry.by === by))
}
