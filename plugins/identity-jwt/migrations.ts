import type { Database, Migrations } from '@mezite/core'

/** Which keys sign the assertion, for `createSigningKeys`. */
export const assertionKeys = {
  name: 'app-jwt',
  signs: 'identity assertions',
  table: 'identity_jwt_keys',
  algorithm: 'ES256',
} as const

export const identityJwtMigrations: Migrations = {
  owner: 'identity-jwt',
  migrations: {
    '0001-keys': {
      async up(db: Database) {
        await db.schema
          .createTable('identity_jwt_keys')
          .addColumn('kid', 'text', (column) => column.primaryKey())
          .addColumn('public_jwk', 'text', (column) => column.notNull())
          .addColumn('private_key', 'bytea', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .addColumn('active_from', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
  },
}
