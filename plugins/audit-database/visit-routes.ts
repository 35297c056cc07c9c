import { type Audit, apiRoutes, type Database, Type, type WebRoutes } from '@mezite/core'
import { sql } from 'kysely'
import { filterOf, recordRead } from './audit-routes.ts'
import { all, inContexts, withinTimes } from './event-filter.ts'
import { problemFor } from './reasons.ts'
import { between } from './request-walk.ts'
import { extentOf } from './trail-spans.ts'

/** Pairs of a person and an app in one response, and how long the question may take in the database, in milliseconds. */
const MOST = 500
const LONGEST_MS = 5_000
/** SQLSTATE of a statement that the server ended. */
const CANCELLED = '57014'

const Name = Type.String({ minLength: 1, maxLength: 1_024 })
const Query = Type.Closed({
  ...Type.Optionals({ user: Name, app: Name, to: Type.String({ maxLength: 40, description: 'RFC 3339' }) }),
  from: Type.String({ maxLength: 40, description: 'RFC 3339' }),
})
const Visits = Type.Array(
  Type.Object({
    user: Type.Nullable(Type.String()),
    app: Type.Nullable(Type.String()),
    requests: Type.Integer(),
    last: Type.String(),
  }),
)

/** `GET /v1/webapi/visits`: who opened which app in a time, how often and when last, by the requests of the trail. */
export const visitRoutes = ({
  database,
  audit,
}: {
  readonly database: Database
  readonly audit: Audit
}): WebRoutes =>
  apiRoutes('visits', (on) => {
    const summary = `Who opened which app in a time, how often and when last; the last ${MOST} pairs`
    on(
      'GET',
      { access: 'audit.list', summary, querystring: Query, returns: Visits },
      async (_, { query, actor }) => {
        const { from, to, ...exact } = query
        const filter = filterOf(exact, from, to)
        recordRead(audit, actor, 'visits')
        try {
          return await database.transaction().execute(async (trx) => {
            await sql`SELECT set_config('statement_timeout', ${`${LONGEST_MS}`}, true),
            set_config('jit', 'off', true)`.execute(trx)
            const extent = await extentOf(trx, filter)
            const wanted = all([between(extent), withinTimes(filter), inContexts(filter)])
            const { rows } = await sql<{
              user: string | null
              app: string | null
              requests: number
              last: Date
            }>`
            SELECT context.user_name AS user, context.app, count(*)::integer AS requests, max(time) AS last
            FROM audit_database_requests JOIN audit_database_contexts AS context ON context.id = context
            WHERE ${wanted} GROUP BY context.user_name, context.app ORDER BY last DESC LIMIT ${MOST}`.execute(
              trx,
            )
            return rows.map((row) => ({ ...row, last: new Date(row.last).toISOString() }))
          })
        } catch (error) {
          if (Object(error).code !== CANCELLED) throw error
          const detail = `The search took longer than ${LONGEST_MS / 1_000} s. Narrow the time with from and to.`
          throw problemFor('audit_search_too_long', detail)
        }
      },
    )
  })
