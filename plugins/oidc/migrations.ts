import type { Database, Migrations } from '@mezite/core'

/** Tables of the plugin. The client secret and ID tokens are sealed by the secret box. */
export type OidcTables = {
  oidc_connectors: { name: string; document: string; client_secret: Uint8Array | null; updated: number }
  oidc_logins: {
    session_id: string
    connector: string
    sub: string
    sid: string | null
    id_token: Uint8Array
    created: number
  }
  oidc_spent: { hash: string; expires: number }
}

export const oidcMigrations: Migrations = {
  owner: 'oidc',
  transient: ['oidc_logins'],
  migrations: {
    '0001-connectors': {
      async up(db: Database) {
        await db.schema
          .createTable('oidc_connectors')
          .addColumn('name', 'text', (column) => column.primaryKey())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('client_secret', 'bytea')
          .addColumn('updated', 'bigint', (column) => column.notNull())
          .execute()
        await db.schema
          .createTable('oidc_logins')
          .addColumn('session_id', 'text', (column) => column.primaryKey())
          .addColumn('connector', 'text', (column) => column.notNull())
          .addColumn('sub', 'text', (column) => column.notNull())
          .addColumn('sid', 'text')
          .addColumn('id_token', 'bytea', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .execute()
        await db.schema
          .createIndex('oidc_logins_sub')
          .on('oidc_logins')
          .columns(['connector', 'sub'])
          .execute()
        await db.schema
          .createTable('oidc_spent')
          .addColumn('hash', 'text', (column) => column.primaryKey())
          .addColumn('expires', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
  },
}
