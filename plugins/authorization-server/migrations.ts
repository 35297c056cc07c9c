import type { Database, Migrations } from '@mezite/core'

/** What the library stores: codes, tokens, grants, its sessions, and clients that registered themselves. */
export interface RecordRow {
  /** Model and, if the id is a secret, its hash. */
  readonly key: string
  readonly model: string
  /** JSON. */
  readonly payload: string
  readonly grant_id: string | null
  readonly uid: string | null
  readonly user_code: string | null
  /** The id of the account: `User.holder` of the person. */
  readonly account: string | null
  readonly client_id: string | null
  /** The hub session that a session of the library belongs to, or the session of an access token. */
  readonly session_id: string | null
  /** Milliseconds since the epoch. */
  readonly consumed: number | null
  readonly created: number
  /** Milliseconds since the epoch; null: never. */
  readonly expires: number | null
}

/** The OpenID client of an app. */
export interface AppClientRow {
  readonly app_id: string
  /** SHA-256, base64url. */
  readonly secret_hash: string
  /** JSON array. */
  readonly redirect_uris: string
  readonly logout_uri: string | null
  readonly created: number
}

/** A program that an operator made known. */
export interface OperatorClientRow {
  readonly id: string
  readonly name: string
  /** JSON array. */
  readonly redirect_uris: string
  readonly device: boolean
  readonly created: number
}

/** An ended sign-in of which an app has not been told yet. */
export interface LogoutRow {
  readonly id: string
  readonly client_id: string
  /** `sub` of the person. */
  readonly account: string
  readonly sid: string
  readonly attempts: number
  readonly created: number
  readonly next_attempt: number
}

export type Tables = {
  authorization_server_records: RecordRow
  authorization_server_app_clients: AppClientRow
  authorization_server_clients: OperatorClientRow
  authorization_server_logouts: LogoutRow
  authorization_server_secrets: { name: string; sealed: Uint8Array }
}

/** Which keys sign ID tokens and logout tokens, for `createSigningKeys`. */
export const tokenKeys = {
  name: 'oidc',
  signs: 'ID tokens',
  table: 'authorization_server_keys',
  algorithm: 'RS256',
} as const

export const serverMigrations: Migrations = {
  owner: 'authorization-server',
  transient: ['authorization_server_records', 'authorization_server_logouts'],
  migrations: {
    '0001-records': {
      async up(db: Database) {
        await db.schema
          .createTable('authorization_server_records')
          .addColumn('key', 'text', (column) => column.primaryKey())
          .addColumn('model', 'text', (column) => column.notNull())
          .addColumn('payload', 'text', (column) => column.notNull())
          .addColumn('grant_id', 'text')
          .addColumn('uid', 'text')
          .addColumn('user_code', 'text')
          .addColumn('account', 'text')
          .addColumn('client_id', 'text')
          .addColumn('session_id', 'text')
          .addColumn('consumed', 'bigint')
          .addColumn('created', 'bigint', (column) => column.notNull())
          .addColumn('expires', 'bigint')
          .execute()
        for (const column of [
          'grant_id',
          'uid',
          'user_code',
          'account',
          'client_id',
          'session_id',
          'expires',
        ])
          await db.schema
            .createIndex(`authorization_server_records_${column}`)
            .on('authorization_server_records')
            .column(column)
            .execute()
        await db.schema
          .createTable('authorization_server_keys')
          .addColumn('kid', 'text', (column) => column.primaryKey())
          .addColumn('public_jwk', 'text', (column) => column.notNull())
          .addColumn('private_key', 'bytea', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .addColumn('active_from', 'bigint', (column) => column.notNull())
          .execute()
        await db.schema
          .createTable('authorization_server_secrets')
          .addColumn('name', 'text', (column) => column.primaryKey())
          .addColumn('sealed', 'bytea', (column) => column.notNull())
          .execute()
      },
    },
    '0002-app-clients': {
      async up(db: Database) {
        await db.schema
          .createTable('authorization_server_app_clients')
          .addColumn('app_id', 'text', (column) => column.primaryKey())
          .addColumn('secret_hash', 'text', (column) => column.notNull())
          .addColumn('redirect_uris', 'text', (column) => column.notNull())
          .addColumn('logout_uri', 'text')
          .addColumn('created', 'bigint', (column) => column.notNull())
          .execute()
        await db.schema
          .createTable('authorization_server_logouts')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('client_id', 'text', (column) => column.notNull())
          .addColumn('account', 'text', (column) => column.notNull())
          .addColumn('sid', 'text', (column) => column.notNull())
          .addColumn('attempts', 'integer', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .addColumn('next_attempt', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
    '0003-operator-clients': {
      async up(db: Database) {
        await db.schema
          .createTable('authorization_server_clients')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('name', 'text', (column) => column.notNull().unique())
          .addColumn('redirect_uris', 'text', (column) => column.notNull())
          .addColumn('device', 'boolean', (column) => column.notNull())
          .addColumn('created', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
  },
}
