import type { AuditEvent, AuditSink, Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import type { AuditTables } from './migrations.ts'

/** An arbitrary number that all hubs agree on. */
const WRITE_LOCK = 7_264_510_029

/** Writes events to the hub's own database: one INSERT for a batch, or one in the transaction of a change. */
export function createSink(database: Database): AuditSink {
  return {
    name: 'audit-database',
    guarantee: 'enforced',
    write: (events) => database.transaction().execute((trx) => insert(trx, events)),
    writeIn: insert,
    // What `write` has resolved is committed.
    flush: async () => {},
  }
}

async function insert(trx: Transaction, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  // Held until the commit: numbers become visible in their order, so that a reader that remembers the last one it saw
  // misses none.
  await sql`SELECT pg_advisory_xact_lock(${WRITE_LOCK})`.execute(trx)
  const rows = events.map((event) => ({
    id: event.id,
    time: new Date(event.time),
    type: event.type,
    user_name: event.user,
    app: typeof event.app === 'string' ? event.app : null,
    event: JSON.stringify(event),
  }))
  await trx
    .withTables<AuditTables>()
    .insertInto('audit_database_events')
    .values(rows as never)
    // A batch whose answer was lost comes a second time.
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}
