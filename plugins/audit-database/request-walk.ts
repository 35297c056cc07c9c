import type { Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { all, type Condition, type EventFilter, inContexts, inRequests, withinTimes } from './event-filter.ts'
import type { Part } from './search-days.ts'

/** A search, as far as it is the same for all parts of the trail. */
export interface TrailSearch {
  readonly filter: EventFilter
  /** The first events, ascending; otherwise the last, descending. */
  readonly forward: boolean
  /** Up to this number is known which agents a context has. */
  readonly known: number
  /** Whether the tables have partitions by day. */
  readonly byDay: boolean
  /**
   * At least so many requests of a day are read one by one, if a tenth as many of its contexts match: what is frequent is among
   * them.
   */
  readonly walked: number
  /** Called between the statements; throws when they have taken too long. */
  readonly check: () => void
}

const requests = sql.table('audit_database_requests')
const contexts = sql.table('audit_database_contexts')
export const between = ({ first, last }: Part): Condition => sql`seq >= ${first} AND seq <= ${last}`
export const orderOf = (forward: boolean) => sql.raw(forward ? 'ASC' : 'DESC')

/** Reads requests one by one. `ids`: no other contexts are looked up. */
export async function walk(
  trx: Transaction,
  { filter, forward }: TrailSearch,
  part: Part,
  limit: number,
  ids?: Part,
): Promise<readonly number[]> {
  const context = inContexts(filter)
  const own = all([between(part), withinTimes(filter), inRequests(filter)])
  const looked = ids && sql`context.id >= ${ids.first} AND context.id <= ${ids.last}`
  const joined =
    context === null
      ? sql`${requests} WHERE ${own}`
      : sql`${requests} JOIN ${contexts} AS context ON context.id = context
        WHERE ${all([own, context, looked ?? null])}`
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM ${joined}
    ORDER BY seq ${orderOf(forward)} LIMIT ${limit}`.execute(trx)
  return rows.map(({ seq }) => seq)
}
