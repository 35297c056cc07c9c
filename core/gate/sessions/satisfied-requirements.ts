import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import type { SatisfiedRequirement } from '../../api/subject.ts'
import { excludeOpenings } from '../../state/revisions/opening-log.ts'
import type { SessionTables } from './migrations.ts'

/** See `Sessions.remember`. */
export async function rememberMet(
  trx: Transaction,
  change: Pick<Change, 'touch'>,
  sessionId: string,
  met: SatisfiedRequirement,
): Promise<void> {
  const { name, level, by, appId } = met
  const own = trx.withTables<SessionTables>()
  const row = await own
    .selectFrom('sessions')
    .select('satisfied')
    .where('id', '=', sessionId)
    .where('kind', 'in', appId === null ? ['hub'] : ['cert', 'token'])
    .where('ended', 'is', null)
    .executeTakeFirst()
  if (!row) return
  const before = (JSON.parse(row.satisfied) as SatisfiedRequirement[]).filter(
    (entry) => entry.name !== name || entry.level !== level || entry.by !== by || entry.appId !== appId,
  )
  const satisfied = JSON.stringify([...before, met])
  await own.updateTable('sessions').set({ satisfied }).where('id', '=', sessionId).execute()
  change.touch('session', sessionId)
}

/** Removes the requirements met with `by` from the user's sessions. */
export async function forgetMet(
  trx: Transaction,
  change: Pick<Change, 'touch'>,
  user: string,
  by: string,
): Promise<void> {
  // Otherwise a ticket that is redeemed meanwhile could carry one over to a session of an app.
  await excludeOpenings(trx)
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

/** The requirements of a session ticket that its hub session has not lost in the meantime. Both lists are JSON. */
export function stillMet(ticket: string, hubSession: string): readonly SatisfiedRequirement[] {
  const held = JSON.parse(hubSession) as SatisfiedRequirement[]
  const all = JSON.parse(ticket) as SatisfiedRequirement[]
  return all.filter(({ by }) => by === undefined || held.some((entry) => entry.by === by))
}
