import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'

/** The live hubs, their cut streams and their open streams. Not access data, so it bypasses the change sequence. */
export type HubTables = {
  /** `applied`: the last change after which this hub has re-checked its live streams. Times are the database's. */
  readonly hubs: {
    readonly id: string
    readonly version: string
    readonly started: Date
    readonly seen: Date
    readonly applied: number
    /** `host:port` where the other hubs reach its public port; null: it accepts no links. */
    readonly address: string | null
    /** Whether it reads new sessions from the log of openings; hubs of older versions do not know the column. */
    readonly openings: boolean
    /** Whether it relays streams to agents; hubs of older versions do not know the column. */
    readonly relays: boolean
  }
  /** Streams that a hub cut because of the changes after `after` up to `n`. */
  readonly hub_cuts: {
    readonly hub: string
    readonly after: number
    readonly n: number
    readonly streams: number
    readonly at: Date
  }
  /** `sessions` is JSON: the number of live streams on this hub, by session id. */
  readonly hub_streams: { readonly hub: string; readonly sessions: string }
}

export const hubsMigrations: Migrations = {
  owner: 'core-hubs',
  transient: ['hubs', 'hub_cuts', 'hub_streams'],
  migrations: {
    '0001-hubs': {
      async up(db) {
        await sql`CREATE TABLE hubs (
          id text PRIMARY KEY,
          version text NOT NULL,
          started timestamptz NOT NULL DEFAULT now(),
          seen timestamptz NOT NULL DEFAULT now(),
          applied bigint NOT NULL DEFAULT -1
        )`.execute(db)
        await sql`CREATE TABLE hub_cuts (
          hub text NOT NULL,
          after bigint NOT NULL,
          n bigint NOT NULL,
          streams integer NOT NULL,
          at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (hub, n)
        )`.execute(db)
      },
    },
    '0002-streams': {
      async up(db) {
        await sql`CREATE TABLE hub_streams (hub text PRIMARY KEY, sessions text NOT NULL)`.execute(db)
      },
    },
    '0003-address': {
      async up(db) {
        await sql`ALTER TABLE hubs ADD COLUMN address text`.execute(db)
      },
    },
    '0004-openings': {
      async up(db) {
        await sql`ALTER TABLE hubs ADD COLUMN openings boolean NOT NULL DEFAULT false`.execute(db)
      },
    },
    '0005-relays': {
      async up(db) {
        await sql`ALTER TABLE hubs ADD COLUMN relays boolean NOT NULL DEFAULT false`.execute(db)
      },
    },
  },
}
