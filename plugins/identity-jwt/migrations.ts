import type { Database, Migrations } from '@mezite/core'

export type KeyTables = {
  identity_jwt_keys: {
    kid: string
    /** JWK as JSON; public part only. */
    public_jwk: string
    /** PKCS #8 DER, sealed by the secret box. */
    private_key: Uint8Array
    created: number | string
    /** Signs from this time on; published before. Milliseconds since the epoch. */
    active_from: number | string
  }
}

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
