import { sql } from 'kysely'
import type { Database, Migrations } from '../../api/database.ts'

/** Tables of agents and their join tokens. */
export const tunnelMigrations: Migrations = {
  owner: 'core-tunnel',
  transient: ['join_tokens'],
  migrations: {
    '0001-agents': {
      async up(db: Database) {
        await sql`CREATE TABLE agents (
          hostname text PRIMARY KEY,
          created timestamptz NOT NULL,
          cert_serial text NOT NULL,
          previous_serial text,
          cert_expires timestamptz NOT NULL,
          generation integer NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE join_tokens (
          id uuid PRIMARY KEY,
          hash text NOT NULL UNIQUE,
          agent_hostname text,
          created timestamptz NOT NULL,
          expires timestamptz NOT NULL,
          used_at timestamptz,
          used_by text
        )`.execute(db)
      },
    },
    '0002-rotation': {
      async up(db: Database) {
        await sql`ALTER TABLE agents ADD COLUMN cert_authority text`.execute(db)
        await sql`ALTER TABLE agents ADD COLUMN hub_ca_pins text`.execute(db)
      },
    },
    '0003-repeated-joins': {
      async up(db: Database) {
        await sql`ALTER TABLE join_tokens ADD COLUMN used_key text`.execute(db)
        await sql`ALTER TABLE join_tokens ADD COLUMN used_serial text`.execute(db)
      },
    },
  },
}
