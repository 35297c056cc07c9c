import type { AuditEvent } from '@mezite/core'
import { beginningOf, type Link, nextLink } from './chain.ts'
import { filedName } from './stored-name.ts'

/** An arbitrary number that all hubs agree on. */
const WRITE_LOCK = 7_264_510_029

/** Runs a statement inside one transaction, which the caller opens and commits; resolves with its rows. */
export type Run = (sql: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>

/** A batch of one writer, so that it is recognised when it comes again. */
export interface Batch {
  /** Different for every start of a hub. */
  readonly writer: string
  /** From 1 on. */
  readonly number: number
}

/**
 * Held until the commit, so that numbers become visible in order: a reader that remembers the last one it saw misses none,
 * and a chain grows only at its end.
 */
export async function lockTrail(run: Run): Promise<void> {
  await run(`SELECT pg_advisory_xact_lock(${WRITE_LOCK})`, [])
}

/**
 * Stores events, all of one hub and one JSON text a line, at the end of the hub's chain. Does nothing when the chain
 * already contains the batch: its number is committed together with its events, so a batch whose response was lost is
 * stored once. `batch` is null for the events of a change, which are never sent again.
 */
export async function appendEvents(run: Run, lines: string, batch: Batch | null): Promise<void> {
  const texts = lines.split('\n')
  texts.pop()
  if (texts.length === 0) return
  const events = texts.map((text) => JSON.parse(text) as AuditEvent)
  const { hub } = events[0]!
  await lockTrail(run)
  const [known] = (await run('SELECT n, hash, writer, batch FROM audit_database_chains WHERE hub = $1', [
    hub,
  ])) as (Link & { writer: string | null; batch: number | null })[]
  if (batch !== null && known?.writer === batch.writer && Number(known.batch) >= batch.number) return
  const before = known ?? beginningOf(hub)
  let last: Link = before
  const hashes = texts.map((text) => {
    last = nextLink(last, text)
    return last.hash
  })
  // A column that consists of one empty text is read as NULL; every event has a type.
  await run(
    `INSERT INTO audit_database_events (id, time, type, user_name, app, event, hub, n, hash)
    SELECT id::uuid, time::timestamptz, coalesce(type, ''), user_name, app, event::json, $1, $2::bigint + n, hash
    FROM ROWS FROM (${COLUMNS}) WITH ORDINALITY AS given (id, time, type, user_name, app, event, hash, n)
    ORDER BY n`,
    [
      ...[hub, before.n],
      cells(events.map(({ id }) => id)),
      cells(events.map(({ time }) => time)),
      cells(events.map(({ type }) => type)),
      cells(events.map(({ user }) => nameCell(user))),
      cells(events.map(({ app }) => nameCell(app))),
      cells(texts),
      cells(hashes),
    ],
  )
  // The trail is locked, so the newest event is the last of these.
  await run(
    `INSERT INTO audit_database_chains AS chain (hub, n, hash, writer, batch, seq)
    SELECT $1, $2::bigint, $3, $4, $5::bigint, max(seq) FROM audit_database_events
    ON CONFLICT (hub) DO UPDATE SET n = excluded.n, hash = excluded.hash, seq = excluded.seq,
      writer = coalesce(excluded.writer, chain.writer), batch = coalesce(excluded.batch, chain.batch)`,
    [hub, last.n, last.hash, batch?.writer ?? null, batch?.number ?? null],
  )
}

/** Events contain neither separator: their texts are escaped, and so are the strings in JSON. */
const END_OF_CELL = '\n'
const NULL = '\u0001'

/** A column as one text: an array would cost the driver several times as much, and JSON the database. */
const cells = (column: readonly string[]): string => column.join(END_OF_CELL)

/** The parameters from $3 on, one for each column. */
const COLUMNS = [3, 4, 5, 6, 7, 8, 9].map((at) => `string_to_table($${at}, E'\\n', E'\\x01')`).join(', ')

/** An empty name is stored as NULL. */
const nameCell = (name: unknown): string => (typeof name === 'string' && name !== '' ? filedName(name) : NULL)
