import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'

/** All times are in milliseconds since the epoch, by the clock of the hub that wrote them. Keys are sealed. */
export const acmeMigrations: Migrations = {
  owner: 'acme',
  transient: ['acme_challenges'],
  migrations: {
    '0001-acme': {
      async up(db) {
        await sql`CREATE TABLE acme_accounts (
          directory text PRIMARY KEY,
          key bytea NOT NULL,
          url text
        )`.execute(db)
        await sql`CREATE TABLE acme_certificates (
          name text PRIMARY KEY,
          names text[] NOT NULL,
          imported boolean NOT NULL DEFAULT false,
          chain text,
          key bytea,
          directory text,
          hub text,
          renew_at double precision,
          renewal_check double precision,
          attempts integer NOT NULL DEFAULT 0,
          last_error text,
          next_attempt double precision,
          order_url text,
          order_directory text,
          order_key bytea
        )`.execute(db)
        await sql`CREATE TABLE acme_challenges (
          host text NOT NULL,
          certificate text NOT NULL,
          token text NOT NULL,
          proof bytea NOT NULL,
          PRIMARY KEY (host, token)
        )`.execute(db)
        await sql`CREATE TABLE acme_attempts (
          id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
          directory text NOT NULL,
          names text[] NOT NULL,
          at double precision NOT NULL,
          renewal boolean NOT NULL,
          issued boolean NOT NULL DEFAULT false,
          failed text[] NOT NULL DEFAULT '{}'
        )`.execute(db)
      },
    },
  },
}
