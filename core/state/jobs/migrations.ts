import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'

/** Times are the database's. */
export type JobTables = {
  readonly jobs: {
    readonly name: string
    /** Due from then on. */
    readonly next_run: Date
    /** It was asked to run again while it was running. */
    readonly again: boolean
    /** The hub that has the lease, until `lease_until`; both null while nobody runs it. */
    readonly holder: string | null
    readonly lease_until: Date | null
    /** The last run that ended: which hub, when it began and ended, and what came of it. */
    readonly hub: string | null
    readonly started: Date | null
    readonly finished: Date | null
    readonly result: string | null
    /** How many runs have failed since the last one that succeeded. */
    readonly failures: number
  }
}

export const jobsMigrations: Migrations = {
  owner: 'core-jobs',
  transient: ['jobs'],
  migrations: {
    '0001-jobs': {
      async up(db) {
        await sql`CREATE TABLE jobs (
          name text PRIMARY KEY,
          next_run timestamptz NOT NULL DEFAULT now(),
          again boolean NOT NULL DEFAULT false,
          holder text,
          lease_until timestamptz,
          hub text,
          started timestamptz,
          finished timestamptz,
          result text,
          failures integer NOT NULL DEFAULT 0
        )`.execute(db)
      },
    },
  },
}
