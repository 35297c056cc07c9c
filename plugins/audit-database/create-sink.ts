import { type AuditEvent, type AuditSink, type Database, isMezError, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { beginningOf, type Link, nextLink } from './chain.ts'

/** An arbitrary number that all hubs agree on. */
const WRITE_LOCK = 7_264_510_029

/**
 * How long a write waits for a database that is away before it has failed. Decisions are made from memory for as long
 * as that: a restart of the database need not be felt by those who are signed in.
 */
const PATIENCE_MS = 5_000
const RETRY_MS = 200

/**
 * Held until the commit: numbers become visible in their order, so that a reader that remembers the last one it saw
 * misses none, and a chain grows at one end.
 */
export async function lockTrail(trx: Transaction): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${WRITE_LOCK})`.execute(trx)
}

/**
 * Writes events to the hub's own database, each as a link of its hub's chain: one INSERT for a batch, or one in the
 * transaction of a change.
 */
export function createSink(database: Database): AuditSink {
  return {
    name: 'audit-database',
    guarantee: 'enforced',
    write: (events) =>
      patiently(async () => {
        const stored = await database.transaction().execute((trx) => append(trx, events))
        if (stored === 'all') return
        // A batch whose answer was lost comes a second time: the rest of it makes the links.
        await database.transaction().execute(async (trx) => {
          await lockTrail(trx)
          await append(trx, await missingOf(trx, events))
        })
      }),
    async writeIn(trx, events) {
      await append(trx, events)
    },
    // What `write` has resolved is committed.
    flush: async () => {},
  }
}

async function patiently(write: () => Promise<void>): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isMezError(error, 'MEZ_DATABASE_UNAVAILABLE') || performance.now() > until) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** Stores all of the events, all of one hub, or none when there is one among them that is stored already. */
async function append(trx: Transaction, events: readonly AuditEvent[]): Promise<'all' | 'none'> {
  const hub = events[0]?.hub
  if (hub === undefined) return 'all'
  await lockTrail(trx)
  const known = await sql<Link>`SELECT n, hash FROM audit_database_chains WHERE hub = ${hub}`.execute(trx)
  let last = known.rows[0] ?? beginningOf(hub)
  const rows = events.map((event) => {
    const text = JSON.stringify(event)
    last = nextLink(last, text)
    const { id, time, type, user, app } = event
    const columns = { id, time, type, user_name: user, app: typeof app === 'string' ? app : null, ...last }
    return `${JSON.stringify(columns).slice(0, -1)},"event":${text}}`
  })
  // One text, because arrays are several times as dear to the driver; a column of the type json gets its very slice.
  const stored = await sql`WITH given AS (
      SELECT * FROM json_to_recordset(${`[${rows.join()}]`}) AS given (id uuid, time timestamptz, type text,
        user_name text, app text, n bigint, hash text, event json)
    ), stored AS (
      INSERT INTO audit_database_events (id, time, type, user_name, app, event, hub, n, hash)
      SELECT id, time, type, user_name, app, event, ${hub}, n, hash FROM given
      WHERE NOT EXISTS (SELECT FROM given JOIN audit_database_events USING (id))
      ORDER BY n
      RETURNING seq
    )
    INSERT INTO audit_database_chains AS chain (hub, n, hash, seq)
    SELECT ${hub}, ${last.n}, ${last.hash}, max(seq) FROM stored HAVING count(*) > 0
    ON CONFLICT (hub) DO UPDATE SET n = excluded.n, hash = excluded.hash, seq = excluded.seq
    RETURNING n`.execute(trx)
  return stored.rows.length === 1 ? 'all' : 'none'
}

async function missingOf(trx: Transaction, events: readonly AuditEvent[]): Promise<readonly AuditEvent[]> {
  const ids = events.map(({ id }) => id)
  const { rows } = await sql<{ id: string }>`SELECT id FROM audit_database_events
    WHERE id = ANY (${ids}::uuid[])`.execute(trx)
  const known = new Set(rows.map(({ id }) => id))
  return events.filter(({ id }) => !known.has(id))
}
