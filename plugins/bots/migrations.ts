import type { Database, Migrations } from '@mezite/core'

/** A row of `bots`. */
export interface BotRow {
  readonly name: string
  /** JSON. */
  readonly document: string
  /** New whenever a proof or a limit was taken away: sessions of the former holder end. */
  readonly holder: string
  /** SHA-256 of the secret, base64url; null if there is none. */
  readonly secret_hash: string | null
  /** Milliseconds since the epoch. */
  readonly secret_created: number | null
  /** When it was last used, within an hour. */
  readonly secret_used: number | null
  /** The secret before, which counts until `old_until`. */
  readonly old_hash: string | null
  readonly old_created: number | null
  readonly old_used: number | null
  readonly old_until: number | null
  /** The identity that has agreed that the bot acts for it (`User.holder`); null: nobody has, so an agent does not count. */
  readonly acts_holder: string | null
  /** When it agreed, and the time of the passkey's confirmation, which counts once. */
  readonly consented: number | null
  readonly confirmed: number | null
  /** 1 if the person has made it: it is removed with the person. */
  readonly own: number | null
  readonly updated: number
}

export type BotTables = {
  bots: BotRow
  /** Hashes of proofs that were used, until they would have expired. */
  bots_spent: { hash: string; expires: number }
}

export const botMigrations: Migrations = {
  owner: 'bots',
  migrations: {
    '0001-bots': {
      async up(db: Database) {
        await db.schema
          .createTable('bots')
          .addColumn('name', 'text', (column) => column.primaryKey())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('holder', 'text', (column) => column.notNull())
          .addColumn('secret_hash', 'text')
          .addColumn('secret_created', 'bigint')
          .addColumn('updated', 'bigint', (column) => column.notNull())
          .execute()
        await db.schema
          .createTable('bots_spent')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('expires', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
    '0002-old-secret': {
      async up(db: Database) {
        await db.schema
          .alterTable('bots')
          .addColumn('secret_used', 'bigint')
          .addColumn('old_hash', 'text')
          .addColumn('old_created', 'bigint')
          .addColumn('old_used', 'bigint')
          .addColumn('old_until', 'bigint')
          .execute()
      },
    },
    '0003-agents': {
      async up(db: Database) {
        await db.schema
          .alterTable('bots')
          .addColumn('acts_holder', 'text')
          .addColumn('consented', 'bigint')
          .addColumn('confirmed', 'bigint')
          .addColumn('own', 'integer')
          .execute()
      },
    },
  },
}
