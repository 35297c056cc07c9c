import type { Database, Migrations } from '@mezite/core'

/** Signed contents that were admitted, by their hash. Times in milliseconds since the epoch. */
export type PublicPathTables = { public_path_uses: { readonly hash: string; readonly expires: number } }

export const publicPathMigrations: Migrations = {
  owner: 'public-paths',
  transient: ['public_path_uses'],
  migrations: {
    '0001-uses': {
      async up(db: Database) {
        await db.schema
          .createTable('public_path_uses')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('expires', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
  },
}
