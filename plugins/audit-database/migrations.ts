import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'

export type AuditTables = {
  readonly audit_database_events: {
    /** Grows in the order of commits: writers take turns. */
    readonly seq: number
    readonly id: string
    readonly time: Date
    readonly type: string
    readonly user_name: string | null
    readonly app: string | null
    /** The whole event as JSON. */
    readonly event: unknown
  }
}

export const auditMigrations: Migrations = {
  owner: 'audit-database',
  migrations: {
    '0001-events': {
      async up(db) {
        await sql`CREATE TABLE audit_database_events (
          seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          id uuid NOT NULL UNIQUE,
          time timestamptz NOT NULL,
          type text NOT NULL,
          user_name text,
          app text,
          event json NOT NULL
        )`.execute(db)
        await sql`CREATE INDEX audit_database_events_time ON audit_database_events (time)`.execute(db)
        await sql`CREATE INDEX audit_database_events_user ON audit_database_events (user_name, seq)`.execute(
          db,
        )
        await sql`CREATE INDEX audit_database_events_app ON audit_database_events (app, seq)`.execute(db)
      },
    },
  },
}
