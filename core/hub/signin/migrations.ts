import type { Database, Migrations } from '../../api/database.ts'

/** Codes that a command line exchanges for its credential. Made only for people who are signed in. */
export const signInMigrations: Migrations = {
  owner: 'sign-in',
  migrations: {
    '0001-cli-codes': {
      async up(db: Database) {
        await db.schema
          .createTable('sign_in_cli_codes')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('challenge', 'text', (column) => column.notNull())
          .addColumn('session_id', 'text', (column) => column.notNull())
          .addColumn('expires', 'bigint', (column) => column.notNull())
          .addColumn('used_at', 'bigint')
          .execute()
      },
    },
  },
}
