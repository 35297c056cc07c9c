import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'

export interface AppTable {
  readonly id: string
  readonly name: string
  /** Null for a TCP app of a hub without a domain for apps. */
  readonly public_addr: string | null
  /** The complete document as JSON. */
  readonly document: string
  /** JSON: the encrypted values of secret headers, by name; null: there are none. */
  readonly secrets: string | null
  /** Milliseconds since the epoch, as everywhere in these tables. */
  readonly created: number
  readonly updated: number
}

export type CatalogTables = { readonly apps: AppTable }

/** The table of apps. */
export const catalogMigrations: Migrations = {
  owner: 'core-catalog',
  migrations: {
    '0001-apps': {
      async up(db) {
        await sql`CREATE TABLE apps (
          id text PRIMARY KEY,
          name text NOT NULL UNIQUE,
          public_addr text UNIQUE,
          document text NOT NULL,
          created double precision NOT NULL,
          updated double precision NOT NULL
        )`.execute(db)
      },
    },
    '0002-app-secrets': {
      async up(db) {
        await sql`ALTER TABLE apps ADD COLUMN secrets text`.execute(db)
      },
    },
  },
}
