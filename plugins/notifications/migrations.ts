import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'

/** Times are the database's. */
export type NotificationTables = {
  /** One row for each notification and notifier. */
  readonly notifications: {
    readonly id: string
    readonly notifier: string
    readonly key: string | null
    /** The notification as JSON. */
    readonly body: string
    readonly created: Date
    readonly attempts: number
    /** When to try next; null once it is delivered or given up. */
    readonly next_attempt: Date | null
    readonly delivered: Date | null
    readonly error: string | null
  }
  /** What needed attention at the last look, since when, and when somebody was notified. */
  readonly notifications_attention: {
    readonly kind: string
    readonly subject: string
    readonly since: Date
    readonly notified: Date | null
  }
}

export const notificationMigrations: Migrations = {
  owner: 'notifications',
  // A restore must not notify people of what was long ago.
  transient: ['notifications', 'notifications_attention'],
  migrations: {
    '0001-notifications': {
      async up(db) {
        await sql`CREATE TABLE notifications (
          id uuid NOT NULL,
          notifier text NOT NULL,
          key text,
          body text NOT NULL,
          created timestamptz NOT NULL DEFAULT now(),
          attempts integer NOT NULL DEFAULT 0,
          next_attempt timestamptz DEFAULT now(),
          delivered timestamptz,
          error text,
          PRIMARY KEY (notifier, id)
        )`.execute(db)
        await sql`CREATE UNIQUE INDEX notifications_key ON notifications (notifier, key)`.execute(db)
        await sql`CREATE INDEX notifications_due ON notifications (notifier, next_attempt)
          WHERE next_attempt IS NOT NULL`.execute(db)
        await sql`CREATE TABLE notifications_attention (
          kind text NOT NULL,
          subject text NOT NULL,
          since timestamptz NOT NULL DEFAULT now(),
          notified timestamptz,
          PRIMARY KEY (kind, subject)
        )`.execute(db)
      },
    },
  },
}
