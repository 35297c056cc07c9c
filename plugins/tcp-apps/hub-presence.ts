import type { AuditInput, Clock, Database, Revisions } from '@mezite/core'
import type { OpenTable, OpenTables } from './migrations.ts'

const BEAT_MS = 5_000
const LOST_MS = 30_000

/**
 * Reports in the database that this hub is alive. A hub that has not been seen for half a minute counts as gone, and the
 * first hub that notices records the ends of its connections, as `hub_lost` and without byte counts. On a database that only
 * one hub can open, every other hub is gone when this one starts.
 */
export function createHubPresence(options: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'write' | 'alone'>
  readonly instance: string
  readonly clock: Clock
  /** Another hub took this one for gone. */
  readonly missed: () => Promise<void>
}) {
  const { revisions, instance, clock, missed } = options
  const db = options.database.withTables<OpenTables>()
  let databaseAheadMs = 0
  let beatAt = Number.NEGATIVE_INFINITY
  let reapAt = Number.NEGATIVE_INFINITY
  let okAt = Number.POSITIVE_INFINITY
  let steadySince = Number.NEGATIVE_INFINITY

  /** The time by the clock of the database, because those of hubs may differ. Milliseconds since the epoch. */
  async function databaseNow(): Promise<number> {
    const query = db.selectNoFrom((build) => build.fn<Date>('now').as('now'))
    const now = (await query.executeTakeFirstOrThrow()).now.getTime()
    databaseAheadMs = now - clock.now()
    return now
  }

  async function report(): Promise<void> {
    const seen = await databaseNow()
    const own = await db
      .updateTable('tcp_apps_hubs')
      .set({ seen })
      .where('instance', '=', instance)
      .returning('instance')
      .execute()
    if (own.length > 0) return
    // Done before this hub is registered again, so that both steps are repeated if one fails.
    if (beatAt !== Number.NEGATIVE_INFINITY) await missed()
    await db
      .insertInto('tcp_apps_hubs')
      .values({ instance, seen })
      .onConflict((conflict) => conflict.column('instance').doUpdateSet({ seen }))
      .execute()
  }

  /** Records the ends of the connections of hubs that were last seen before this time. */
  async function recordEnds(before: number): Promise<void> {
    const lost = await db.selectFrom('tcp_apps_hubs').selectAll().where('seen', '<', before).execute()
    for (const hub of lost) {
      if (hub.instance === instance) continue
      await revisions.write(async (trx, change) => {
        const own = trx.withTables<OpenTables>()
        const dead = await own
          .deleteFrom('tcp_apps_hubs')
          .where('instance', '=', hub.instance)
          .where('seen', '<', before)
          .returning('seen')
          .execute()
        if (dead.length === 0) return
        const left = await own
          .deleteFrom('tcp_apps_open')
          .where('instance', '=', hub.instance)
          .returningAll()
          .execute()
        for (const row of left as OpenTable[]) await change.audit(lostEvent(row, hub.seen))
      })
    }
  }

  return {
    /** The time of the database as last read. */
    databaseTime: () => clock.now() + databaseAheadMs,
    /** Call it often; it does something every five seconds. */
    async beat(): Promise<void> {
      const now = clock.monotonic()
      if (now - beatAt < BEAT_MS) return
      await report()
      beatAt = now
    },
    /** Call it after each use of the database that succeeded. */
    async reap(): Promise<void> {
      const first = okAt === Number.POSITIVE_INFINITY
      const now = clock.monotonic()
      // After an outage of the database no hub has been seen for a while; each gets time to report that it is alive.
      if (now - okAt > 2 * BEAT_MS) steadySince = now
      okAt = now
      if (now - reapAt < BEAT_MS || now - steadySince < LOST_MS) return
      reapAt = now
      await recordEnds(first && revisions.alone ? Number.MAX_SAFE_INTEGER : (await databaseNow()) - LOST_MS)
    },
    async leave(): Promise<void> {
      await db.deleteFrom('tcp_apps_hubs').where('instance', '=', instance).execute()
    },
  }
}

function lostEvent(row: OpenTable, seen: number): AuditInput {
  const event = JSON.parse(row.event) as AuditInput
  return {
    ...event,
    type: 'app.session.end',
    fields: {
      ...event.fields,
      bytes_in: null,
      bytes_out: null,
      duration_ms: Math.max(0, Math.round(seen - row.started)),
      end_reason: 'hub_lost',
    },
  }
}
