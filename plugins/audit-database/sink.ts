import { type AuditEvent, type AuditSink, type Database, isMezError, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { beginningOf, type Link, nextLink } from './chain.ts'
import { filedName } from './stored-name.ts'

/** An arbitrary number that all hubs agree on. */
const WRITE_LOCK = 7_264_510_029

/**
 * How long a write waits for an unreachable database before it fails. Decisions are made from memory for the same time, so
 * that people who are signed in do not notice a restart of the database.
 */
const PATIENCE_MS = 5_000
const RETRY_MS = 200

/**
 * Held until the commit, so that numbers become visible in order: a reader that remembers the last one it saw misses none,
 * and a chain grows only at its end.
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
        try {
          return await database.transaction().execute((trx) => append(trx, events))
        } catch (error) {
          if (!isStoredAlready(error)) throw error
        }
        // A batch whose response was lost is sent again: only its remaining events become links.
        await database.transaction().execute(async (trx) => {
          await lockTrail(trx)
          await append(trx, await missingOf(trx, events))
        })
      }),
    async writeIn(trx, events) {
      await append(trx, events)
    },
    // Events are committed when `write` resolves.
    flush: async () => {},
  }
}

/** The id of an event exists already (SQLSTATE 23505, unique_violation). */
const isStoredAlready = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === '23505'

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

/** Stores the events, all of one hub, at the end of its chain. Rejects when one of them is stored already. */
async function append(trx: Transaction, events: readonly AuditEvent[]): Promise<void> {
  const hub = events[0]?.hub
  if (hub === undefined) return
  await lockTrail(trx)
  const known = await sql<Link>`SELECT n, hash FROM audit_database_chains WHERE hub = ${hub}`.execute(trx)
  const before = known.rows[0] ?? beginningOf(hub)
  const { columns, last } = columnsOf(events, before)
  // A column that consists of one empty text is read as NULL; every event has a type.
  await sql`INSERT INTO audit_database_events (id, time, type, user_name, app, event, hub, n, hash)
    SELECT id::uuid, time::timestamptz, coalesce(type, ''), user_name, app, event::json,
      ${hub}, ${before.n}::bigint + n, hash
    FROM ROWS FROM (${sql.join(columns.map(cells))}) WITH ORDINALITY
      AS given (id, time, type, user_name, app, event, hash, n)
    ORDER BY n`.execute(trx)
  // The trail is locked, so the newest event is the last of these.
  await sql`INSERT INTO audit_database_chains (hub, n, hash, seq)
    SELECT ${hub}, ${last.n}, ${last.hash}, max(seq) FROM audit_database_events
    ON CONFLICT (hub) DO UPDATE SET n = excluded.n, hash = excluded.hash, seq = excluded.seq`.execute(trx)
}

/** Events contain neither separator: their texts are escaped, and so are the strings in JSON. */
const END_OF_CELL = '\n'
const NULL = '\u0001'

/** A column as one text: an array would cost the driver several times as much, and JSON the database. */
const cells = (column: readonly string[]) =>
  sql`string_to_table(${column.join(END_OF_CELL)}, ${END_OF_CELL}, ${NULL})`

/** The events by columns, and their last link. An empty name is stored as NULL. */
function columnsOf(events: readonly AuditEvent[], before: Link) {
  const texts = events.map((event) => JSON.stringify(event))
  let last = before
  const hashes = texts.map((text) => {
    last = nextLink(last, text)
    return last.hash
  })
  const columns = [
    events.map(({ id }) => id),
    events.map(({ time }) => time),
    events.map(({ type }) => type),
    events.map(({ user }) => nameCell(user)),
    events.map(({ app }) => nameCell(app)),
    texts,
    hashes,
  ]
  return { columns, last }
}

const nameCell = (name: unknown): string => (typeof name === 'string' && name !== '' ? filedName(name) : NULL)

async function missingOf(trx: Transaction, events: readonly AuditEvent[]): Promise<readonly AuditEvent[]> {
  const ids = events.map(({ id }) => id)
  const { rows } = await sql<{ id: string }>`SELECT id FROM audit_database_events
    WHERE id = ANY (${ids}::uuid[])`.execute(trx)
  const known = new Set(rows.map(({ id }) => id))
  return events.filter(({ id }) => !known.has(id))
}
