import { sql } from 'kysely'
import type { Database } from '../../api/database.ts'

/** The row of a job, and how long until it is due, in milliseconds. */
export interface JobRow {
  readonly name: string
  readonly next_run: Date
  readonly holder: string | null
  readonly hub: string | null
  readonly finished: Date | null
  readonly result: string | null
  readonly failures: number
  readonly wait_ms: number
}

/** The outcome of a run. */
export interface Outcome {
  readonly failed: boolean
  readonly result: string | null
  /** When it is due again, in milliseconds from now. */
  readonly nextMs: number
}

const interval = (ms: number) => sql`make_interval(secs => ${ms / 1_000}::float8)`

/** The table of jobs. All times are compared in the database, so clocks of hubs do not matter. */
export function createLeases(options: {
  readonly db: Database
  readonly instanceId: string
  /** How long a hub has a job without renewing its lease, in milliseconds. */
  readonly leaseMs: number
}) {
  const { db, instanceId, leaseMs } = options
  return {
    leaseMs,
    /** Adds rows for jobs that are new; these are due at once. */
    async announce(names: readonly string[]): Promise<void> {
      await sql`INSERT INTO jobs (name) SELECT unnest(${names}::text[]) ON CONFLICT DO NOTHING`.execute(db)
    },
    async look(names: readonly string[]): Promise<readonly JobRow[]> {
      const { rows } = await sql<JobRow>`SELECT name, next_run, holder, hub, finished, result, failures,
        (extract(epoch FROM greatest(next_run, lease_until) - now()) * 1000)::float8 AS wait_ms
        FROM jobs WHERE name = ANY (${names}::text[])`.execute(db)
      return rows
    },
    async ask(name: string): Promise<void> {
      await sql`UPDATE jobs SET next_run = least(next_run, now()), again = holder IS NOT NULL
        WHERE name = ${name}`.execute(db)
    },
    /** True if this hub has the lease now. */
    async claim(name: string): Promise<boolean> {
      const { rows } = await sql`UPDATE jobs SET holder = ${instanceId}, started = now(), again = false,
          lease_until = now() + ${interval(leaseMs)}
        WHERE name = ${name} AND next_run <= now() AND (lease_until IS NULL OR lease_until <= now())
        RETURNING name`.execute(db)
      return rows.length > 0
    },
    /** False if another hub may have the lease by now. */
    async renew(name: string): Promise<boolean> {
      const { rows } = await sql`UPDATE jobs SET lease_until = now() + ${interval(leaseMs)}
        WHERE name = ${name} AND holder = ${instanceId} AND lease_until > now() RETURNING name`.execute(db)
      return rows.length > 0
    },
    /** Ends the lease with the outcome; does nothing if another hub has it. */
    async finish(name: string, { failed, result, nextMs }: Outcome): Promise<void> {
      await sql`UPDATE jobs SET holder = NULL, lease_until = NULL, hub = ${instanceId}, finished = now(),
          result = ${result}, failures = CASE WHEN ${failed}::boolean THEN failures + 1 ELSE 0 END,
          next_run = CASE WHEN again THEN now() ELSE now() + ${interval(nextMs)} END
        WHERE name = ${name} AND holder = ${instanceId}`.execute(db)
    },
    /** Ends the lease of a run that has not ended by itself: another hub starts it again at once. */
    async release(name: string): Promise<void> {
      await sql`UPDATE jobs SET holder = NULL, lease_until = NULL WHERE name = ${name}
        AND holder = ${instanceId}`.execute(db)
    },
  }
}

export type Leases = ReturnType<typeof createLeases>
