import type { Audit, Database, Revisions, Sessions, WebRoutes } from '@mezite/core'
import { Problem, Type } from '@mezite/core'
import { createAdminWatch } from './admin-watch.ts'
import { type Range, readEvents, seqOf } from './event-query.ts'
import { recordRead } from './read-record.ts'
import type { Tail } from './tail.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const LONGEST_LIST = 1_000
/** As an event spells it: 1,024 characters, each `\uXXXX` at worst, and how many were cut off. */
const LONGEST_NAME = 6_200

const Query = Type.Object(
  {
    type: Type.Optional(Type.String({ maxLength: 100 })),
    user: Type.Optional(Type.String({ maxLength: LONGEST_NAME })),
    app: Type.Optional(Type.String({ maxLength: LONGEST_NAME })),
    from: Type.Optional(Type.String({ maxLength: 40, description: 'not before, RFC 3339' })),
    to: Type.Optional(Type.String({ maxLength: 40, description: 'not after, RFC 3339' })),
    limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,6}$', description: `1 to ${LONGEST_LIST}` })),
    after: Type.Optional(
      Type.String({ maxLength: 40, description: 'id of the last event seen: go on from it' }),
    ),
    before: Type.Optional(
      Type.String({ maxLength: 40, description: 'id of the first event seen: go back from it' }),
    ),
  },
  { additionalProperties: false },
)

type Asked = Partial<Record<keyof (typeof Query)['properties'], string>>

interface Deps {
  readonly database: Database
  readonly audit: Audit
  readonly revisions: Revisions
  readonly sessions: Sessions | undefined
  readonly tail: Tail
}

/** `GET /v1/webapi/audit` and `/audit/tail`, both for admins only; reading is itself recorded. */
export function auditRoutes(parts: Deps): WebRoutes {
  const { database, audit } = parts
  const watch = createAdminWatch(parts)
  return {
    name: 'audit',
    prefix: '/v1/webapi',
    async routes(app) {
      app.get(
        '/audit',
        {
          config: { access: 'admin' },
          schema: { summary: 'The audit trail, oldest first', querystring: Query },
        },
        async (request) => {
          const asked = request.query as Asked
          const { type, user, app: appName } = asked
          const from = momentOf(asked.from, 'from')
          const to = momentOf(asked.to, 'to')
          const limit = Number(asked.limit ?? 100)
          // Never in the trail, where it is escaped; PostgreSQL refuses it with an error.
          if ([type, user, appName].some((text) => text?.includes('\0'))) {
            throw new Problem(400, 'bad_request', 'A filter holds a NUL character.')
          }
          if (limit < 1 || limit > LONGEST_LIST)
            throw new Problem(400, 'bad_request', `limit is 1 to ${LONGEST_LIST}.`)
          // From a time on the list begins there; else it is the newest that one wants to see.
          const range = await rangeOf(database, asked)
          const filter = {
            ...(type !== undefined && { type }),
            ...(user !== undefined && { user }),
            ...(appName !== undefined && { app: appName }),
            ...(from && { from }),
            ...(to && { to }),
          }
          const events = await readEvents(database, filter, range, limit)
          // One record for a list, however many pages it has.
          if (asked.after === undefined && asked.before === undefined)
            recordRead(audit, request.actor, 'audit')
          return events.map(({ event }) => event)
        },
      )
      app.get(
        '/audit/tail',
        { config: { access: 'admin' }, schema: { summary: 'Events as they happen, one JSON object a line' } },
        async (request, reply) => {
          recordRead(audit, request.actor, 'audit/tail')
          const stream = await parts.tail.follow(watch(request))
          reply.raw.once('close', () => stream.destroy())
          return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(stream)
        },
      )
    },
  }
}

async function rangeOf(database: Database, { after, before, from }: Asked): Promise<Range> {
  if (after !== undefined && before !== undefined) {
    throw new Problem(400, 'bad_request', 'Either after or before, not both.')
  }
  if (after !== undefined) return { after: await placeOf(database, after, 'after') }
  if (before !== undefined) return { before: await placeOf(database, before, 'before') }
  return from === undefined ? { before: null } : { after: 0 }
}

async function placeOf(database: Database, id: string, name: string): Promise<number> {
  const seq = UUID.test(id) ? await seqOf(database, id) : null
  if (seq === null) throw new Problem(400, 'audit_event_unknown', `${name} names no event of the trail.`)
  return seq
}

function momentOf(text: string | undefined, name: string): Date | undefined {
  if (text === undefined) return undefined
  const moment = new Date(text)
  const year = moment.getUTCFullYear()
  if (Number.isNaN(year) || year < 1970 || year > 9999) {
    throw new Problem(400, 'bad_request', `${name} is no RFC 3339 time.`)
  }
  return moment
}
