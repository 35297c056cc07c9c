import { sql } from 'kysely'
import type { Migrations } from '../../api/database.ts'
import type { EndReason, SessionKind } from '../../api/sessions.ts'

export interface SessionTable {
  readonly id: string
  /** SHA-256 of the token, base64url. The token itself is not stored. */
  readonly hash: string
  readonly kind: SessionKind
  readonly user_name: string
  /** See `Session.holder`. */
  readonly holder: string | null
  readonly connector: string | null
  readonly app_id: string | null
  readonly parent_id: string | null
  /** JSON: see `Session.apps`; null is an empty list. */
  readonly apps: string | null
  readonly client_ip: string
  /** See `Session.client`. */
  readonly client: string | null
  /** JSON. */
  readonly satisfied: string
  readonly created: number
  readonly expires: number
  readonly idle_ms: number
  readonly last_used: number
  readonly ended: number | null
  readonly end_reason: EndReason | null
}

export interface HandoverTable {
  /** SHA-256 of the code, base64url. */
  readonly hash: string
  readonly app_id: string
  readonly hub_session: string
  readonly nonce_hash: string
  readonly satisfied: string
  readonly expires: number
  readonly used_at: number | null
  /** The session that the first use of the code opened. */
  readonly session_id: string | null
}

export type SessionTables = { readonly sessions: SessionTable; readonly session_handovers: HandoverTable }

/** Tables of sessions and hand-over codes; times in milliseconds since the epoch. */
export const sessionsMigrations: Migrations = {
  owner: 'core-sessions',
  transient: ['sessions', 'session_handovers'],
  migrations: {
    '0001-sessions': {
      async up(db) {
        await sql`CREATE TABLE sessions (
          id text PRIMARY KEY,
          hash text NOT NULL UNIQUE,
          kind text NOT NULL,
          user_name text NOT NULL,
          connector text,
          app_id text,
          parent_id text,
          client_ip text NOT NULL,
          satisfied text NOT NULL,
          created double precision NOT NULL,
          expires double precision NOT NULL,
          idle_ms double precision NOT NULL,
          last_used double precision NOT NULL,
          ended double precision,
          end_reason text
        )`.execute(db)
        await sql`CREATE INDEX sessions_parent ON sessions (parent_id)`.execute(db)
        await sql`CREATE TABLE session_handovers (
          hash text PRIMARY KEY,
          app_id text NOT NULL,
          hub_session text NOT NULL,
          nonce_hash text NOT NULL,
          satisfied text NOT NULL,
          expires double precision NOT NULL,
          used_at double precision,
          session_id text
        )`.execute(db)
      },
    },
    '0002-holder': {
      async up(db) {
        await sql`ALTER TABLE sessions ADD COLUMN holder text`.execute(db)
      },
    },
    '0003-user-index': {
      async up(db) {
        await sql`CREATE INDEX sessions_user ON sessions (user_name)`.execute(db)
      },
    },
    '0004-client': {
      async up(db) {
        await sql`ALTER TABLE sessions ADD COLUMN client text`.execute(db)
      },
    },
    '0005-apps': {
      async up(db) {
        await sql`ALTER TABLE sessions ADD COLUMN apps text`.execute(db)
      },
    },
  },
}
