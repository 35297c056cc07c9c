import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'

export interface UserTable {
  /** Case-folded name. */
  readonly key: string
  readonly name: string
  /** JSON arrays. */
  readonly own_roles: string
  readonly mapped_roles: string
  readonly issuer: string | null
  readonly sub: string | null
  readonly connector: string | null
  readonly created: number
  readonly last_login: number | null
  /** JSON of a `Profile`, or null. */
  readonly profile: string | null
  /** See `User.adminKept`. */
  readonly admin_kept: number | null
}

export interface LockTable {
  readonly id: string
  readonly kind: 'user' | 'role' | 'session' | 'app' | 'agent'
  readonly target: string
  readonly message: string | null
  readonly created: number
  readonly expires: number | null
  /** The user name of the administrator; null: older than this column. */
  readonly author: string | null
}

export interface GrantTable {
  readonly id: string
  readonly user_name: string
  /** `Session.holder` of the account when the grant started. */
  readonly holder: string | null
  readonly role: string
  /** JSON: see `Grant.apps`. */
  readonly apps: string | null
  readonly started: number
  readonly until: number
  readonly ended: number | null
}

export type AccessTables = {
  readonly users: UserTable
  readonly locks: LockTable
  readonly grants: GrantTable
}

/** Tables of users, locks and API tokens (of the plugin api-tokens); times in milliseconds since the epoch. */
export const accessMigrations: Migrations = {
  owner: 'core-access',
  migrations: {
    '0001-users': {
      async up(db) {
        await sql`CREATE TABLE users (
          key text PRIMARY KEY,
          name text NOT NULL,
          own_roles text NOT NULL,
          mapped_roles text NOT NULL,
          issuer text,
          sub text,
          connector text,
          created double precision NOT NULL,
          last_login double precision
        )`.execute(db)
        await sql`CREATE TABLE locks (
          id text PRIMARY KEY,
          kind text NOT NULL,
          target text NOT NULL,
          message text,
          created double precision NOT NULL,
          expires double precision
        )`.execute(db)
      },
    },
    '0002-api-tokens': {
      async up(db) {
        await sql`CREATE TABLE api_tokens (
          id text PRIMARY KEY,
          name text NOT NULL UNIQUE,
          hash text NOT NULL UNIQUE,
          roles text NOT NULL,
          creator text NOT NULL,
          created double precision NOT NULL,
          expires double precision NOT NULL,
          used_at double precision
        )`.execute(db)
      },
    },
    '0003-token-holder': {
      async up(db) {
        await sql`ALTER TABLE api_tokens ADD COLUMN holder text`.execute(db)
      },
    },
    '0004-grants': {
      async up(db) {
        await sql`CREATE TABLE grants (
          id text PRIMARY KEY,
          user_name text NOT NULL,
          holder text,
          role text NOT NULL,
          apps text,
          started double precision NOT NULL,
          until double precision NOT NULL,
          ended double precision
        )`.execute(db)
      },
    },
    '0005-user-profile': {
      async up(db) {
        await sql`ALTER TABLE users ADD COLUMN profile text`.execute(db)
      },
    },
    '0006-lock-author': {
      async up(db) {
        await sql`ALTER TABLE locks ADD COLUMN author text`.execute(db)
      },
    },
    '0007-kept-admin': {
      async up(db) {
        await sql`ALTER TABLE users ADD COLUMN admin_kept double precision`.execute(db)
      },
    },
  },
}
