import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import type { Condition } from '../../../plugins/audit-database/event-filter.ts'

export const HOUR_MS = 3_600_000

/** Events whose times are equally far apart. */
export interface Stretch {
  readonly events: number
  /** Requests of a context, among those of others. */
  readonly ofContext: number
  /** Milliseconds since 1970. */
  readonly beginning: number
  readonly hours: number
  /** The number before the first of the events and contexts, as a day of partitions begins; 0 without them. */
  readonly before: number
  /** The share of the contexts, from the beginning on, that have people, apps and agents who are not in the others. */
  readonly former: number
  readonly names: TrailNames
  /** How much busier noon is than the mean, and midnight quieter: from 0 to less than 1. */
  readonly swing: number
}

/** Who did something where in a trail. No name has a space. */
export interface TrailNames {
  readonly people: readonly string[]
  readonly apps: readonly string[]
  /** By whom the apps are served, in the order of the apps; if there are more agents than apps, some serve the same one. */
  readonly agents: readonly string[]
  /** An app that one context in 250 uses instead of its own. */
  readonly rare: string | null
}

/** A trail of five days: each context has 40 requests among those of others, and every twentieth event is no request. */
export const TRAIL = {
  events: 20_000,
  ofContext: 40,
  before: 0,
  former: 1 / 5,
  beginning: Date.UTC(2026, 0, 1),
  hours: 120,
  swing: 0,
  names: {
    people: Array.from({ length: 10 }, (_, at) => `user-${at}`),
    apps: Array.from({ length: 5 }, (_, at) => `app-${at}`),
    agents: Array.from({ length: 15 }, (_, at) => `db-${at % 3}`),
    rare: 'rare',
  },
} as const satisfies Stretch

const uuid = (text: string) => text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
export const requestIdOf = (seq: number): string => uuid(seq.toString(16).padStart(32, '7'))
export const sessionOf = (context: number): string => `session-${context}`

/** Fills the tables as hubs do, but without a chain. */
export async function fillTrail(db: Database, stretch: Stretch = TRAIL): Promise<void> {
  const { events, ofContext, beginning, hours, before, former, names, swing } = stretch
  const contexts = events / ofContext
  const old = Math.floor(contexts * former)
  const offset = sql`${before}::bigint`
  const days = sql`${hours / 24 / events}::float8 * i`
  const time = sql`to_timestamp(${beginning / 1_000}::float8 + 86400 * (${days} + ${swing / 2 / Math.PI}::float8 * sin(2 * pi() * ${days})))`
  const one = (of: readonly string[], at: Condition) =>
    sql`(string_to_array(${of.join(' ')}, ' '))[1 + (${at}) % ${of.length}::bigint]`
  const person = (k: Condition) => one(names.people, k)
  // Further on with each round of the people, so that all of them use several.
  const appAt = (k: Condition) =>
    sql`((${k} + ${k} / ${names.people.length}::bigint) % ${names.apps.length}::bigint)`
  const agent = (k: Condition, i: Condition) =>
    one(names.agents, sql`${appAt(k)} + ${names.apps.length}::bigint * ${i}`)
  const id = (prefix: string) => sql`lpad(to_hex(${offset} + i), 32, ${prefix})::uuid`
  const session = (k: Condition) => sql`'session-' || (${offset} + ${k})`
  await sql`INSERT INTO audit_database_contexts (id, template, hub, user_name, app, session_id, client_ip, reason)
    OVERRIDING SYSTEM VALUE
    SELECT ${offset} + k, concat('{"id":"', E'\t', '","type":"app.request","time":"', E'\t', '","user":"', u, '","client_ip":"', ip,
      '","session_id":"', s, '","request_id":"', E'\t', '","success":true,"reason":', coalesce('"' || r || '"', 'null'),
      ',"app":"', a, '","agent":', E'\t', ',"method":"', E'\t', '","path":"', E'\t', '","status":', E'\t',
      ',"bytes_in":', E'\t', ',"bytes_out":', E'\t', ',"duration_ms":', E'\t', ',"upgrade":null}'),
      'h', u, a, s, ip, r
    FROM (SELECT k, ${session(sql`k`)} AS s,
        CASE WHEN k < ${old} AND k % 3 = 0 THEN 'former' ELSE ${person(sql`k`)} END AS u,
        CASE WHEN k < ${old} AND k % 2 = 0 THEN 'retired' WHEN k % 250 = 99 THEN coalesce(${names.rare}, ${one(names.apps, appAt(sql`k`))})
          ELSE ${one(names.apps, appAt(sql`k`))} END AS a,
        CASE WHEN k % 4 = 0 THEN '203.0.113.1' ELSE '198.51.100.' || k % 200 END AS ip,
        CASE WHEN k % 50 = 1 THEN 'connection_refused' END AS r
      FROM generate_series(0, ${contexts}) AS k) AS context`.execute(db)
  await sql`INSERT INTO audit_database_requests (seq, n, time, id, request_id, context, hash, parts)
    SELECT ${offset} + i, ${offset} + i, ${time}, ${id('1')}, ${id('7')}, ${offset} + k, decode(md5(i::text), 'hex'),
      concat('"', CASE WHEN k < ${old} AND i % 2 = 0 THEN 'db-old' ELSE ${agent(sql`k`, sql`i`)} END, '"', E'\t', 'GET', E'\t', '/', i,
        E'\t', CASE WHEN i % 97 = 5 THEN '502' ELSE '200' END, E'\t', '0', E'\t', 900 + i % 7000, E'\t', 3 + i % 60)
    FROM (SELECT i, greatest(0, i / ${ofContext}::integer - i * 7 % 23) AS k
      FROM generate_series(1, ${events}) AS i WHERE i % 20 > 0) AS request`.execute(db)
  await sql`INSERT INTO audit_database_texts (seq, n, hub, id, time, type, user_name, app, event, hash)
    OVERRIDING SYSTEM VALUE
    SELECT ${offset} + i, ${offset} + i, 'h', ${id('1')}, ${time}, type, user_name, app, json_build_object('id', ${id('1')}, 'type', type,
      'time', to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'user', user_name, 'success', reason IS NULL,
      'client_ip', '198.51.100.' || i % 200, 'session_id', ${session(sql`i / 800`)}, 'request_id', ${id('7')},
      'reason', reason, 'app', app, 'agent', agent,
      'name', CASE WHEN type = 'role.updated' THEN 'data-staff' END), md5(i::text)
    FROM (SELECT i, ${person(sql`i / 20`)} AS user_name,
        CASE WHEN i % 2000 = 60 THEN 'role.updated' WHEN i % 60 = 0 THEN 'access.denied' ELSE 'user.login' END AS type,
        CASE WHEN i % 60 = 0 THEN 'label_mismatch' END AS reason,
        CASE WHEN i % 60 = 0 THEN ${one(names.apps, sql`i / 60`)} END AS app, CASE WHEN i % 80 = 0 THEN ${agent(sql`1`, sql`0`)} END AS agent
      FROM generate_series(20, ${events}, 20) AS i) AS other`.execute(db)
  await sql`SELECT setval('audit_database_events_seq_seq', ${before + events}),
    setval('audit_database_contexts_id_seq', ${before + contexts})`.execute(db)
  await sql`ANALYZE`.execute(db)
}
