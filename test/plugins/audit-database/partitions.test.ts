// long
/** The trail in partitions by day, which PostgreSQL alone has. */
import { randomUUID } from 'node:crypto'
import type { Database } from '@mezite/core'
import { testEvent, testSecretBox } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { type Link, nextLink } from '../../../plugins/audit-database/chain.ts'
import { NUMBERS_OF_DAY } from '../../../plugins/audit-database/chain-writer.ts'
import { openCheckpointKey } from '../../../plugins/audit-database/checkpoint-key.ts'
import { createCheckpoints } from '../../../plugins/audit-database/checkpoints.ts'
import { createDayPartitions, dayOf, listPartitions } from '../../../plugins/audit-database/day-partitions.ts'
import type { EventFilter } from '../../../plugins/audit-database/event-filter.ts'
import { type Range, readEvents, readEventsIn } from '../../../plugins/audit-database/event-query.ts'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { createPruner } from '../../../plugins/audit-database/retention.ts'
import { createSink } from '../../../plugins/audit-database/sink.ts'
import { noteSpans } from '../../../plugins/audit-database/trail-spans.ts'
import { type TrailReport, verifyTrail } from '../../../plugins/audit-database/verification.ts'
import { readDatabase } from '../../../plugins/backup/database/read-rows.ts'
import { writeDatabase } from '../../../plugins/backup/database/write-rows.ts'
import { batchesTo } from '../../event-lines.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open, PATIENT, pgliteStore } from '../../state/database/stores.ts'

type Tap = typeof t

const DAY_MS = 86_400_000
const NOW = Date.now()
const TODAY = dayOf(NOW)
const SECRETS = testSecretBox()

const changed = (at = NOW) =>
  testEvent(
    { type: 'role.updated', success: true, user: 'alice', fields: { name: 'dev' } },
    { cluster: 'c', hub: 'a', at },
  )
const requested = (at = NOW, sessionId = 's-1') =>
  testEvent(
    {
      type: 'app.request',
      success: true,
      user: 'alice',
      roles: ['dev'],
      clientIp: '192.0.2.1',
      sessionId,
      requestId: randomUUID(),
      fields: {
        ...{
          app: 'grafana',
          agent: 'db-1',
          method: 'GET',
          path: '/',
          status: 200,
          bytes_in: 0,
          bytes_out: 9,
        },
        duration_ms: 3,
        upgrade: null,
      },
    },
    { cluster: 'c', hub: 'a', at },
  )

const store = await postgresStore()
t.teardown(() => store.close())

async function openTrail(t: Tap) {
  const config = (await store.config('migrated')) as { driver: 'postgres'; url: string }
  const database = await open(config, PATIENT)
  t.teardown(() => database.close())
  await database.migrate([auditMigrations])
  const { db } = database
  const log = keptLog()
  const clock = { at: NOW, now: () => clock.at }
  const key = await openCheckpointKey(db, SECRETS)
  const checkpoints = createCheckpoints({ database: db, key: () => key, clock: clock as never, log })
  const days = createDayPartitions({
    database: db,
    url: config.url,
    retentionRole: null,
    clock: clock as never,
    log,
    smallest: 0,
  })
  const verify = async (database = db): Promise<TrailReport> => {
    const reading = verifyTrail(database, key, { byCaller: null, byHub: null })
    for (;;) {
      const { value, done } = await reading.next()
      if (done) return value
    }
  }
  const prune = (retentionMs = 90 * DAY_MS) =>
    createPruner({
      ...{
        database: db,
        url: config.url,
        periods: { others: retentionMs, byType: {} },
        retentionRole: null,
        key: () => key,
      },
      clock: { now: () => NOW } as never,
      log,
    }).prune()
  const all = async (table: string) =>
    (await sql<{ seq: number; n: number }>`SELECT seq, n FROM ${sql.table(table)} ORDER BY seq`.execute(db))
      .rows
  return { config, db, log, clock, checkpoints, days, verify, prune, all, write: batchesTo(createSink(db)) }
}

t.test('M258 tables with events are partitioned beside a hub that writes', async (t) => {
  const { db, log, days, checkpoints, verify, write, all } = await openTrail(t as unknown as Tap)
  for (let n = 0; n < 5; n++) await write([changed(), requested(), requested()])
  await checkpoints.take()
  let [writing, written] = [true, 15]
  const writer = (async () => {
    while (writing) {
      await write([requested(), changed()])
      written += 2
    }
  })()
  await days.keep()
  writing = false
  await writer
  await write([changed(), requested()])
  await checkpoints.take()
  t.strictSame(
    log.lines.filter((line) => String(line[1]).startsWith('failed')),
    [],
  )
  const partitions = await listPartitions(db)
  for (const table of ['texts', 'requests', 'contexts'])
    t.strictSame(
      partitions
        .filter((each) => each.table === `audit_database_${table}`)
        .map(({ end }) => end / NUMBERS_OF_DAY),
      [TODAY, TODAY + 1, TODAY + 2],
      table,
    )
  t.match(await verify(), { ok: true, events: written + 2, unchained: 0 })
  const stored = await all('audit_database_events')
  t.strictSame(
    stored.map(({ n }) => n),
    stored.map((_, at) => at + 1),
    'the numbers in the chain go on, in the order of the trail',
  )
  t.ok(stored[0]!.seq < NUMBERS_OF_DAY && stored.at(-1)!.seq >= TODAY * NUMBERS_OF_DAY)
  const found = await readEvents(db, { user: 'alice' }, { before: null }, 1_000)
  t.strictSame(
    found.map(({ seq }) => seq),
    stored.map(({ seq }) => seq).slice(-1_000),
  )
  await days.keep()
  t.equal((await listPartitions(db)).length, partitions.length, 'nothing is left to do')
})

t.test('M258 a hub of the version before writes and deletes beside a newer one', async (t) => {
  const { db, days, verify, write, all } = await openTrail(t as unknown as Tap)
  await write([requested(), changed()])
  await days.keep()
  await write([requested(), changed()])
  const link = async () => {
    const { rows } = await sql<Link & { seq: number }>`SELECT n, hash, seq FROM audit_database_chains
      WHERE hub = 'a'`.execute(db)
    return rows[0]!
  }
  // It goes on with the context that it knows, which is of the day before.
  const request = requested()
  const before = await link()
  const next = nextLink(before, JSON.stringify(request))
  await db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(7264510029)`.execute(trx)
    const { rows } = await sql<{ seq: number }>`SELECT setval('audit_database_events_seq_seq',
      nextval('audit_database_events_seq_seq') + 1 - 1) AS seq`.execute(trx)
    await sql`INSERT INTO audit_database_requests (seq, n, time, id, request_id, context, hash, parts)
      SELECT ${rows[0]!.seq}, ${next.n}, ${request.time}, ${request.id}, ${request.request_id}, min(id),
        decode(${Buffer.from(next.hash, 'base64url').toString('hex')}, 'hex'),
        concat('"db-1"', E'\t', 'GET', E'\t', '/', E'\t', '200', E'\t', '0', E'\t', '9', E'\t', '3')
      FROM audit_database_contexts`.execute(trx)
    const text = JSON.stringify(changed())
    const { id, time, type } = JSON.parse(text)
    const last = nextLink(next, text)
    await sql`INSERT INTO audit_database_events (id, time, type, user_name, app, event, hub, n, hash)
      VALUES (${id}, ${time}, ${type}, 'alice', NULL, ${text}::json, 'a', ${last.n}, ${last.hash})`.execute(
      trx,
    )
    await sql`UPDATE audit_database_chains SET n = ${last.n}, hash = ${last.hash},
      seq = (SELECT max(seq) FROM audit_database_events) WHERE hub = 'a'`.execute(trx)
  })
  await write([requested(), changed()])
  t.match(await verify(), { ok: true, events: 8 })
  const found = await readEvents(db, { app: 'grafana' }, { before: null }, 100)
  t.equal(found.length, 4)
  const [first] = await all('audit_database_events')
  await sql`DELETE FROM audit_database_texts WHERE seq <= ${first!.seq}`.execute(db)
  await sql`DELETE FROM audit_database_requests WHERE seq <= ${first!.seq}`.execute(db)
  t.equal((await all('audit_database_events')).length, 7)
})

t.test('M258 retention signs the new start and drops days, and the rest verifies', async (t) => {
  const { db, clock, days, checkpoints, verify, prune, write, all } = await openTrail(t as unknown as Tap)
  const [first, second] = [NOW - 100 * DAY_MS, NOW - 95 * DAY_MS]
  await write([changed(first - DAY_MS), requested(first - DAY_MS)])
  for (const at of [first, second, NOW]) {
    clock.at = at
    await days.keep()
    await write([changed(at), requested(at), requested(at, 's-2')])
    if (at !== second) await checkpoints.take()
    await write([requested(at)])
  }
  const names = async () => (await listPartitions(db)).map(({ name }) => name.slice('audit_database_'.length))
  t.ok((await names()).includes(`requests_${dayOf(first)}`))
  const last = (await all('audit_database_events')).slice(-4)
  t.equal(await prune(200 * DAY_MS), 0, 'nothing is old enough')
  t.equal(await prune(), 10)
  t.notOk((await names()).some((name) => /_before$/.test(name) || Number(name.split('_')[1]) < TODAY - 90))
  t.strictSame(await all('audit_database_events'), last, 'numbers are as before')
  t.match(await verify(), { ok: true, events: 4, chains: 1 })
  t.match((await sql`SELECT count(*)::int AS n FROM audit_database_contexts`.execute(db)).rows, [{ n: 2 }])
  await write([requested(), changed()])
  await checkpoints.take()
  t.match(await verify(), { ok: true, events: 6 })
  t.equal(await prune(), 0)
  const [{ seq } = { seq: 0 }] = await all('audit_database_events')
  await sql`DELETE FROM audit_database_texts WHERE seq <= ${seq}`.execute(db)
  t.match(await verify(), { ok: false, findings: [{ kind: 'deleted' }] }, 'other deletions are found')
  await sql`UPDATE audit_database_start SET statement = replace(statement, '"seq":', '"seq":1')`.execute(db)
  await t.rejects(verify(), /not signed/)
})

t.test('M258 contexts stay as long as a request refers to them', async (t) => {
  const { db, clock, days, verify, prune, write } = await openTrail(t as unknown as Tap)
  clock.at = NOW - 100 * DAY_MS
  await days.keep()
  await write([requested(clock.at), changed(clock.at)])
  clock.at = NOW
  await days.keep()
  await write([requested(), changed()])
  // As a hub of the version before.
  await sql`UPDATE audit_database_requests SET context = (SELECT min(id) FROM audit_database_contexts)`.execute(
    db,
  )
  t.equal(await prune(), 2)
  t.match(await verify(), { ok: true, events: 2 })
  const kept = (await listPartitions(db)).filter(({ table }) => table === 'audit_database_contexts')
  t.ok(kept.some(({ name }) => name.endsWith(`_${TODAY - 100}`)))
  const found = await readEvents(db, { user: 'alice' }, { before: null }, 100)
  t.equal(found.length, 2)
})

t.test('searches find events of every day', async (t) => {
  const { db, clock, days, write } = await openTrail(t as unknown as Tap)
  for (const ago of [40, 30, 20, 0]) {
    clock.at = NOW - ago * DAY_MS
    await days.keep()
    await write([
      ...Array.from({ length: 30 }, () => requested(clock.at)),
      requested(clock.at, `s-${ago}`),
      changed(clock.at),
    ])
  }
  await noteSpans(db, undefined, { longest: 16, shortest: 4 })
  const found = async (filter: object, limit = 1_000) =>
    (await readEvents(db, filter, { before: null }, limit, { longestMs: 60_000, walked: 20 })).length
  t.equal(await found({ user: 'alice' }), 128)
  t.equal(await found({ agent: 'db-1' }), 124)
  t.equal(await found({ session: 's-1' }), 120)
  t.equal(await found({ session: 's-30' }, 10), 1)
  t.equal(await found({ session: 'none' }), 0)
  t.equal(await found({ to: new Date(NOW - 25 * DAY_MS) }), 64)
})

t.test('M257 a search opens the newest days until they fill its page, and misses none', async (t) => {
  const { db, clock, days, write } = await openTrail(t as unknown as Tap)
  for (let ago = 24; ago >= 0; ago--) {
    clock.at = NOW - ago * DAY_MS
    await days.keep()
    await write([
      ...Array.from({ length: 4 }, () => requested(clock.at)),
      ...[requested(clock.at, `s-${ago}`), requested(clock.at, ago % 9 === 0 ? 's-rare' : `s-${ago}`)],
      ...(ago % 10 === 0 ? [changed(clock.at)] : []),
    ])
  }
  // As a hub of an older version, which goes on with the contexts that it knows.
  const contextOf = (session: string) =>
    sql`(SELECT max(id) FROM audit_database_contexts WHERE session_id = ${session})`
  await sql`UPDATE audit_database_requests SET context = ${contextOf('s-20')}
    WHERE seq = (SELECT max(seq) FROM audit_database_requests WHERE context = ${contextOf('s-12')})`.execute(
    db,
  )
  const { rows: trail } = await sql<{ seq: number; event: Record<string, unknown> }>`SELECT seq, event
    FROM audit_database_events ORDER BY seq`.execute(db)
  const numbers = (field: string, value: string) =>
    trail.filter(({ event }) => event[field] === value).map(({ seq }) => seq)
  const read = async (filter: EventFilter, limit: number, range: Range = { before: null }, walked = 20) => {
    const bounds = { limit, walked, check() {} }
    return db.transaction().execute(async (trx) => {
      const events = await readEventsIn(trx, filter, range, bounds)
      const { rows } = await sql<{ ago: number }>`SELECT DISTINCT
          ${TODAY}::integer - substring(relation::regclass::text FROM '[0-9]+$')::integer AS ago
        FROM pg_locks WHERE pid = pg_backend_pid()
          AND relation::regclass::text ~ '^audit_database_(requests|texts|contexts)_[0-9]+$' ORDER BY 1`.execute(
        trx,
      )
      return { found: events.map(({ seq }) => seq), opened: rows.map(({ ago }) => ago) }
    })
  }
  const cases: [filter: EventFilter, all: readonly number[]][] = [
    [{ user: 'alice' }, trail.map(({ seq }) => seq)],
    [{ session: 's-1' }, numbers('session_id', 's-1')],
    [{ session: 's-rare' }, numbers('session_id', 's-rare')],
    [{ session: 's-20' }, numbers('session_id', 's-20')],
    [{ session: 's-12' }, numbers('session_id', 's-12')],
    [{ session: 's-none' }, []],
    [{ agent: 'db-1' }, numbers('agent', 'db-1')],
    [{ agent: 'db-1', session: 's-rare' }, numbers('session_id', 's-rare')],
    [{ agent: 'db-2' }, []],
    [{ app: 'grafana', user: 'alice' }, numbers('app', 'grafana')],
    [{ type: 'role.updated' }, numbers('type', 'role.updated')],
    [{ type: 'app.request' }, numbers('type', 'app.request')],
    [{}, trail.map(({ seq }) => seq)],
  ]
  t.equal(numbers('session_id', 's-20').length, 3)
  for (const noted of [false, true]) {
    if (noted) await noteSpans(db, undefined, { longest: 16, shortest: 1 })
    for (const [filter, all] of cases) {
      const what = `${JSON.stringify(filter)}, noted: ${noted}`
      for (const [limit, walked] of [
        [1_000, 20],
        [10, 20],
        [10, 10_000],
      ] as const) {
        t.strictSame((await read(filter, limit, { before: null }, walked)).found, all.slice(-limit), what)
        t.strictSame((await read(filter, limit, { after: 0 }, walked)).found, all.slice(0, limit), what)
        const middle = trail[80]!.seq
        const before = all.filter((seq) => seq < middle)
        t.strictSame(
          (await read(filter, limit, { before: middle }, walked)).found,
          before.slice(-limit),
          what,
        )
      }
    }
  }
  /** How many days ago; the day that comes has no events. */
  const opened = async (...search: Parameters<typeof read>) =>
    (await read(...search)).opened.filter((ago) => ago >= 0)
  t.strictSame(await opened({ user: 'alice' }, 5), [0])
  t.strictSame(await opened({ app: 'grafana' }, 5), [0])
  t.strictSame(await opened({ type: 'app.request' }, 5), [0])
  t.strictSame(await opened({ type: 'role.updated' }, 1), [0])
  t.strictSame(
    await opened({ user: 'alice' }, 1, { before: trail[80]!.seq }),
    [0, 11],
    'and the newest, to know the end',
  )
  t.ok((await opened({ session: 's-8' }, 2)).every((ago) => ago <= 8))
})

t.test('a partitioned trail is copied to a database without partitions, and verifies there', async (t) => {
  const { db, days, verify, write, all } = await openTrail(t as unknown as Tap)
  await write([requested(), changed()])
  await days.keep()
  await write([requested(), changed()])
  const stored = await all('audit_database_events')
  const embedded = await pgliteStore()
  t.teardown(() => embedded.close())
  for (const config of [await store.config('migrated'), await embedded.config('migrated')]) {
    const target = await open(config, PATIENT)
    t.teardown(() => target.close())
    await target.migrate([auditMigrations])
    await writeDatabase(target.db, readDatabase({ database: db, without: new Set() }), {
      wrote: () => {},
      verify: async (trx) => void t.match(await verify(trx), { ok: true, events: 4 }, 'before the commit'),
    })
    t.match(await verify(target.db), { ok: true, events: 4 })
    await batchesTo(createSink(target.db))([requested(), changed()])
    t.match(await verify(target.db), { ok: true, events: 6 })
    t.equal(stored.length, 4)
    if (config.driver === 'embedded') continue
    await createDayPartitions({
      database: target.db,
      url: config.url,
      retentionRole: null,
      clock: { now: () => NOW } as never,
      log: keptLog(),
      smallest: 0,
    }).keep()
    t.equal((await listPartitions(target.db)).length > 0, true)
    await batchesTo(createSink(target.db))([requested(), changed()])
    t.match(await verify(target.db), { ok: true, events: 8 })
  }
})

/** A role that owns the tables of the trail, and one for the hub that may add events; resolves with the tables. */
async function createRoles(db: Database, prefix: string): Promise<readonly string[]> {
  const [retention, hub] = [`${prefix}_retention`, `${prefix}_hub`]
  const owned = ['texts', 'requests', 'contexts', 'checkpoints'].map((name) => `audit_database_${name}`)
  for (const statement of [
    `CREATE ROLE ${retention}`,
    `CREATE ROLE ${hub} LOGIN NOINHERIT IN ROLE ${retention}`,
    `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${hub}`,
    `GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${hub}`,
    `REVOKE ALL ON ${owned} FROM ${hub}`,
    ...owned.map((table) => `ALTER TABLE ${table} OWNER TO ${retention}`),
    `GRANT SELECT, INSERT ON ${owned} TO ${hub}`,
    `GRANT CREATE ON SCHEMA public TO ${retention}, ${hub}`,
    ...['audit_database_request_events', 'audit_database_events'].map(
      (view) => `ALTER VIEW ${view} OWNER TO ${hub}`,
    ),
    `GRANT USAGE, UPDATE ON SEQUENCE audit_database_events_seq_seq TO ${hub}`,
  ])
    await sql.raw(statement).execute(db)
  return owned
}

t.test(
  'M258 M161 the role of retention makes and drops days, and that of the hub may still not change events',
  async (t) => {
    const { config, db, verify, write } = await openTrail(t as unknown as Tap)
    await write([requested(NOW - 100 * DAY_MS), changed(NOW - 100 * DAY_MS)])
    const owned = await createRoles(db, 'days')
    const url = new URL(config.url)
    url.username = 'days_hub'
    const hub = await open({ driver: 'postgres', url: url.href }, PATIENT)
    t.teardown(() => hub.close())
    const log = keptLog()
    const key = await openCheckpointKey(db, SECRETS)
    const shared = {
      database: hub.db,
      retentionRole: 'days_retention',
      clock: { now: () => NOW } as never,
      log,
    }
    await createDayPartitions({ ...shared, url: url.href, smallest: 0 }).keep()
    t.strictSame(
      log.lines.filter((line) => String(line[1]).startsWith('failed')),
      [],
    )
    await batchesTo(createSink(hub.db))([requested(), changed()])
    const partitions = await listPartitions(db)
    for (const table of [...owned, ...partitions.map(({ name }) => name)])
      await t.rejects(sql`DELETE FROM ${sql.table(table)}`.execute(hub.db), /permission denied/, table)
    await t.rejects(sql`DROP TABLE ${sql.table(partitions[0]!.name)}`.execute(hub.db), /must be owner/)
    const pruner = createPruner({
      ...shared,
      url: url.href,
      periods: { others: 90 * DAY_MS, byType: {} },
      key: () => key,
    })
    t.equal(await pruner.prune(), 2)
    t.match(await verify(), { ok: true, events: 2 })
  },
)

t.test(
  'M259 M161 the role of retention removes types of events, and that of the hub may still not change any',
  async (t) => {
    const { config, db, clock, checkpoints, verify, write } = await openTrail(t as unknown as Tap)
    await write([requested(NOW - 100 * DAY_MS, 's-old'), changed(NOW - 100 * DAY_MS)])
    const owned = await createRoles(db, 'types')
    const url = new URL(config.url)
    url.username = 'types_hub'
    const hub = await open({ driver: 'postgres', url: url.href }, PATIENT)
    t.teardown(() => hub.close())
    const log = keptLog()
    const key = await openCheckpointKey(db, SECRETS)
    const shared = {
      database: hub.db,
      url: url.href,
      retentionRole: 'types_retention',
      clock: clock as never,
      log,
    }
    const days = createDayPartitions({ ...shared, smallest: 0 })
    for (const ago of [40, 0]) {
      clock.at = NOW - ago * DAY_MS
      await days.keep()
      await write([requested(clock.at), requested(clock.at, 's-2'), changed(clock.at)])
      await checkpoints.take()
    }
    const { prune } = createPruner({
      ...shared,
      key: () => key,
      periods: { others: 365 * DAY_MS, byType: { 'app.request': 30 * DAY_MS } },
    })
    t.equal(await prune(), 1 + 2, 'of the table of before, and of a day')
    t.strictSame(
      log.lines.filter((line) => /^(failed|a part)/.test(String(line[1]))),
      [],
    )
    t.match(await verify(), { ok: true, events: 5, removed: 3 })
    const { rows } = await sql`SELECT FROM audit_database_contexts WHERE session_id = 's-old'`.execute(db)
    t.equal(rows.length, 0, 'with its context')
    const partitions = await listPartitions(db)
    t.notOk(partitions.some(({ name }) => name === `audit_database_requests_${TODAY - 40}`))
    for (const table of [...owned, ...partitions.map(({ name }) => name)])
      await t.rejects(sql`DELETE FROM ${sql.table(table)}`.execute(hub.db), /permission denied/, table)
  },
)
