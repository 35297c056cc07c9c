import { sql } from 'kysely'
import { createCheckpoints } from '../../../plugins/audit-database/checkpoints.ts'
import { createPruner } from '../../../plugins/audit-database/retention.ts'
import { TRAIL } from '../../plugins/audit-database/long-trail.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { alone, type Figure, most } from '../row.ts'
import { DAY_MS, eventsOfDay, openTrail, type Trail } from '../targets/trail.ts'

const RETENTION_MS = 90 * DAY_MS
/** After the end of a day, all of its events are old enough. */
const AFTERWARDS_MS = 1_000
/** Events that one round deletes one by one. */
const PIECE = 10_000

export const pruning = {
  name: 'pruning',
  summary:
    'retention of an audit trail of --events events: a day that goes as a partition, and events that go one by one',
  compares: 'equal: nothing is compared; the hub stores nothing meanwhile, and all of the trail is in memory',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const postgres = await machine.postgres()
    // A note says so: the embedded database has no partitions.
    if (postgres === null) return []
    return [
      ...(await withTrail(machine, await postgres.createDatabase(), 'days', wholeDays)),
      ...(await withTrail(machine, await postgres.createDatabase(), 'one by one', oneByOne)),
    ]
  },
}

const withTrail = (
  machine: BenchMachine,
  url: string,
  name: string,
  measure: (machine: BenchMachine, trail: Trail) => Promise<Figure[]>,
): Promise<Figure[]> =>
  machine.part(name, async () => {
    const trail = await openTrail(url)
    try {
      return await measure(machine, trail)
    } finally {
      await trail.close()
    }
  })

async function wholeDays(machine: BenchMachine, trail: Trail): Promise<Figure[]> {
  const { events, rounds } = machine.options
  // A round that is void has pruned too, and the last day stays.
  const days = 2 * rounds + 2
  const ofDay = eventsOfDay(events, days)
  const { db, log, key, clock } = trail
  const checkpoints = createCheckpoints({ database: db, key, clock: clock as never, log })
  for (let day = 0; day < days; day++) {
    await trail.fillDay(day, { events: ofDay })
    await sql`INSERT INTO audit_database_chains (hub, n, hash, seq)
      SELECT hub, n, hash, seq FROM audit_database_events ORDER BY seq DESC LIMIT 1
      ON CONFLICT (hub) DO UPDATE SET n = excluded.n, hash = excluded.hash, seq = excluded.seq`.execute(db)
    await checkpoints.take()
  }
  await trail.vacuum()
  const target = { name: 'a day' }
  const of = await inRounds(machine, [target], async (_, round) => {
    const ms = await prune(trail, (round + 1) * DAY_MS + AFTERWARDS_MS)
    const { rows } = await sql<{ oldest: Date }>`SELECT time AS oldest FROM audit_database_requests
      ORDER BY seq LIMIT 1`.execute(db)
    const oldest = (rows[0]?.oldest.getTime() ?? 0) - TRAIL.beginning
    if (Math.floor(oldest / DAY_MS) !== round + 1) throw new Error(`day ${round} has not gone alone`)
    return { ms }
  })
  const took = of(target).map(({ ms }) => ms)
  return [alone(`a day of ${ofDay.toLocaleString('en-US')} events goes`, 'ms', took, most(1_000, 300))]
}

async function oneByOne(machine: BenchMachine, trail: Trail): Promise<Figure[]> {
  const events = eventsOfDay(machine.options.events, 1)
  await trail.fill({ events })
  await trail.vacuum()
  const eventMs = (TRAIL.hours * 3_600_000) / events
  const target = { name: 'one by one' }
  const of = await inRounds(machine, [target], async (_, round) => {
    const ms = await prune(trail, (round + 1) * PIECE * eventMs)
    return { perSecond: (PIECE / ms) * 1_000 }
  })
  const rates = of(target).map(({ perSecond }) => perSecond)
  return [alone(`events that go one by one, of ${events.toLocaleString('en-US')}`, 'a second', rates)]
}

/** Deletes what is older than so many milliseconds after the beginning of the trail; resolves with how long it took. */
async function prune({ db, url, log, key }: Trail, olderThanMs: number): Promise<number> {
  const pruner = createPruner({
    database: db,
    url,
    retentionRole: null,
    key,
    log,
    periods: { others: RETENTION_MS, byType: {} },
    clock: { now: () => TRAIL.beginning + olderThanMs + RETENTION_MS } as never,
  })
  const begun = performance.now()
  const gone = await pruner.prune()
  if (gone === 0) throw new Error('nothing has gone')
  return performance.now() - begun
}
