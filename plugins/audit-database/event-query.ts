import type { AuditEvent, Database } from '@mezite/core'
import { type RawBuilder, sql } from 'kysely'
import { isRequestId, millisecondsIn } from './request-text.ts'
import { filedName } from './stored-name.ts'

/** Exact values that an event must have. */
export interface EventFilter {
  readonly type?: string | undefined
  readonly user?: string | undefined
  readonly app?: string | undefined
  readonly request?: string | undefined
  readonly session?: string | undefined
  readonly ip?: string | undefined
  readonly agent?: string | undefined
  readonly reason?: string | undefined
  /** Not before. */
  readonly from?: Date | undefined
  /** Not after. */
  readonly to?: Date | undefined
}

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

/** At most `limit` events that match, oldest first whichever end of the range they are from. */
export async function readEvents(
  database: Database,
  filter: EventFilter,
  range: Range,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const forward = 'after' in range
  const order = sql`ORDER BY seq ${sql.raw(forward ? 'ASC' : 'DESC')} LIMIT ${limit}`
  const bounds: Condition[] = [sql`TRUE`]
  if (forward) bounds.push(sql`seq > ${range.after}`)
  else if (range.before !== null) bounds.push(sql`seq < ${range.before}`)
  if (filter.from !== undefined) bounds.push(sql`time >= ${filter.from}`)
  if (filter.to !== undefined) bounds.push(sql`time <= ${filter.to}`)
  const where = (conditions: readonly Condition[]) =>
    sql.join(
      [...bounds, ...conditions].filter((each) => each !== null),
      sql` AND `,
    )
  const parts = [
    sql`SELECT seq, event::text AS text FROM audit_database_texts WHERE ${where(inTexts(filter))}`,
  ]
  // Each part has its own indexes, so it is searched by itself.
  if (filter.type === undefined || filter.type === 'app.request')
    parts.push(sql`SELECT seq, text FROM audit_database_request_events AS request
      JOIN audit_database_contexts AS context ON context.id = request.context WHERE ${where(inRequests(filter))}`)
  const { rows } = await sql<{ seq: number; text: string }>`SELECT seq, text
    FROM (${sql.join(
      parts.map((part) => sql`(${part} ${order})`),
      sql` UNION ALL `,
    )}) AS found ${order}`.execute(database)
  const events = rows.map(({ seq, text }) => ({ seq, event: JSON.parse(text) as AuditEvent }))
  return forward ? events : events.reverse()
}

/** Null: the filter does not ask for this. */
type Condition = RawBuilder<unknown> | null

/** Events stored as text. The conditions are those of the indexes. */
function inTexts(filter: EventFilter): readonly Condition[] {
  const field = (name: string) => sql`event ->> ${sql.lit(name)}`
  const { request, agent } = filter
  return [
    is(sql`type`, filter.type),
    isName(sql`user_name`, filter.user),
    isName(sql`app`, filter.app),
    is(field('session_id'), filter.session),
    is(field('client_ip'), filter.ip),
    is(field('reason'), filter.reason),
    agent === undefined ? null : sql`${field('agent')} = ${agent}`,
    request === undefined
      ? null
      : sql`right(${field('request_id')}, 4) = right(${request}::text, 4) AND ${field('request_id')} = ${request}`,
  ]
}

function inRequests(filter: EventFilter): readonly Condition[] {
  const { request, agent } = filter
  const hashed = (id: RawBuilder<unknown>) => sql`(uuid_hash(${id}) & 65535)`
  return [
    isName(sql`context.user_name`, filter.user),
    isName(sql`context.app`, filter.app),
    is(sql`context.session_id`, filter.session),
    is(sql`context.client_ip`, filter.ip),
    is(sql`context.reason`, filter.reason),
    // The first of the values, as in JSON.
    agent === undefined ? null : sql`starts_with(parts, ${`${JSON.stringify(agent)}\t`})`,
    request === undefined
      ? null
      : isRequestId(request)
        ? sql`${hashed(sql`request_id`)} = ${hashed(sql`${request}::uuid`)} AND request_id = ${request}::uuid`
        : sql`FALSE`,
  ]
}

/** Of a long name only the beginning is stored; older hubs stored all of it. */
const isName = (column: RawBuilder<unknown>, name: string | undefined): Condition =>
  name === undefined ? null : sql`${column} = ANY (${[...new Set([filedName(name), name])]}::text[])`

/** Indexes contain the first 200 characters. */
const is = (column: RawBuilder<unknown>, value: string | undefined): Condition =>
  value === undefined ? null : sql`left(${column}, 200) = left(${value}::text, 200) AND ${column} = ${value}`
