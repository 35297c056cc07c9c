import type { AuditEvent, Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { all, type EventFilter, inTexts, withinTimes } from './event-filter.ts'
import { problemFor } from './reasons.ts'
import { findRequests } from './request-search.ts'
import { joinRequest, millisecondsIn } from './request-text.ts'
import { between, orderOf, type TrailSearch } from './request-walk.ts'
import { growing, listDays, type Part, spanOf, within } from './search-days.ts'
import { type Extent, extentOf } from './trail-spans.ts'

/** How long a search may take, and how many requests it reads one by one before it looks for their contexts. */
const LIMITS = { longestMs: 5_000, walked: 10_000 }
/** In milliseconds since 1970. */
const LATEST = Date.UTC(9999, 11, 31)
/** SQLSTATE of a statement that the server ended. */
const CANCELLED = '57014'

/** An event with its number in the trail. */
export interface StoredEvent {
  readonly seq: number
  readonly event: AuditEvent
}

/** The number of the newest event; 0 in an empty trail. */
export const lastSeq = (database: Database): Promise<number> =>
  database.transaction().execute(async (trx) => (await extentOf(trx, {})).last)

/** The number of an event, or null when the trail does not contain it. */
export async function seqOf(database: Database, id: string): Promise<number | null> {
  // A request is of the time in its id; no event is later.
  const time = new Date(Math.min(millisecondsIn(id), LATEST))
  return database.transaction().execute(async (trx) => {
    const extent = await extentOf(trx, { from: time, to: time })
    const { rows } = await sql<{ seq: number }>`SELECT seq FROM audit_database_texts WHERE id = ${id}
      UNION ALL SELECT seq FROM audit_database_requests
      WHERE ${between(extent)} AND id = ${id} AND time = ${time}`.execute(trx)
    return rows[0]?.seq ?? null
  })
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
      // Statements that open many partitions look costly to the planner, but compiling one takes longer than running it.
      await sql`SELECT set_config('statement_timeout', ${`${longestMs}`}, true),
        set_config('jit', 'off', true)`.execute(trx)
      return readEventsIn(trx, filter, range, { limit, walked, check })
    })
  } catch (error) {
    if (Object(error).code === CANCELLED) throw tooLong(longestMs)
    throw error
  }
}

const tooLong = (ms: number) =>
  problemFor(
    'audit_search_too_long',
    `The search took longer than ${ms / 1_000} s. Narrow the time with from and to.`,
  )

interface Bounds {
  readonly limit: number
  readonly walked: number
  /** Called between the steps; throws when they have taken too long. */
  readonly check: () => void
}

/**
 * As `readEvents`, in a transaction. Opens only the days that are next to the end of the range until they fill the limit, in
 * pieces that grow.
 */
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
  const days = await listDays(trx)
  const search: TrailSearch = { filter, forward, known: extent.known, byDay: days !== null, walked, check }
  const found: number[] = []
  for (const near of growing(days, extent, forward)) {
    check()
    const part = within(spanOf(near), extent)
    const wanted = limit - found.length
    const texts = await findTexts(trx, search, part, wanted)
    check()
    const requests =
      filter.changes !== true && (filter.type === undefined || filter.type === 'app.request')
        ? await findRequests(trx, search, near, part, wanted)
        : []
    const both = [...texts, ...requests].sort((a, b) => (forward ? a - b : b - a))
    found.push(...both.slice(0, wanted))
    if (found.length >= limit) break
  }
  check()
  return eventsOf(trx, found)
}

/** The numbers of the nearest events in this part that match, of those stored as text. */
async function findTexts(
  trx: Transaction,
  { filter, forward }: TrailSearch,
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM audit_database_texts
    WHERE ${all([between(part), withinTimes(filter), inTexts(filter)])}
    ORDER BY seq ${orderOf(forward)} LIMIT ${limit}`.execute(trx)
  return rows.map(({ seq }) => seq)
}

/**
 * The events of these numbers. Each table is asked for numbers that the statement contains, so that no partition is opened that
 * has none of them. An event that retention has removed meanwhile is left out.
 */
async function eventsOf(trx: Transaction, wanted: readonly number[]): Promise<readonly StoredEvent[]> {
  if (wanted.length === 0) return []
  const texts = await sql<{ seq: number; text: string }>`SELECT seq, event::text AS text
    FROM audit_database_texts WHERE seq = ANY (${wanted}::bigint[])`.execute(trx)
  const requests = await sql<{
    readonly seq: number
    readonly id: string
    readonly time: string
    readonly requestId: string
    readonly context: number
    readonly parts: string
  }>`SELECT seq, id, to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS time,
      request_id AS "requestId", context, parts
    FROM audit_database_requests WHERE seq = ANY (${wanted}::bigint[])`.execute(trx)
  const templates = await templatesOf(trx, [...new Set(requests.rows.map(({ context }) => context))])
  const joined = requests.rows.flatMap(({ seq, context, ...values }) => {
    const template = templates.get(context)
    return template === undefined ? [] : [{ seq, text: joinRequest(template, values) }]
  })
  return [...texts.rows, ...joined]
    .sort((one, other) => one.seq - other.seq)
    .map(({ seq, text }) => ({ seq, event: JSON.parse(text) as AuditEvent }))
}

async function templatesOf(trx: Transaction, ids: readonly number[]): Promise<ReadonlyMap<number, string>> {
  // No partition would be left out for an empty list.
  if (ids.length === 0) return new Map()
  const { rows } = await sql<{ id: number; template: string }>`SELECT id, template
    FROM audit_database_contexts WHERE id = ANY (${ids}::bigint[])`.execute(trx)
  return new Map(rows.map(({ id, template }) => [id, template]))
}
