import type { Database, Migrations } from '@mezite/core'

/** A request that waits for its signature. Times in milliseconds since the epoch. */
export interface IntentRow {
  readonly id: string
  /** JSON of `IntentDocument`. */
  readonly document: string
  /** `waiting`, then `signed` or `declined`, then `used`. */
  readonly state: string
  /** JSON of `SignedBy`; null until it is signed. */
  readonly proof: string | null
  readonly expires: number
}

export type IntentTables = { signed_intents: IntentRow }

export const intentMigrations: Migrations = {
  owner: 'signed-intent',
  transient: ['signed_intents'],
  migrations: {
    '0001-intents': {
      async up(db: Database) {
        await db.schema
          .createTable('signed_intents')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('state', 'text', (column) => column.notNull())
          .addColumn('proof', 'text')
          .addColumn('expires', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
  },
}
