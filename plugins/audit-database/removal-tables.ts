import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const removalTables: Migration = {
  async up(db) {
    await sql`CREATE TABLE audit_database_removals (
      number bigint PRIMARY KEY,
      statement text NOT NULL,
      signature text NOT NULL
    )`.execute(db)
    // The links from `n` to `last` of a chain, the first of them at `seq`; the hash of the link before, and that of the last.
    await sql`CREATE TABLE audit_database_gaps (
      removal bigint NOT NULL,
      seq bigint NOT NULL,
      hub text NOT NULL,
      n bigint NOT NULL,
      last bigint NOT NULL,
      before text NOT NULL,
      hash text NOT NULL,
      PRIMARY KEY (removal, seq)
    )`.execute(db)
  },
}
