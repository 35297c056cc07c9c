import type { Database, Migrations } from '@mezite/core'
import { sql } from 'kysely'

/** Upper bounds of latency, in milliseconds; a request above all of them counts as the last. */
export const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

/** Sums over one period. */
export interface Counters {
  requests: number
  errors: number
  bytesIn: number
  bytesOut: number
  /** Requests by `BOUNDS`. */
  readonly latencies: number[]
}

export const createCounters = (): Counters => ({
  requests: 0,
  errors: 0,
  bytesIn: 0,
  bytesOut: 0,
  latencies: BOUNDS.map(() => 0),
})

/** The counters of one hub for one period. `app` is empty for the sum over all apps. */
export interface TrafficRow {
  readonly stepMs: number
  /** Start of the period, milliseconds since the epoch. */
  readonly time: number
  readonly app: string
  readonly counters: Counters
  /** Most live sessions of the cluster at one time. */
  readonly sessions: number
}

/** Counters summed over all hubs, by start of the period or by app. */
export interface Sums extends Counters {
  readonly key: string
  readonly sessions: number
}

/** What all hubs of the cluster have counted. */
export interface TrafficStore {
  /** Replaces this hub's rows of the same period and app. */
  write(rows: readonly TrafficRow[]): Promise<void>
  /** Deletes rows of all hubs from before `oldest` of their step. */
  prune(oldest: Readonly<Record<number, number>>): Promise<void>
  byTime(stepMs: number, since: number, app: string): Promise<readonly Sums[]>
  /** The apps with most requests first, at most 500. */
  byApp(stepMs: number, since: number): Promise<readonly Sums[]>
}

const MOST_APPS = 500
/** Rows of one statement. */
const BATCH = 200
const buckets = BOUNDS.map((_bound, index) => `bucket_${index}`)
const numbers = ['requests', 'errors', 'bytes_in', 'bytes_out', 'sessions', ...buckets]

type Tables = {
  dashboard_traffic: { hub: string; step: number; time: number; app: string } & Record<
    string,
    number | string
  >
}

export const trafficMigrations: Migrations = {
  owner: 'dashboard',
  migrations: {
    '0001-traffic': {
      async up(db: Database) {
        let table = db.schema
          .createTable('dashboard_traffic')
          .addColumn('hub', 'text', (column) => column.notNull())
          .addColumn('step', 'double precision', (column) => column.notNull())
          .addColumn('time', 'double precision', (column) => column.notNull())
          .addColumn('app', 'text', (column) => column.notNull())
        for (const name of numbers)
          table = table.addColumn(name, 'double precision', (column) => column.notNull())
        await table
          .addPrimaryKeyConstraint('dashboard_traffic_key', ['step', 'app', 'time', 'hub'] as never)
          .execute()
      },
    },
  },
}

/** `hub` names this hub's rows; each start of a hub has another name, so that a restart adds to what was counted. */
export function createTrafficStore(database: Database, hub: string): TrafficStore {
  const db = database.withTables<Tables>()

  /** `app`: null for all. */
  async function sums(
    key: 'time' | 'app',
    { stepMs, since, app }: { stepMs: number; since: number; app: string | null },
  ) {
    const columns = numbers.map(
      (name) => sql`${sql.raw(name === 'sessions' ? 'max' : 'sum')}(${sql.ref(name)}) as ${sql.ref(name)}`,
    )
    const { rows } = await sql<Record<string, number | string>>`
      select ${sql.ref(key)} as key, ${sql.join(columns)} from dashboard_traffic
      where step = ${stepMs} and time >= ${since} and ${app === null ? sql`app <> ''` : sql`app = ${app}`}
      group by ${sql.ref(key)} order by sum(requests) desc limit ${MOST_APPS}`.execute(db)
    return rows.map(readSums)
  }

  return {
    async write(rows) {
      for (let at = 0; at < rows.length; at += BATCH) {
        await db
          .insertInto('dashboard_traffic')
          .values(rows.slice(at, at + BATCH).map((row) => ({ hub, ...columnsOf(row) })) as never)
          .onConflict((conflict) =>
            conflict
              .columns(['step', 'app', 'time', 'hub'])
              .doUpdateSet(
                (row) =>
                  Object.fromEntries(
                    numbers.map((name) => [name, row.ref(`excluded.${name}` as never)]),
                  ) as never,
              ),
          )
          .execute()
      }
    },
    async prune(oldest) {
      for (const [step, time] of Object.entries(oldest))
        await db
          .deleteFrom('dashboard_traffic')
          .where('step', '=', Number(step))
          .where('time', '<', time)
          .execute()
    },
    byTime: (stepMs, since, app) => sums('time', { stepMs, since, app }),
    byApp: (stepMs, since) => sums('app', { stepMs, since, app: null }),
  }
}

function columnsOf({ stepMs, time, app, counters, sessions }: TrafficRow) {
  const { requests, errors, bytesIn, bytesOut, latencies } = counters
  return {
    step: stepMs,
    time,
    app,
    requests,
    errors,
    sessions,
    bytes_in: bytesIn,
    bytes_out: bytesOut,
    ...Object.fromEntries(buckets.map((name, index) => [name, latencies[index] ?? 0])),
  }
}

function readSums(row: Record<string, number | string>): Sums {
  const number = (name: string) => Number(row[name])
  return {
    key: String(row.key),
    requests: number('requests'),
    errors: number('errors'),
    bytesIn: number('bytes_in'),
    bytesOut: number('bytes_out'),
    sessions: number('sessions'),
    latencies: buckets.map(number),
  }
}
