import { testSecretBox } from '@mezite/core/testing'
import { sql } from 'kysely'
import { NUMBERS_OF_DAY } from '../../../plugins/audit-database/chain-writer.ts'
import { openCheckpointKey } from '../../../plugins/audit-database/checkpoint-key.ts'
import { createDayPartitions, dayOf } from '../../../plugins/audit-database/day-partitions.ts'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { noteSpans } from '../../../plugins/audit-database/trail-spans.ts'
import { fillTrail, HOUR_MS, type Stretch, TRAIL } from '../../plugins/audit-database/long-trail.ts'
import { keptLog, open, PATIENT } from '../../state/database/stores.ts'

export const DAY_MS = 24 * HOUR_MS
/** Millions of rows are filled in by one statement. */
const FILL_MS = 30 * 60_000

/** So many events in each of these days, in whole contexts. */
export const eventsOfDay = (events: number, days: number): number =>
  Math.floor(events / days / TRAIL.ofContext) * TRAIL.ofContext

/** The number before the first event of a day, counted from the beginning of the trail. */
export const beforeDay = (day: number): number => dayOf(TRAIL.beginning + day * DAY_MS) * NUMBERS_OF_DAY

/** The tables of the audit trail in a database of PostgreSQL, without a hub. */
export async function openTrail(url: string) {
  const limits = { ...PATIENT, statementMs: FILL_MS, responseMs: FILL_MS }
  const database = await open({ driver: 'postgres', url }, limits)
  const { db } = database
  const log = keptLog()
  const clock = { at: TRAIL.beginning, now: () => clock.at }
  const days = createDayPartitions({
    database: db,
    url,
    retentionRole: null,
    clock: clock as never,
    log,
    smallest: 0,
  })
  const fill = async (stretch: Partial<Stretch>): Promise<void> => {
    await fillTrail(db, { ...TRAIL, ...stretch })
    // Of all events, so that no span has events of two days.
    await noteSpans(db, undefined, { longest: 16_384, shortest: 1 })
  }
  await database.migrate([auditMigrations])
  const key = await openCheckpointKey(db, testSecretBox())
  return {
    db,
    url,
    log,
    /** Signs checkpoints, and the start of what is left. */
    key: () => key,
    /** Of the partitions. */
    clock,
    fill,
    /** Stores events of a day, counted from the beginning of the trail, in its own partitions. */
    async fillDay(day: number, stretch: Pick<Stretch, 'events'> & Partial<Stretch>): Promise<void> {
      const beginning = TRAIL.beginning + day * DAY_MS
      clock.at = beginning
      await days.keep()
      const failed = log.lines.find((line) => /^failed/.test(String(line[1])))
      if (failed) throw new Error(JSON.stringify(failed))
      await fill({ beginning, hours: 24, before: beforeDay(day), ...stretch })
    },
    /** As the server does by itself, sooner or later. */
    vacuum: async (): Promise<void> => void (await sql`VACUUM ANALYZE`.execute(db)),
    close: (): Promise<void> => database.close(),
  }
}

export type Trail = Awaited<ReturnType<typeof openTrail>>
