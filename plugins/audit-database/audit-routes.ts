import {
  type Actor,
  type AdminRights,
  type Audit,
  apiRoutes,
  type Database,
  type Revisions,
  type Sessions,
  Type,
  type WebRoutes,
} from '@mezite/core'
import { createAdminWatch } from './admin-watch.ts'
import { type Range, readEvents, seqOf } from './event-query.ts'
import { eventTypes, likelyType, storedTypes } from './event-types.ts'
import { exportEvents, MOST_EXPORTED } from './export.ts'
import { problemFor } from './reasons.ts'
import type { Tail } from './tail.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const LONGEST_LIST = 1_000
const LONGEST_TYPE = 200
/** As stored: 1,024 characters, each of them escaped at worst, and the number of characters that were cut off. */
const LONGEST_NAME = 6_200

const Query = Type.Closed(
  Type.Optionals({
    type: Type.String({ maxLength: 100 }),
    user: Type.String({ maxLength: LONGEST_NAME }),
    app: Type.String({ maxLength: LONGEST_NAME }),
    request: Type.String({ maxLength: LONGEST_NAME, description: 'request id' }),
    session: Type.String({ maxLength: LONGEST_NAME, description: 'session id' }),
    ip: Type.String({ maxLength: LONGEST_NAME, description: 'address of the client' }),
    agent: Type.String({ maxLength: LONGEST_NAME, description: 'host name of the agent' }),
    reason: Type.String({ maxLength: LONGEST_NAME, description: 'reason code' }),
    changes: Type.Literal('true', { description: 'only what somebody or something has changed' }),
    from: Type.String({ maxLength: 40, description: 'not before, RFC 3339' }),
    to: Type.String({ maxLength: 40, description: 'not after, RFC 3339' }),
    limit: Type.String({ pattern: '^[0-9]{1,6}$', description: `1 to ${LONGEST_LIST}` }),
    after: Type.String({ maxLength: 40, description: 'id of an event: the next events after it' }),
    before: Type.String({ maxLength: 40, description: 'id of an event: the newest events before it' }),
  }),
)

const { limit: _limit, after: _after, before: _before, ...filters } = Query.properties
const ExportQuery = Type.Closed({
  ...filters,
  format: Type.Optional(Type.Union([Type.Literal('jsonl'), Type.Literal('csv')], { default: 'jsonl' })),
})
type ExportSearch = Omit<Search, 'limit' | 'after' | 'before'> & { readonly format?: 'jsonl' | 'csv' }
const Text = Type.Nullable(Type.String())
/** Members that events of every type have; others depend on the type. */
const Event = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    time: Type.String(),
    cluster: Type.String(),
    hub: Type.String(),
    user: Text,
    roles: Type.Nullable(Type.Array(Type.String())),
    client_ip: Text,
    session_id: Text,
    request_id: Text,
    success: Type.Boolean(),
    reason: Text,
  },
  { additionalProperties: true },
)

type Search = Partial<Record<keyof (typeof Query)['properties'], string>>

interface Deps {
  readonly database: Database
  readonly adminRights: AdminRights
  readonly audit: Audit
  readonly revisions: Revisions
  readonly sessions: Sessions | undefined
  readonly tail: Tail
}

/** `GET /v1/webapi/audit` and `/audit/tail`, for admins only; each use is recorded. */
export function auditRoutes(parts: Deps): WebRoutes {
  const { database, audit } = parts
  const watch = createAdminWatch(parts)
  return apiRoutes('audit', (on) => {
    const list = {
      access: 'audit.list',
      summary: 'The newest matching events of the audit trail, oldest first',
      querystring: Query,
      returns: Type.Array(Event),
    } as const
    on('GET', list, async (_, request) => {
      const { from, to, limit: text = '100', after, before, ...exact } = request.query as Search
      const limit = Number(text)
      if (limit < 1 || limit > LONGEST_LIST)
        throw problemFor('bad_request', `limit must be from 1 to ${LONGEST_LIST}.`)
      const filter = filterOf(exact, from, to)
      const range = await rangeOf(database, after, before)
      const events = await readEvents(database, filter, range, limit)
      if (events.length === 0 && exact.type !== undefined) await checkType(database, exact.type)
      // One record for a list, however many pages it has.
      if (after === undefined && before === undefined) recordRead(audit, request.actor, 'audit')
      return events.map(({ event }) => event)
    })
    const types = {
      access: 'audit.list',
      summary: 'The types of events',
      returns: Type.Array(Type.String()),
    } as const
    on('GET /types', types, async () =>
      [...new Set([...eventTypes, ...(await storedTypes(database))])].sort(),
    )
    const file = {
      access: 'audit.read',
      deadlineMs: 0,
      summary: `Matching events as a file, newest first, at most ${MOST_EXPORTED}`,
      querystring: ExportQuery,
    } as const
    on('GET /export', file, (_, request, reply) => {
      const { format = 'jsonl', from, to, ...exact } = request.query as ExportSearch
      const filter = filterOf(exact, from, to)
      recordRead(audit, request.actor, 'audit/export')
      const stream = exportEvents({ database, filter, format, allowed: watch(request) })
      reply.raw.once('close', () => stream.destroy())
      return reply
        .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson')
        .header('content-disposition', `attachment; filename="audit.${format}"`)
        .send(stream)
    })
    const tail = { access: 'audit.list', summary: 'Events as they happen, one JSON object a line' } as const
    on('GET /tail', tail, async (_, request, reply) => {
      recordRead(audit, request.actor, 'audit/tail')
      const stream = await parts.tail.follow(request.subject.user, watch(request))
      reply.raw.once('close', () => stream.destroy())
      return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(stream)
    })
  })
}

export function filterOf(
  exact: Readonly<Record<string, string>>,
  from: string | undefined,
  to: string | undefined,
) {
  // Stored events never contain NUL, and PostgreSQL rejects it with an error.
  if (Object.values(exact).some((value) => value.includes('\0')))
    throw problemFor('bad_request', 'A filter contains a NUL character.')
  return { ...exact, changes: exact.changes !== undefined, from: timeOf(from, 'from'), to: timeOf(to, 'to') }
}

async function rangeOf(
  database: Database,
  after: string | undefined,
  before: string | undefined,
): Promise<Range> {
  if (after !== undefined && before !== undefined)
    throw problemFor('bad_request', 'after and before cannot be combined.')
  if (after !== undefined) return { after: await numberOf(database, after, 'after') }
  return { before: before === undefined ? null : await numberOf(database, before, 'before') }
}

async function numberOf(database: Database, id: string, name: string): Promise<number> {
  const seq = UUID.test(id) ? await seqOf(database, id) : null
  if (seq === null)
    throw problemFor('audit_event_unknown', `${name}: the trail does not contain the event "${id}".`)
  return seq
}

/** Throws when neither the trail nor the hub knows this type of event. */
async function checkType(database: Database, type: string): Promise<void> {
  const known = [...new Set([...eventTypes, ...(await storedTypes(database))])]
  if (known.includes(type.slice(0, LONGEST_TYPE))) return
  const likely = likelyType(type, known)
  const hint = likely === null ? '' : ` Did you mean "${likely}"?`
  throw problemFor('audit_type_unknown', `"${type}" is not a type of audit event.${hint}`)
}

function timeOf(text: string | undefined, name: string): Date | undefined {
  if (text === undefined) return undefined
  const time = new Date(text)
  const year = time.getUTCFullYear()
  if (Number.isNaN(year) || year < 1970 || year > 9999) {
    throw problemFor('bad_request', `${name} is not an RFC 3339 time.`)
  }
  return time
}

/** Records a read of the trail in the trail. */
export function recordRead(audit: Audit, by: Actor, resource: string): void {
  audit.record({ type: 'audit.read', success: true, by, fields: { resource } })
}
