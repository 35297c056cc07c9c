import { type AuditEvent, type Database, Problem, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { all, type EventFilter, inTexts, withinTimes } from './event-filter.ts'
import { findRequests } from './request-search.ts'
import { millisecondsIn } from './request-text.ts'
import { type Extent, extentOf } from './trail-spans.ts'

/** How long a search may take, and how many requests it reads one by one before it looks for their contexts. */
const LIMITS = { longestMs: 5_000, walked: 10_000 }
/** SQLSTATE of a statement that the server ended. */
const CANCELLED = '57014'

/** An event with its number in the trail. */
export interface StoredEvent {
  readonly seq: number
  readonly event: AuditEvent
}

/** The number of the newest event; 0 in an empty trail. */
export async function lastSeq(database: Database): Promise<number> {
  const { rows } = await sql<{
    seq: number
  }>`SELECT coalesce(max(seq), 0) AS seq FROM audit_database_events`.execute(database)
  return Number(rows[0]?.seq ?? 0)
}

/** The number of an event, or null when the trail does not contain it. */
export async function seqOf(database: Database, id: string): Promise<number | null> {
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM audit_database_texts WHERE id = ${id}
    UNION ALL SELECT seq FROM audit_database_requests
    WHERE id = ${id} AND time = 'epoch'::timestamptz + ${millisecondsIn(id)}::float8 * interval '1 millisecond'`.execute(
    database,
  )
  return rows[0]?.seq ?? null
}

/** The next events after a number, or the newest before one (null: of all); both exclusive. */
export type Range = { readonly after: number } | { readonly before: number | null }

/**
 * At most `limit` events that match, oldest first whichever end of the range they are from. Rejects with `Problem` 400
 * `audit_search_too_long` when it takes longer than 5 s.
 */
export async function readEvents(
  database: Database,
  filter: EventFilter,
  range: Range,
  limit: number,
  limits = LIMITS,
): Promise<readonly StoredEvent[]> {
  const { longestMs, walked } = limits
  const until = performance.now() + longestMs
  const check = () => {
    if (performance.now() >= until) throw tooLong(longestMs)
  }
  try {
    return await database.transaction().execute(async (trx) => {
      await sql`SELECT set_config('statement_timeout', ${`${longestMs}`}, true)`.execute(trx)
      return readEventsIn(trx, filter, range, { limit, walked, check })
    })
  } catch (error) {
    if (Object(error).code === CANCELLED) throw tooLong(longestMs)
    throw error
  }
}

const tooLong = (ms: number) =>
  new Problem(
    400,
    'audit_search_too_long',
    `The search took longer than ${ms / 1_000} s. Narrow the time with from and to.`,
  )

interface Bounds {
  readonly limit: number
  readonly walked: number
  /** Called between the steps; throws when they have taken too long. */
  readonly check: () => void
}

/** As `readEvents`, in a transaction. */
export async function readEventsIn(
  trx: Transaction,
  filter: EventFilter,
  range: Range,
  { limit, walked, check }: Bounds,
): Promise<readonly StoredEvent[]> {
  check()
  const forward = 'after' in range
  const times = await extentOf(trx, filter)
  // Events that are stored after this do not matter: otherwise the newest of one kind would hide those of the other.
  const extent: Extent = forward
    ? { ...times, first: Math.max(times.first, range.after + 1) }
    : { ...times, last: Math.min(times.last, (range.before ?? Number.POSITIVE_INFINITY) - 1) }
  if (extent.first > extent.last) return []
  check()
  const texts = await sql<{ seq: number }>`SELECT seq FROM audit_database_texts
    WHERE ${all([sql`seq >= ${extent.first} AND seq <= ${extent.last}`, withinTimes(filter), inTexts(filter)])}
    ORDER BY seq ${sql.raw(forward ? 'ASC' : 'DESC')} LIMIT ${limit}`.execute(trx)
  check()
  const requests =
    filter.type === undefined || filter.type === 'app.request'
      ? await findRequests(trx, { filter, extent, forward, limit, walked })
      : []
  check()
  const found = [...texts.rows.map(({ seq }) => seq), ...requests].sort((a, b) => a - b)
  const wanted = forward ? found.slice(0, limit) : found.slice(-limit)
  const { rows } = await sql<{ seq: number; text: string }>`
    SELECT seq, event::text AS text FROM audit_database_texts WHERE seq = ANY (${wanted}::bigint[])
    UNION ALL SELECT seq, text FROM audit_database_request_events WHERE seq = ANY (${wanted}::bigint[])
    ORDER BY seq`.execute(trx)
  return rows.map(({ seq, text }) => ({ seq, event: JSON.parse(text) as AuditEvent }))
}
