import type { Database, Migrations } from '@mezite/core'
import { sql } from 'kysely'
import { RANGES } from '../plugins/dashboard/traffic.ts'
import { BOUNDS } from '../plugins/dashboard/traffic-store.ts'
import type { LargeSizes } from './large-data.ts'
import { large } from './large-rows.ts'
import { fillTrail, HOUR_MS, TRAIL, type TrailNames } from './plugins/audit-database/long-trail.ts'

/** Requests that a person makes at an app in one session. */
const OF_CONTEXT = 10
const HOURS = 10 * 24

const many = (count: number, name: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => name(at))

const namesOf = ({ people, apps, agents }: LargeSizes): TrailNames => ({
  // A fifth of them, so that each has done something on every day.
  people: many(Math.ceil(people / 5), (at) => large.person(at * 5)),
  apps: many(apps, large.app),
  agents: many(apps, (at) => large.agentOf(at, agents)),
  rare: null,
})

/**
 * The audit trail of the last ten days of a large company. As migrations, so that it is there before the hub records its
 * first event: those after it get the next numbers.
 */
export const trailMigrations = (sizes: LargeSizes): Migrations => ({
  owner: 'large-data',
  migrations: {
    '0001-trail': {
      async up(db) {
        if (sizes.events === 0) return
        const events = Math.floor(sizes.events / OF_CONTEXT) * OF_CONTEXT
        const beginning = Date.now() - HOURS * HOUR_MS
        const names = namesOf(sizes)
        await fillTrail(db, {
          ...TRAIL,
          events,
          ofContext: OF_CONTEXT,
          hours: HOURS,
          beginning,
          former: 0,
          swing: 0.8,
          names,
        })
      },
    },
  },
})

/** Writes the counters that the dashboard would have written about the requests of the trail. */
export async function countTraffic(db: Database): Promise<void> {
  for (const range of Object.values(RANGES)) await countRange(db, range)
}

async function countRange(
  db: Database,
  { stepMs, points }: { stepMs: number; points: number },
): Promise<void> {
  const value = (at: number) => sql`split_part(parts, E'\t', ${at})::float8`
  const buckets = BOUNDS.map((_, at) => sql.raw(`bucket_${at}`))
  const inBucket = BOUNDS.map(
    (bound, at) =>
      sql`count(*) FILTER (WHERE ms <= ${at === BOUNDS.length - 1 ? Number.MAX_SAFE_INTEGER : bound} AND ms > ${BOUNDS[at - 1] ?? -1})`,
  )
  await sql`INSERT INTO dashboard_traffic (hub, step, time, app, requests, errors, bytes_in, bytes_out, sessions, ${sql.join(buckets)})
    SELECT 'large-data', ${stepMs}, period * ${stepMs}, coalesce(app, ''), count(*), count(*) FILTER (WHERE status >= 500),
      sum(bytes_in), sum(bytes_out), count(DISTINCT session_id), ${sql.join(inBucket)}
    FROM (SELECT floor(extract(epoch FROM time)::float8 * 1000 / ${stepMs}::float8) AS period, app, session_id,
        ${value(4)} AS status, ${value(5)} AS bytes_in, ${value(6)} AS bytes_out, ${value(7)} AS ms
      FROM audit_database_requests JOIN audit_database_contexts AS of ON of.id = context
      WHERE time > to_timestamp(${Date.now() - stepMs * points}::float8 / 1000)) AS request
    GROUP BY GROUPING SETS ((period, app), (period))`.execute(db)
}
