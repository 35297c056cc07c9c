import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'

/** A row of `access_requests`; times in milliseconds since the epoch. */
export interface RequestRow {
  readonly id: string
  /** `User.name`, `User.key` and `User.holder` of the person who asks. */
  readonly user_name: string
  readonly user_key: string
  /** Null: the person had not signed in through a provider. */
  readonly holder: string | null
  /** The role to have for a time. */
  readonly role: string
  /** The role that lets the person ask. */
  readonly via: string
  /** UUID of the only app, and its name when the person asked; null for a role everywhere. */
  readonly app: string | null
  readonly app_name: string | null
  readonly reason: string
  readonly duration: number
  /** How many approvals it needs. */
  readonly approvals: number
  readonly break_glass: boolean
  /** Path and query at the app where the person goes on; null for none. */
  readonly path: string | null
  readonly created: number
  /** Until when it can be approved. */
  readonly expires: number
  readonly state: StoredState
  readonly closed: number | null
  readonly grant_id: string | null
  readonly until: number | null
  /** When the grant was used first. */
  readonly used: number | null
  /** The language in which the person asked. */
  readonly language: string
  /** Name of the administrator who asked in place of the person; null: the person did. */
  readonly asked_by: string | null
}

/** States that are written; a pending one past `expires`, and an approved one past `until`, are over before that. */
export type StoredState = 'pending' | 'approved' | 'denied' | 'cancelled' | 'expired' | 'revoked' | 'ended'

/** A row of `access_requests_reviews`. */
export interface ReviewRow {
  readonly request: string
  /** `User.key` of the reviewer. */
  readonly reviewer: string
  readonly reviewer_name: string
  readonly approves: boolean
  readonly reason: string | null
  readonly time: number
  /** When the passkey was used that confirms this review; null if none was asked for. */
  readonly confirmed: number | null
}

/** A row of `access_requests_use`: when a person last used an app. */
export interface UseRow {
  readonly user_key: string
  readonly app: string
  readonly used: number
}

export type RequestTables = {
  readonly access_requests: RequestRow
  readonly access_requests_reviews: ReviewRow
  readonly access_requests_use: UseRow
  /** One row: since when use is recorded. */
  readonly access_requests_since: { readonly one: number; readonly since: number }
}

export const requestMigrations: Migrations = {
  owner: 'access-requests',
  migrations: {
    '0001-requests': {
      async up(db) {
        await sql`CREATE TABLE access_requests (
          id text PRIMARY KEY,
          user_name text NOT NULL,
          user_key text NOT NULL,
          holder text,
          role text NOT NULL,
          via text NOT NULL,
          app text,
          app_name text,
          reason text NOT NULL,
          duration double precision NOT NULL,
          approvals integer NOT NULL,
          break_glass boolean NOT NULL,
          path text,
          created double precision NOT NULL,
          expires double precision NOT NULL,
          state text NOT NULL,
          closed double precision,
          grant_id text,
          until double precision,
          used double precision
        )`.execute(db)
        await sql`CREATE INDEX access_requests_state ON access_requests (state)`.execute(db)
        await sql`CREATE INDEX access_requests_user ON access_requests (user_key, created)`.execute(db)
        await sql`CREATE TABLE access_requests_reviews (
          request text NOT NULL REFERENCES access_requests (id) ON DELETE CASCADE,
          reviewer text NOT NULL,
          reviewer_name text NOT NULL,
          approves boolean NOT NULL,
          reason text,
          time double precision NOT NULL,
          confirmed double precision,
          PRIMARY KEY (request, reviewer)
        )`.execute(db)
      },
    },
    '0002-use': {
      async up(db) {
        await sql`CREATE TABLE access_requests_use (
          user_key text NOT NULL,
          app text NOT NULL,
          used double precision NOT NULL,
          PRIMARY KEY (user_key, app)
        )`.execute(db)
        await sql`CREATE TABLE access_requests_since (one integer PRIMARY KEY, since double precision NOT NULL)`.execute(
          db,
        )
      },
    },
    '0003-language': {
      async up(db) {
        await sql`ALTER TABLE access_requests ADD COLUMN language text NOT NULL DEFAULT 'en'`.execute(db)
      },
    },
    '0004-asked-by': {
      async up(db) {
        await sql`ALTER TABLE access_requests ADD COLUMN asked_by text`.execute(db)
      },
    },
  },
}
