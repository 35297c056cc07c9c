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
    /** The session whose sign-in this one shares; null: it is that one. */
    origin: string | null
    refresh_token: Uint8Array | null
    /** When the provider is asked again, and since when it has not answered; milliseconds since the epoch. */
    next_check: number | null
    failing_since: number | null
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
    '0002-recheck': {
      async up(db: Database) {
        await db.schema
          .alterTable('oidc_logins')
          .addColumn('origin', 'text')
          .addColumn('refresh_token', 'bytea')
          .addColumn('next_check', 'bigint')
          .addColumn('failing_since', 'bigint')
          .execute()
        await db.schema.createIndex('oidc_logins_next_check').on('oidc_logins').column('next_check').execute()
      },
    },
  },
}
