import { sql } from 'kysely'
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
/** Another hub may know of a use that it has not written yet. */
const IDLE_GRACE_MS = 2 * EVERY_MS
/** How long ended sessions and spent codes stay in the database. */
const KEPT_MS = 3_600_000
const BATCH = 500

/** A session to end unless it was used on some hub after `unusedSince`, in milliseconds since the epoch. */
interface Over {
  readonly id: string
  readonly unusedSince: number
}

/** Writes last uses, reads those of other hubs, and ends expired sessions; `purge` deletes those that ended long ago. */
export function createSessionUpkeep(options: {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write'>
  readonly store: Pick<SessionStore, 'all' | 'byId' | 'whyDead'>
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
        // Waiting for a busy row here could block the change that has locked it. It comes with the next call.
        const { rows: busy } = await sql<{ id: string }>`
          WITH used (id, at) AS (VALUES ${sql.join(values)}), free AS (
            SELECT id, at FROM sessions JOIN used USING (id) WHERE last_used < at FOR UPDATE OF sessions SKIP LOCKED
          ), stored AS (UPDATE sessions SET last_used = free.at FROM free WHERE sessions.id = free.id)
          SELECT id FROM sessions JOIN used USING (id) LEFT JOIN free USING (id)
          WHERE last_used < used.at AND ended IS NULL AND free.at IS NULL`.execute(db)
        for (const { id } of busy) dirty.set(id, used.get(id)!)
      }
    } catch (error) {
      for (const [id, session] of used) dirty.set(id, session)
      throw error
    }
  }

  /** Reads last uses: a session with an idle limit may be in use on another hub. */
  async function learn(): Promise<void> {
    const since = learnedAt - IDLE_GRACE_MS
    const now = clock.now()
    const ids = [...store.all()].flatMap(({ session: { id, idleMs } }) => (idleMs > 0 ? [id] : []))
    if (ids.length === 0) return
    const rows = await db
      .selectFrom('sessions')
      .select(['id', 'last_used'])
      .where(sql<boolean>`id = ANY(${ids}::text[])`)
      .where('last_used', '>', since)
      .where('ended', 'is', null)
      .execute()
    for (const { id, last_used } of rows) {
      const session = store.byId(id)?.session
      if (session && session.lastUsed < last_used) session.lastUsed = last_used
    }
    learnedAt = now
  }

  async function endExpired(): Promise<void> {
    const now = clock.now()
    const expired: Over[] = []
    const idle: Over[] = []
    for (const { session } of store.all()) {
      const { id, idleMs, lastUsed } = session
      const unusedSince = now - idleMs - IDLE_GRACE_MS
      if (store.whyDead(id) === 'expired') expired.push({ id, unusedSince: Number.MAX_SAFE_INTEGER })
      else if (idleMs > 0 && lastUsed <= unusedSince) idle.push({ id, unusedSince })
    }
    await endAll(expired, 'expired', now)
    await endAll(idle, 'idle', now)
  }

  /** Ends sessions that no hub has used since, in batches so that other changes can run in between. */
  async function endAll(over: readonly Over[], reason: EndReason, now: number): Promise<void> {
    for (let at = 0; at < over.length; at += BATCH) {
      const some = over.slice(at, at + BATCH)
      const ids = some.map(({ id }) => id)
      const since = some.map(({ unusedSince }) => unusedSince)
      await revisions.write(async (trx, change) => {
        const { rows } = await sql<SessionTable>`UPDATE sessions SET ended = ${now}, end_reason = ${reason}
          FROM unnest(${ids}::text[], ${since}::float8[]) AS unused (session, since)
          WHERE id = session AND ended IS NULL AND last_used <= since RETURNING sessions.*`.execute(trx)
        for (const row of rows) {
          change.touch('session', row.id)
          const event = endedAudit(row, reason)
          if (event) await change.audit(event)
        }
      })
    }
  }

  /** Deletes sessions that ended long ago, once for the cluster. */
  async function purge(): Promise<void> {
    const before = clock.now() - KEPT_MS
    await db.deleteFrom('sessions').where('ended', '<', before).execute()
    await db.deleteFrom('session_handovers').where('expires', '<', before).execute()
  }

  async function run(): Promise<void> {
    await flush()
    await learn()
    await flush()
    await endExpired()
  }

  return {
    purge,
    used: (session: Session): void => void dirty.set(session.id, session),
    run,
    start(): void {
      timer = setInterval(() => {
        running = running
          .then(run)
          .catch((error) => log.warn({ cause: messageOf(error) }, 'session maintenance failed'))
      }, EVERY_MS)
    },
    async stop(): Promise<void> {
      clearInterval(timer)
      await running
      await flush()
        .then(flush)
        .catch((error) => log.warn({ cause: messageOf(error) }, 'failed to write the last uses of sessions'))
    },
  }
}
