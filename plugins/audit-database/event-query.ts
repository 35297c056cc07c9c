import type { AuditEvent, Database } from '@mezite/core'
import { sql } from 'kysely'
import type { AuditTables } from './migrations.ts'
import { filedName } from './stored-name.ts'

export interface EventFilter {
  readonly type?: string
  readonly user?: string
  readonly app?: string
  /** Not before. */
  readonly from?: Date
  /** Not after. */
  readonly to?: Date
}

/** An event with its place in the trail. */
export interface StoredEvent {
  readonly seq: number
  readonly event: AuditEvent
}

/** Where the trail ends now. */
export async function lastSeq(database: Database): Promise<number> {
  const { rows } = await sql<{
    seq: number
  }>`SELECT coalesce(max(seq), 0) AS seq FROM audit_database_events`.execute(database)
  return Number(rows[0]?.seq ?? 0)
}

/** The place of an event, or null when it is not, or no longer, there. */
export async function seqOf(database: Database, id: string): Promise<number | null> {
  const row = await database
    .withTables<AuditTables>()
    .selectFrom('audit_database_events')
    .select('seq')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.seq ?? null
}

/** A long name is filed under its beginning; older hubs filed it whole. */
const namesOf = (name: string): string[] => [...new Set([filedName(name), name])]

/** Which end of the trail a list begins at; both are places, and exclusive. */
export type Range = { readonly after: number } | { readonly before: number | null }

/** At most `limit` events: the next ones after a place, or the newest (before a place); oldest first either way. */
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
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  if (filter.user !== undefined) query = query.where('user_name', 'in', namesOf(filter.user))
  if (filter.app !== undefined) query = query.where('app', 'in', namesOf(filter.app))
  if (filter.from !== undefined) query = query.where('time', '>=', filter.from)
  if (filter.to !== undefined) query = query.where('time', '<=', filter.to)
  const rows = (await query.execute()) as unknown as StoredEvent[]
  return forward ? rows : rows.reverse()
}
