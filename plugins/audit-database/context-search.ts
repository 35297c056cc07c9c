import type { Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { all, type Condition, inContexts, inRequests, withinTimes } from './event-filter.ts'
import { between, orderOf, type TrailSearch, walk } from './request-walk.ts'
import { isEmpty, type Part, spanOf, within } from './search-days.ts'

/** Requests that are read one by one for each that is wanted. */
const WALKED_FOR_EACH = 20
/** Of the contexts of the requests that are read one by one. */
const COUNTED = 1 / 10
/** The contexts of a trail without days. */
const ALL: Part = { first: 0, last: Number.MAX_SAFE_INTEGER }

/** A day with contexts that match. */
interface Day extends Part {
  /** The smallest and the largest context that its requests refer to. */
  readonly lowest: number
  readonly highest: number
  /** How many match; more are not counted. */
  readonly matching: number
}

const requests = sql.table('audit_database_requests')

/** The numbers of the nearest requests of the contexts that match, for a filter that contexts or their agents must match. */
export async function takeOfContexts(
  trx: Transaction,
  search: TrailSearch,
  days: readonly Part[],
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const counted = Math.max(1, Math.floor(search.walked * COUNTED))
  const found: number[] = []
  const wanted = days.filter((day) => !isEmpty(within(day, part)))
  for (const near of together(await daysWith(trx, search, wanted, counted), counted)) {
    search.check()
    const busy = near.find(({ matching }) => matching === counted)
    const next = busy
      ? await takeOfBusyDay(trx, search, busy, part, limit - found.length)
      : await take(trx, search, near, part, limit - found.length)
    found.push(...next)
    if (found.length >= limit) break
  }
  return found
}

/** Days that have no more matching contexts together than are counted, so that one with as many is alone. */
function* together(days: readonly Day[], counted: number): Generator<readonly Day[], void> {
  let group: Day[] = []
  let sum = 0
  for (const day of days) {
    if (group.length > 0 && sum + day.matching > counted) {
      yield group
      ;[group, sum] = [[], 0]
    }
    group.push(day)
    sum += day.matching
  }
  if (group.length > 0) yield group
}

/** Those of the days in which contexts match, in the order of the search. */
async function daysWith(
  trx: Transaction,
  search: TrailSearch,
  days: readonly Part[],
  counted: number,
): Promise<readonly Day[]> {
  const bounded = search.byDay
    ? await boundsOf(trx, days)
    : days.map((day) => ({ ...day, lowest: ALL.first, highest: ALL.last }))
  if (bounded.length === 0) return []
  const rows = bounded.map(
    ({ first, last, lowest, highest }) =>
      sql`(${first}::bigint, ${last}::bigint, ${lowest}::bigint, ${highest}::bigint)`,
  )
  const found = await sql<Day>`SELECT day.*, held.matching
    FROM (VALUES ${sql.join(rows)}) AS day (first, last, lowest, highest)
    CROSS JOIN LATERAL (SELECT count(*)::integer AS matching
      FROM (${contextsOf(search, bounded)} LIMIT ${counted}) AS context) AS held
    WHERE held.matching > 0 ORDER BY day.first ${orderOf(search.forward)}`.execute(trx)
  return found.rows
}

type Bounded = Omit<Day, 'matching'>

/**
 * Looks up to which contexts the requests of each day refer: to those of the same day, but to older ones as well if a hub of an
 * older version wrote them. Days without requests are left out.
 */
async function boundsOf(trx: Transaction, days: readonly Part[]): Promise<readonly Bounded[]> {
  if (days.length === 0) return []
  const edge = (forward: boolean) => sql`(SELECT request.context FROM ${requests} AS request
    WHERE ${between(spanOf(days))} AND seq >= day.first AND seq <= day.last
    ORDER BY request.context ${orderOf(forward)} LIMIT 1)`
  const rows = days.map(({ first, last }) => sql`(${first}::bigint, ${last}::bigint)`)
  const found = await sql<Bounded>`SELECT * FROM (
      SELECT day.first, day.last, ${edge(true)} AS lowest, ${edge(false)} AS highest
      FROM (VALUES ${sql.join(rows)}) AS day (first, last) OFFSET 0
    ) AS day WHERE lowest IS NOT NULL`.execute(trx)
  return found.rows
}

/** The matching contexts of `day`, one of these days. Their bounds are constants as well, so that no other partition is planned. */
function contextsOf({ filter }: TrailSearch, days: readonly Bounded[]): Condition {
  const lowest = Math.min(...days.map((day) => day.lowest))
  const highest = Math.max(...days.map((day) => day.highest))
  const ofDay = (id: Condition) =>
    sql`${id} >= ${lowest} AND ${id} <= ${highest} AND ${id} >= day.lowest AND ${id} <= day.highest`
  const own = inContexts(filter)
  const conditions = own && all([ofDay(sql`context.id`), own])
  if (filter.agent === undefined)
    return sql`SELECT context.id FROM audit_database_contexts AS context WHERE ${conditions}`
  const noted = all([
    sql`noted.agent = left(${JSON.stringify(filter.agent)}::text, 200)`,
    ofDay(sql`noted.context`),
  ])
  return conditions === null
    ? sql`SELECT noted.context AS id FROM audit_database_context_agents AS noted WHERE ${noted}`
    : sql`SELECT context.id FROM audit_database_contexts AS context
      JOIN audit_database_context_agents AS noted ON noted.context = context.id WHERE ${all([noted, conditions])}`
}

/** Of a day in which many contexts match: what is frequent in it is among the requests at its end. */
async function takeOfBusyDay(
  trx: Transaction,
  search: TrailSearch,
  day: Day,
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const { forward, walked } = search
  const near = within(day, part)
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM ${requests} WHERE ${between(near)}
    ORDER BY seq ${orderOf(forward)} OFFSET ${Math.max(walked, limit * WALKED_FOR_EACH)} LIMIT 1`.execute(trx)
  const edge = rows[0]?.seq
  const ids = { first: day.lowest, last: day.highest }
  if (edge === undefined) return walk(trx, search, near, limit, ids)
  const walking = forward ? { ...near, last: edge } : { ...near, first: edge }
  const found = await walk(trx, search, walking, limit, ids)
  if (found.length >= limit) return found
  const rest = forward ? { ...near, first: edge + 1 } : { ...near, last: edge - 1 }
  return [...found, ...(await take(trx, search, [day], rest, limit - found.length))]
}

/**
 * Every wanted request is of a context whose nearest request is among the nearest of all contexts, and not farther than the
 * farthest of these.
 */
async function take(
  trx: Transaction,
  search: TrailSearch,
  days: readonly Day[],
  part: Part,
  limit: number,
): Promise<readonly number[]> {
  const { filter, forward } = search
  const order = orderOf(forward)
  const extent = within(spanOf(days), part)
  const rows = days.map(({ lowest, highest, ...day }) => {
    const { first, last } = within(day, part)
    return sql`(${first}::bigint, ${last}::bigint, ${lowest}::bigint, ${highest}::bigint)`
  })
  const nearest = (context: Condition, day: Condition, limit: number, beyond: Condition | null = null) =>
    sql`SELECT seq FROM ${requests} AS request WHERE request.context = ${context} AND ${all([
      ...[between(extent), sql`seq >= ${day}.first AND seq <= ${day}.last`],
      ...[withinTimes(filter), inRequests(filter), beyond],
    ])} ORDER BY seq ${order} LIMIT ${limit}`
  const beyond = sql`seq ${sql.raw(forward ? '<=' : '>=')}
    coalesce((SELECT seq FROM farthest), ${forward ? extent.last : extent.first})`
  const found = await sql<{ seq: number }>`WITH nearest AS MATERIALIZED (
      SELECT context.id, day.first, day.last, found.seq
      FROM (VALUES ${sql.join(rows)}) AS day (first, last, lowest, highest)
      CROSS JOIN LATERAL (${contextsOf(search, days)}) AS context
      CROSS JOIN LATERAL (${nearest(sql`context.id`, sql`day`, 1)}) AS found
      ORDER BY found.seq ${order} LIMIT ${limit}
    ), farthest AS MATERIALIZED (
      SELECT seq FROM nearest ORDER BY seq ${order} OFFSET ${limit - 1} LIMIT 1
    )
    SELECT found.seq FROM nearest
    CROSS JOIN LATERAL (${nearest(sql`nearest.id`, sql`nearest`, limit, beyond)}) AS found
    ORDER BY found.seq ${order} LIMIT ${limit}`.execute(trx)
  return found.rows.map(({ seq }) => seq)
}
