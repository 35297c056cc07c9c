import type { Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { NUMBERS_OF_DAY } from './chain-writer.ts'
import { all, type Condition, type EventFilter, inContexts, inRequests, withinTimes } from './event-filter.ts'
import type { Extent } from './trail-spans.ts'

/** Requests that are read one by one for each that is wanted. */
const WALKED_FOR_EACH = 20

export interface RequestSearch {
  readonly filter: EventFilter
  readonly extent: Extent
  /** The first requests of the extent, ascending; otherwise the last, descending. */
  readonly forward: boolean
  readonly limit: number
  /** At least so many requests are read one by one before contexts are looked up: what is frequent is among them. */
  readonly walked: number
}

/** Numbers from `first` to `last`, both included. */
type Part = Pick<Extent, 'first' | 'last'>

const requests = sql.table('audit_database_requests')
const contexts = sql.table('audit_database_contexts')
const between = ({ first, last }: Part): Condition => sql`seq >= ${first} AND seq <= ${last}`
const orderOf = (forward: boolean) => sql.raw(forward ? 'ASC' : 'DESC')

/**
 * The numbers of the requests that match. Reads the nearest ones one by one, and beyond them finds the contexts first and
 * takes the nearest of each, so that neither a frequent nor a rare value makes it read the whole trail.
 */
export async function findRequests(trx: Transaction, search: RequestSearch): Promise<readonly number[]> {
  const { filter, extent, forward, limit } = search
  const { first, last } = extent
  const isOfContexts = inContexts(filter) !== null || filter.agent !== undefined
  const edge = isOfContexts && filter.request === undefined ? await edgeOf(trx, search) : null
  if (edge === null) return walk(trx, search, extent, limit)
  // Only up to there is known which agents a context has.
  const known = filter.agent === undefined ? last : extent.known
  const parts: [read: typeof walk, part: Part][] = forward
    ? [
        [walk, { first, last: edge }],
        [takeOfContexts, { first: edge + 1, last: Math.min(last, known) }],
        [walk, { first: Math.max(edge, known) + 1, last }],
      ]
    : [
        [walk, { first: Math.min(edge, known + 1), last }],
        [takeOfContexts, { first, last: Math.min(edge - 1, known) }],
      ]
  const found: number[] = []
  for (const [read, part] of parts) {
    if (found.length < limit && part.first <= part.last)
      found.push(...(await read(trx, search, part, limit - found.length)))
  }
  return found
}

/** The number of the last request that is read one by one; null: there are no more. */
async function edgeOf(
  trx: Transaction,
  { extent, forward, limit, walked }: RequestSearch,
): Promise<number | null> {
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM ${requests} WHERE ${between(extent)}
    ORDER BY seq ${orderOf(forward)} OFFSET ${Math.max(walked, limit * WALKED_FOR_EACH)} LIMIT 1`.execute(trx)
  return rows[0]?.seq ?? null
}

async function walk(
  trx: Transaction,
  { filter, forward }: RequestSearch,
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const context = inContexts(filter)
  const own = all([between(part), withinTimes(filter), inRequests(filter)])
  const joined =
    context === null
      ? sql`${requests} WHERE ${own}`
      : sql`${requests} JOIN ${contexts} AS context ON context.id = context WHERE ${own} AND ${context}`
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM ${joined}
    ORDER BY seq ${orderOf(forward)} LIMIT ${limit}`.execute(trx)
  return rows.map(({ seq }) => seq)
}

/**
 * Every wanted request is of a context whose nearest request is among the nearest of all contexts, and not farther than the
 * farthest of these.
 */
async function takeOfContexts(
  trx: Transaction,
  { filter, forward }: RequestSearch,
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const order = orderOf(forward)
  // A context is of the same day as its first request.
  const nearest = (context: Condition, limit: number, beyond: Condition = sql`TRUE`) =>
    sql`SELECT seq FROM ${requests} AS request WHERE request.context = ${context}
      AND seq >= ${context} / ${sql.lit(NUMBERS_OF_DAY)} * ${sql.lit(NUMBERS_OF_DAY)} AND ${all([between(part), withinTimes(filter), inRequests(filter), beyond])} ORDER BY seq ${order} LIMIT ${limit}`
  const ofAgent =
    filter.agent === undefined
      ? null
      : sql`context.id IN (SELECT noted.context FROM audit_database_context_agents AS noted
          WHERE noted.agent = left(${JSON.stringify(filter.agent)}::text, 200))`
  const { rows } = await sql<{ seq: number }>`WITH nearest AS MATERIALIZED (
      SELECT context.id, first.seq FROM ${contexts} AS context
      CROSS JOIN LATERAL (${nearest(sql`context.id`, 1)}) AS first
      WHERE ${all([inContexts(filter), ofAgent])} ORDER BY first.seq ${order} LIMIT ${limit}
    ), farthest AS MATERIALIZED (
      SELECT seq FROM nearest ORDER BY seq ${order} OFFSET ${limit - 1} LIMIT 1
    )
    SELECT found.seq FROM nearest CROSS JOIN LATERAL (${nearest(
      sql`nearest.id`,
      limit,
      sql`seq ${sql.raw(forward ? '<=' : '>=')} coalesce((SELECT seq FROM farthest), ${forward ? part.last : part.first})`,
    )}) AS found ORDER BY found.seq ${order} LIMIT ${limit}`.execute(trx)
  return rows.map(({ seq }) => seq)
}
