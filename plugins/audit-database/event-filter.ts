import { type RawBuilder, sql } from 'kysely'
import { passing } from './event-types.ts'
import { isRequestId } from './request-text.ts'
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
  /** Only events of changes, not of requests, sign-ins and the like. */
  readonly changes?: boolean | undefined
  /** Not before. */
  readonly from?: Date | undefined
  /** Not after. */
  readonly to?: Date | undefined
}

export type Condition = RawBuilder<unknown>

/** The conditions that are given, as one; true when there are none. */
export const all = (conditions: readonly (Condition | null)[]): Condition => {
  const given = conditions.filter((each) => each !== null)
  return given.length === 0 ? sql`TRUE` : sql.join(given, sql` AND `)
}

/** Of the time of an event in any table. */
export const withinTimes = ({ from, to }: EventFilter): Condition =>
  all([from === undefined ? null : sql`time >= ${from}`, to === undefined ? null : sql`time <= ${to}`])

/** Of events stored as text. The conditions are those of the indexes. */
export function inTexts(filter: EventFilter): Condition {
  const field = (name: string) => sql`event ->> ${sql.lit(name)}`
  const { request } = filter
  return all([
    is(sql`type`, filter.type),
    filter.changes === true ? sql`type <> ALL (${passing}::text[])` : null,
    isName(sql`user_name`, filter.user),
    isName(sql`app`, filter.app),
    is(field('session_id'), filter.session),
    is(field('client_ip'), filter.ip),
    is(field('reason'), filter.reason),
    is(field('agent'), filter.agent),
    request === undefined
      ? null
      : sql`right(${field('request_id')}, 4) = right(${request}::text, 4) AND ${field('request_id')} = ${request}`,
  ])
}

/** Of the contexts of requests; null when the filter asks for nothing that contexts have. */
export function inContexts({ user, app, session, ip, reason }: EventFilter): Condition | null {
  const conditions = [
    isName(sql`context.user_name`, user),
    isName(sql`context.app`, app),
    is(sql`context.session_id`, session),
    is(sql`context.client_ip`, ip),
    is(sql`context.reason`, reason),
  ].filter((each) => each !== null)
  return conditions.length === 0 ? null : all(conditions)
}

/** Of the own values of a request. */
export function inRequests({ agent, request }: EventFilter): Condition {
  const hashed = (id: RawBuilder<unknown>) => sql`(uuid_hash(${id}) & 65535)`
  return all([
    // The first of the values, as in JSON.
    agent === undefined ? null : sql`starts_with(parts, ${`${JSON.stringify(agent)}\t`})`,
    request === undefined
      ? null
      : isRequestId(request)
        ? sql`${hashed(sql`request_id`)} = ${hashed(sql`${request}::uuid`)} AND request_id = ${request}::uuid`
        : sql`FALSE`,
  ])
}

/** Of a long name only the beginning is stored; older hubs stored all of it. */
const isName = (column: RawBuilder<unknown>, name: string | undefined): Condition | null => {
  if (name === undefined) return null
  const filed = filedName(name)
  return filed === name ? sql`${column} = ${name}` : sql`${column} = ANY (${[filed, name]}::text[])`
}

/** Indexes contain the first 200 characters. A second condition that says the same would make the planner expect fewer rows. */
const is = (column: RawBuilder<unknown>, value: string | undefined): Condition | null => {
  if (value === undefined) return null
  if (value.length < 200) return sql`left(${column}, 200) = ${value}`
  return sql`left(${column}, 200) = left(${value}::text, 200) AND ${column} = ${value}`
}
