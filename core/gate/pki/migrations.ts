import { sql } from 'kysely'
import type { AuthorityState } from '../../api/certificate-authorities.ts'
import type { Database, Migrations } from '../../api/database.ts'

export interface AuthorityTable {
  readonly id: string
  readonly name: string
  /** One row of each name is `active` and signs; the others are only trusted. */
  readonly state: AuthorityState
  readonly certificate: string
  readonly sealed_key: Uint8Array
  readonly created: Date
  /** When it entered this state; null: when it was created. */
  readonly changed: Date | null
}

export type KeysTables = {
  readonly authorities: AuthorityTable
}

/** Tables of the certificate authorities. The partial index makes hubs that start together create only one authority. */
export const keysMigrations: Migrations = {
  owner: 'core-keys',
  migrations: {
    '0001-authorities': {
      async up(db: Database) {
        await sql`CREATE TABLE authorities (
          id uuid PRIMARY KEY,
          name text NOT NULL,
          state text NOT NULL,
          certificate text NOT NULL,
          sealed_key bytea NOT NULL,
          created timestamptz NOT NULL
        )`.execute(db)
        await sql`CREATE UNIQUE INDEX authorities_active ON authorities (name) WHERE state = 'active'`.execute(
          db,
        )
      },
    },
    '0002-rotation': {
      async up(db: Database) {
        await sql`ALTER TABLE authorities ADD COLUMN changed timestamptz`.execute(db)
      },
    },
  },
}
