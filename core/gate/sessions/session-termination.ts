import { sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import type { Change } from '../../api/revisions.ts'
import type { EndReason } from '../../api/sessions.ts'
import type { Subject } from '../../api/subject.ts'
import type { SessionTable, SessionTables } from './migrations.ts'
import type { SessionEvents } from './session-events.ts'

export interface Ending {
  /** May be many: one statement ends all of them, and one more ends their child sessions. */
  readonly ids: readonly string[]
  readonly reason: EndReason
  /** Null: the audit event names the user of each session. */
  readonly actor: Subject | null
}

/** Ends sessions and their child sessions inside a change; resolves to their number. `now` in milliseconds since the epoch. */
export async function endSessions(
  trx: Transaction,
  change: Pick<Change, 'touch' | 'audit'>,
  { ids, reason, actor }: Ending,
  events: Pick<SessionEvents, 'ended'>,
  now: number,
): Promise<number> {
  const own = trx.withTables<SessionTables>()
  const chosen = new Set(ids)
  const ended: SessionTable[] = []
  let next: readonly string[] = [...chosen]
  let column: 'id' | 'parent_id' = 'id'
  while (next.length > 0) {
    const rows = (await own
      .updateTable('sessions')
      .set({ ended: now, end_reason: reason })
      // As one parameter: a statement can have at most 65,535.
      .where(sql<boolean>`${sql.ref(column)} = ANY(${next}::text[])`)
      .where('ended', 'is', null)
      .returningAll()
      .execute()) as SessionTable[]
    ended.push(...rows)
    next = rows.map(({ id }) => id)
    column = 'parent_id'
  }
  // Only `events.ended` records these app sessions: they end because of what their user does.
  const followed = reason === 'logout' || reason === 'superseded'
  for (const row of ended) {
    change.touch('session', row.id)
    if (chosen.has(row.id) && !(followed && row.kind === 'app')) {
      await change.audit({
        type: reason === 'logout' ? 'user.logout' : 'session.revoked',
        success: true,
        user: actor?.user ?? row.user_name,
        roles: actor?.roles ?? null,
        clientIp: reason === 'logout' ? row.client_ip : null,
        sessionId: reason === 'logout' ? row.id : (actor?.sessionId ?? null),
        fields: {
          name: row.id,
          session_user: row.user_name,
          end_reason: reason,
          connector: row.connector,
        },
      })
    }
    const event = events.ended(row, reason)
    if (event) await change.audit(event)
  }
  return ended.length
}
