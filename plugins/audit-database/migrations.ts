import type { Migrations } from '@mezite/core'
import { sql } from 'kysely'
import { removalTables } from './removal-tables.ts'
import { requestTables } from './request-tables.ts'
import { searchTables } from './search-tables.ts'

export type AuditTables = {
  /** The last link of each chain. */
  readonly audit_database_chains: {
    readonly hub: string
    readonly n: number
    readonly hash: string
    readonly seq: number
    /** The last batch in it, by the start of the hub that wrote it; null before the first. */
    readonly writer: string | null
    readonly batch: number | null
  }
  /** Statements about the chains, signed with the checkpoint key. */
  readonly audit_database_checkpoints: {
    readonly number: number
    readonly statement: string
    readonly signature: string
  }
  /** One row: where the trail begins after old events were deleted. Signed like a checkpoint. */
  readonly audit_database_start: {
    readonly id: number
    readonly statement: string
    readonly signature: string
  }
  /** What retention by type has removed from each part of the trail. Signed like a checkpoint. */
  readonly audit_database_removals: {
    readonly number: number
    readonly statement: string
    readonly signature: string
  }
  /** One row. */
  readonly audit_database_keys: {
    readonly id: string
    /** PKCS #8 DER, sealed by the secret box. */
    readonly private_key: Uint8Array
  }
}

export const auditMigrations: Migrations = {
  owner: 'audit-database',
  // Made again from the trail.
  transient: ['audit_database_spans', 'audit_database_context_agents'],
  appendOnly: ['audit_database_texts', 'audit_database_requests', 'audit_database_contexts'],
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
    '0002-chains': {
      async up(db) {
        await sql`ALTER TABLE audit_database_events
          ADD COLUMN hub text, ADD COLUMN n bigint, ADD COLUMN hash text`.execute(db)
        await sql`CREATE TABLE audit_database_chains (
          hub text PRIMARY KEY,
          n bigint NOT NULL,
          hash text NOT NULL,
          seq bigint NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE audit_database_checkpoints (
          number bigint PRIMARY KEY,
          statement text NOT NULL,
          signature text NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE audit_database_start (
          id integer PRIMARY KEY CHECK (id = 1),
          statement text NOT NULL,
          signature text NOT NULL
        )`.execute(db)
        await sql`CREATE TABLE audit_database_keys (id text PRIMARY KEY, private_key bytea NOT NULL)`.execute(
          db,
        )
      },
    },
    // Bounded like names, since an index entry has at most some 2,700 bytes. A reason is rare, an address frequent.
    '0003-filters': {
      async up(db) {
        await sql`CREATE INDEX audit_database_events_type ON audit_database_events (left(type, 200), seq)`.execute(
          db,
        )
        for (const field of ['request_id', 'session_id', 'client_ip', 'reason']) {
          const [name, value] = [sql.id(`audit_database_events_${field}`), sql.lit(field)]
          await sql`CREATE INDEX ${name} ON audit_database_events (left(event ->> ${value}, 200), seq)
            WHERE event ->> ${value} IS NOT NULL`.execute(db)
        }
      },
    },
    // Recognises a batch that comes again after its response was lost.
    '0004-batches': {
      async up(db) {
        await sql`ALTER TABLE audit_database_chains ADD COLUMN writer text, ADD COLUMN batch bigint`.execute(
          db,
        )
      },
    },
    // Equal keys share one index entry as long as no column makes them different, and times grow with the table. Rare values
    // are found through these indexes, and frequent ones by reading the trail backwards. A request id is found by its last
    // characters, because a whole one would take more space than the rest together. A condition would read the JSON a second time.
    '0005-small-indexes': {
      async up(db) {
        const filed = (field: string) => sql`left(event ->> ${sql.lit(field)}, 200)`
        const indexes = {
          time: sql`USING brin (time)`,
          user: sql`(user_name)`,
          app: sql`(app)`,
          type: sql`(left(type, 200)) WHERE type <> 'app.request'`,
          request_id: sql`(right(event ->> 'request_id', 4))`,
          session_id: sql`(${filed('session_id')})`,
          client_ip: sql`(${filed('client_ip')})`,
        }
        for (const [name, columns] of Object.entries(indexes)) {
          const index = sql.id(`audit_database_events_${name}`)
          await sql`DROP INDEX IF EXISTS ${index}`.execute(db)
          await sql`CREATE INDEX ${index} ON audit_database_events ${columns}`.execute(db)
        }
      },
    },
    '0006-requests': requestTables,
    '0007-searches': searchTables,
    '0008-removals': removalTables,
  },
}
