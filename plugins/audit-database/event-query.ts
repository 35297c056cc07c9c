import type { AuditEvent, Database } from '@mezite/core'
import { sql } from 'kysely'
import type { AuditTables } from './migrations.ts'
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

/** Filters on fields of the stored event, which are indexed by their first 200 characters. */
const FIELDS = {
  session: 'session_id',
  ip: 'client_ip',
  agent: 'agent',
  reason: 'reason',
} as const

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
  const row = await database
    .withTables<AuditTables>()
    .selectFrom('audit_database_events')
    .select('seq')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.seq ?? null
}

/** Of a long name only the beginning is stored; older hubs stored all of it. */
const namesOf = (name: string): string[] => [...new Set([filedName(name), name])]

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
  let query = database
    .withTables<AuditTables>()
    .selectFrom('audit_database_events')
    .select(['seq', 'event'])
    .orderBy('seq', forward ? 'asc' : 'desc')
    .limit(limit)
  if (forward) query = query.where('seq', '>', range.after)
  else if (range.before !== null) query = query.where('seq', '<', range.before)
  if (filter.type !== undefined)
    query = query
      .where(sql<boolean>`left(type, 200) = left(${filter.type}::text, 200)`)
      .where('type', '=', filter.type)
  for (const [name, field] of Object.entries(FIELDS)) {
    const value = filter[name as keyof typeof FIELDS]
    if (value === undefined) continue
    const stored = sql<string>`event ->> ${sql.lit(field)}`
    query = query
      .where(sql<boolean>`left(${stored}, 200) = left(${value}::text, 200)`)
      .where(sql<boolean>`${stored} = ${value}`)
  }
  if (filter.request !== undefined) {
    const stored = sql<string>`event ->> 'request_id'`
    query = query
      .where(sql<boolean>`right(${stored}, 4) = right(${filter.request}::text, 4)`)
      .where(sql<boolean>`${stored} = ${filter.request}`)
  }
  if (filter.user !== undefined) query = query.where('user_name', 'in', namesOf(filter.user))
  if (filter.app !== undefined) query = query.where('app', 'in', namesOf(filter.app))
  if (filter.from !== undefined) query = query.where('time', '>=', filter.from)
  if (filter.to !== undefined) query = query.where('time', '<=', filter.to)
  const rows = (await query.execute()) as unknown as StoredEvent[]
  return forward ? rows : rows.reverse()
}
