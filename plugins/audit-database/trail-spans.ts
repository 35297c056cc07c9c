import type { Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { type EventFilter, withinTimes } from './event-filter.ts'

/**
 * Events of a span: a search reads one at most to find where a time begins. Fewer than `shortest` are read as they are, so that
 * a trail that grows slowly gets few spans.
 */
const LENGTHS = { longest: 16_384, shortest: 2_048 }
/** An arbitrary number that all hubs agree on. */
const SPAN_LOCK = 7_264_510_031

/** The numbers of events that a search may return; both included. */
export interface Extent {
  readonly first: number
  readonly last: number
  /** The last number with a span. Which agents contexts have is known up to here. */
  readonly known: number
}

/**
 * Notes for each 16,384 events between which times they are, and which agents each context has, so that searches by time and
 * by agent need not read the trail. What was noted stays true, because events become visible in the order of their numbers.
 * Resolves when fewer than 2,048 events are without a span.
 */
export async function noteSpans(
  database: Database,
  signal?: AbortSignal,
  lengths = LENGTHS,
): Promise<number> {
  for (let noted = 0; !signal?.aborted; noted += 1) {
    const count = await database.transaction().execute((trx) => noteSpan(trx, lengths))
    if (count < lengths.shortest) return noted
    if (count < lengths.longest) return noted + 1
  }
  return 0
}

/** Rows of both tables that have events. */
export const ofBoth = (rows: (table: ReturnType<typeof sql.table>) => ReturnType<typeof sql>) =>
  sql.join(
    [rows(sql.table('audit_database_texts')), rows(sql.table('audit_database_requests'))].map(
      (each) => sql`(${each})`,
    ),
    sql` UNION ALL `,
  )

/** The last number with a span. As a constant in the next statement, it keeps all partitions before it closed. */
async function lastNoted(trx: Transaction): Promise<number> {
  const { rows } = await sql<{ last: number }>`SELECT coalesce(max(last), 0) AS last
    FROM audit_database_spans`.execute(trx)
  return Number(rows[0]!.last)
}

/** Resolves with the number of events that were without a span, up to the longest. */
async function noteSpan(trx: Transaction, { longest, shortest }: typeof LENGTHS): Promise<number> {
  await sql`SELECT pg_advisory_xact_lock(${SPAN_LOCK})`.execute(trx)
  const known = await lastNoted(trx)
  const { rows } = await sql<{
    first: number
    last: number
    count: number
  }>`SELECT min(seq) AS first, max(seq) AS last,
      count(*)::integer AS count
    FROM (SELECT seq FROM (${ofBoth(
      (table) => sql`SELECT seq FROM ${table}
      WHERE seq > ${known} ORDER BY seq LIMIT ${longest}`,
    )}) AS either ORDER BY seq LIMIT ${longest}) AS span`.execute(trx)
  const { first = 0, last = 0, count = 0 } = rows[0] ?? {}
  if (count < shortest) return count
  await sql`INSERT INTO audit_database_spans (first, last, oldest, newest)
    SELECT ${first}, ${last}, min(time), max(time) FROM (${ofBoth(
      (table) => sql`SELECT time FROM ${table}
      WHERE seq >= ${first} AND seq <= ${last}`,
    )}) AS span`.execute(trx)
  await sql`INSERT INTO audit_database_context_agents (agent, context)
    SELECT DISTINCT left(split_part(parts, E'\\t', 1), 200), context FROM audit_database_requests
    WHERE seq >= ${first} AND seq <= ${last} ON CONFLICT DO NOTHING`.execute(trx)
  return count
}

/** The numbers between which every event of these times is. Nothing after the newest event of now. */
export async function extentOf(trx: Transaction, filter: EventFilter): Promise<Extent> {
  const { from, to } = filter
  const known = await lastNoted(trx)
  const newest = sql`greatest((SELECT max(seq) FROM audit_database_texts WHERE seq > ${known}),
    (SELECT max(seq) FROM audit_database_requests WHERE seq > ${known}), ${known}::bigint)`
  const begins = sql`coalesce((SELECT min(first) FROM audit_database_spans WHERE newest >= ${from}), ${known}::bigint + 1)`
  const ends = sql`CASE WHEN EXISTS (SELECT FROM (${ofBoth(
    (table) => sql`SELECT FROM ${table} WHERE seq > ${known} AND ${withinTimes({ to })}`,
  )}) AS later) THEN ${newest}
    ELSE coalesce((SELECT max(last) FROM audit_database_spans WHERE oldest <= ${to}), 0) END`
  const { rows } = await sql<
    Pick<Extent, 'first' | 'last'>
  >`SELECT ${from === undefined ? sql`0` : begins} AS first,
    ${to === undefined ? newest : ends} AS last`.execute(trx)
  const { first, last } = rows[0]!
  return { first: Number(first), last: Number(last), known }
}
