import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'

/** Tables of the change sequence. */
export type ChangeTables = {
  /** Exactly one row. Its lock orders all changes. `tag` distinguishes two histories with the same number. */
  readonly change_sequence: { readonly id: number; readonly n: number; readonly tag: string }
  /** One row for each number that is not pruned. `touched` is JSON: `[kind, key, 1 if no decision depends on it][]`. */
  readonly change_log: {
    readonly n: number
    readonly tag: string
    readonly touched: string
    readonly at: Date
  }
  /** A fixed number of rows, which the first opening adds. The lock of a row orders the openings of its lane; `tag` as above. */
  readonly opening_sequence: { readonly lane: number; readonly n: number; readonly tag: string }
  /** One row for each number of a lane that is not pruned. `touched` is JSON: `[kind, key][]`. */
  readonly opening_log: {
    readonly lane: number
    readonly n: number
    readonly tag: string
    readonly touched: string
  }
}

/** The tables of the database room itself. */
export const databaseMigrations: Migrations = {
  owner: 'core-database',
  transient: ['opening_sequence', 'opening_log'],
  migrations: {
    '0001-changes': {
      async up(db) {
        await sql`CREATE TABLE change_sequence (
          id integer PRIMARY KEY CHECK (id = 1),
          n bigint NOT NULL,
          tag uuid NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE change_log (
          n bigint PRIMARY KEY,
          tag uuid NOT NULL,
          touched text NOT NULL,
          at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
        await sql`INSERT INTO change_sequence (id, n, tag) VALUES (1, 0, gen_random_uuid())`.execute(db)
        await sql`INSERT INTO change_log (n, tag, touched) SELECT n, tag, '[]' FROM change_sequence`.execute(
          db,
        )
      },
    },
    '0002-openings': {
      async up(db) {
        await sql`CREATE TABLE opening_sequence (
          lane integer PRIMARY KEY,
          n bigint NOT NULL,
          tag uuid NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE opening_log (
          lane integer NOT NULL,
          n bigint NOT NULL,
          tag uuid NOT NULL,
          touched text NOT NULL,
          PRIMARY KEY (lane, n)
        )`.execute(db)
      },
    },
  },
}
