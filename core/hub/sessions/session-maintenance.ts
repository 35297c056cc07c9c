import { type RawBuilder, sql } from 'kysely'
import type { AuditInput } from '../../api/audit.ts'
import type { Database } from '../../api/database.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { EndReason, Session } from '../../api/sessions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import type { SessionTable, SessionTables } from './migrations.ts'
import type { SessionStore } from './session-store.ts'

const EVERY_MS = 10_000
/** Another hub may have seen a use that is not written yet. */
const IDLE_GRACE_MS = 2 * EVERY_MS
/** How long ended sessions and spent codes stay in the database. */
const KEPT_MS = 3_600_000
const BATCH = 500

/** Writes last uses, learns those of other hubs, ends what has expired and deletes what ended long ago. */
export function createSessionUpkeep(options: {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write'>
  readonly store: Pick<SessionStore, 'all' | 'byId'>
  readonly endedAudit: (row: SessionTable, reason: EndReason) => AuditInput | null
  readonly clock: Clock
  readonly log: Log
}) {
  const { revisions, store, endedAudit, clock, log } = options
  const db = options.db.withTables<SessionTables>()
  let dirty = new Map<string, Session>()
  let learnedAt = 0
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function flush(): Promise<void> {
    const used = dirty
    dirty = new Map()
    const all = [...used.values()]
    try {
      for (let at = 0; at < all.length; at += BATCH) {
        const values = all
          .slice(at, at + BATCH)
          .map(({ id, lastUsed }) => sql`(${id}::text, ${lastUsed}::float8)`)
        await sql`UPDATE sessions SET last_used = used.at FROM (VALUES ${sql.join(values)}) AS used (id, at)
          WHERE sessions.id = used.id AND sessions.last_used < used.at`.execute(db)
      }
    } catch (error) {
      for (const [id, session] of used) dirty.set(id, session)
      throw error
    }
  }

  /** Sessions with an idle limit may be in use at another hub. */
  async function learn(): Promise<void> {
    const since = learnedAt - IDLE_GRACE_MS
    learnedAt = clock.now()
    const rows = await db
      .selectFrom('sessions')
      .select(['id', 'last_used'])
      .where('idle_ms', '>', 0)
      .where('last_used', '>', since)
      .where('ended', 'is', null)
      .execute()
    for (const { id, last_used } of rows) {
      const session = store.byId(id)?.session
      if (session && session.lastUsed < last_used) session.lastUsed = last_used
    }
  }

  async function endExpired(): Promise<void> {
    const now = clock.now()
    const over = [...store.all()].some(
      ({ session: { expires, idleMs, lastUsed } }) =>
        expires <= now || (idleMs > 0 && lastUsed + idleMs + IDLE_GRACE_MS <= now),
    )
    if (!over) return
    const idle = sql<boolean>`idle_ms > 0 AND last_used + idle_ms <= ${now - IDLE_GRACE_MS}`
    await endWhere(sql<boolean>`expires <= ${now}`, 'expired', now)
    await endWhere(idle, 'idle', now)
  }

  /** Some at a time, so that other changes come between. */
  async function endWhere(isOver: RawBuilder<boolean>, reason: EndReason, now: number): Promise<void> {
    let ended = BATCH
    while (ended === BATCH) {
      ended = await revisions.write(async (trx, change) => {
        const own = trx.withTables<SessionTables>()
        const some = own.selectFrom('sessions').select('id').where('ended', 'is', null).where(isOver)
        const rows = (await own
          .updateTable('sessions')
          .set({ ended: now, end_reason: reason })
          .where('id', 'in', some.limit(BATCH))
          .returningAll()
          .execute()) as SessionTable[]
        for (const row of rows) {
          change.touch('session', row.id)
          const event = endedAudit(row, reason)
          if (event) await change.audit(event)
        }
        return rows.length
      })
    }
  }

  async function purge(): Promise<void> {
    const before = clock.now() - KEPT_MS
    await db.deleteFrom('sessions').where('ended', '<', before).execute()
    await db.deleteFrom('session_handovers').where('expires', '<', before).execute()
  }

  async function run(): Promise<void> {
    await flush()
    await learn()
    await endExpired()
    await purge()
  }

  return {
    used: (session: Session): void => void dirty.set(session.id, session),
    run,
    start(): void {
      timer = setInterval(() => {
        running = running
          .then(run)
          .catch((error) => log.warn({ cause: messageOf(error) }, 'sessions were not tidied'))
      }, EVERY_MS)
    },
    async stop(): Promise<void> {
      clearInterval(timer)
      await running
      await flush().catch((error) => log.warn({ cause: messageOf(error) }, 'last uses were not written'))
    },
  }
}
