import {
  type Catalog,
  type Clock,
  inTurns,
  parseDuration,
  Type,
  type User,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { problemFor } from './reasons.ts'
import type { RequestRules } from './rules.ts'
import type { Usage } from './usage.ts'

/** A role that somebody has, and when it last opened an app. */
export interface StandingAccess {
  readonly user: string
  readonly role: string
  /** `assigned` by an administrator, or the connector whose claims give it. */
  readonly source: string
  /** How many apps the role opens. */
  readonly apps: number
  /** Milliseconds since the epoch; null: not since use is recorded. */
  readonly lastUsed: number | null
}

/** What people have for good, and whether they use it. Administration is not recorded as use, so `admin` is left out. */
export interface AccessReview {
  readonly since: number
  /** By person, as they are asked for. */
  readonly rows: AsyncIterable<StandingAccess>
}

/** Reviews the access of everybody, or of one person, by the apps that each of their roles opens. */
export type ReviewAccess = (of?: User) => Promise<AccessReview>

export function createAccessReview(parts: {
  readonly usage: Pick<Usage, 'lastUses' | 'since' | 'flush'>
  readonly rules: Pick<RequestRules, 'roles'>
  readonly users: Pick<Users, 'list'>
  readonly catalog: Pick<Catalog, 'list'>
}): ReviewAccess {
  const { usage, rules, users, catalog } = parts
  return async (of) => {
    await usage.flush()
    const [uses, since] = await Promise.all([usage.lastUses(), usage.since()])
    const opened = new Map<string, ReadonlySet<string>>()
    const appsOf = (role: string): ReadonlySet<string> => {
      const known = opened.get(role)
      if (known !== undefined) return known
      const apps = catalog.list().filter((app) => rules.roles.reach([role], app).allowed)
      const ids = new Set(apps.map(({ id }) => id))
      opened.set(role, ids)
      return ids
    }
    async function* rows() {
      for await (const user of inTurns(of === undefined ? users.list() : [of])) {
        const own = [...(uses.get(user.key) ?? [])]
        const row = (role: string, source: string): StandingAccess => {
          const apps = appsOf(role)
          const times = own.filter(([app]) => apps.has(app)).map(([, used]) => used)
          const lastUsed = times.length === 0 ? null : Math.max(...times)
          return { user: user.name, role, source, apps: apps.size, lastUsed }
        }
        for (const role of user.ownRoles) if (role !== 'admin') yield row(role, 'assigned')
        for (const role of user.mappedRoles)
          if (role !== 'admin') yield row(role, user.connector ?? 'provider')
      }
    }
    return { since, rows: rows() }
  }
}

const Query = Type.Closed({
  unused: Type.Optional(
    Type.String({ maxLength: 20, description: 'Only roles that were not used for this long' }),
  ),
})
const Nullable = Type.Nullable(Type.String())
const Rows = Type.Array(
  Type.Object({
    user: Type.String(),
    role: Type.String(),
    source: Type.String({ description: '`assigned`, or the connector' }),
    apps: Type.Integer({ description: 'How many apps the role opens' }),
    last_used: Nullable,
    recorded_since: Type.String({ description: 'Use before this time is not known' }),
  }),
)

/** `GET /v1/webapi/access/review`. */
export function reviewRoutes(review: ReviewAccess, clock: Clock): WebRoutes {
  return {
    name: 'access-review',
    prefix: '/v1/webapi/access/review',
    async routes(web) {
      web.get<{ Querystring: { unused?: string } }>(
        '/',
        {
          config: { access: 'access.read' },
          schema: {
            summary: 'Which roles people have, and when they last used them',
            querystring: Query,
            returns: Rows,
          },
        },
        async ({ query: { unused } }) => {
          const ms = unused === undefined ? null : parseDuration(unused)
          if (unused !== undefined && ms === null)
            throw problemFor('duration_invalid', `"${unused}" is not a duration. Examples: 30d, 90d.`)
          const { since, rows } = await review()
          return shown()
          async function* shown() {
            for await (const { lastUsed, ...row } of rows)
              if (ms === null || (lastUsed ?? 0) < clock.now() - ms)
                yield {
                  ...row,
                  last_used: lastUsed === null ? null : new Date(lastUsed).toISOString(),
                  recorded_since: new Date(since).toISOString(),
                }
          }
        },
      )
    },
  }
}
