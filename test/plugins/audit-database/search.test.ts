// long
/** Searches of a long trail: what they find, how much of it they read, and how long they may take. */
import { sql } from 'kysely'
import t from 'tap'
import type { EventFilter } from '../../../plugins/audit-database/event-filter.ts'
import { type Range, readEvents, readEventsIn } from '../../../plugins/audit-database/event-query.ts'
import { buildIndexes } from '../../../plugins/audit-database/index-builder.ts'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { noteSpans } from '../../../plugins/audit-database/trail-spans.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open, PATIENT, pgliteStore, type Store } from '../../state/database/stores.ts'
import { fillTrail, HOUR_MS, requestIdOf, sessionOf, TRAIL } from './long-trail.ts'

type Tap = typeof t
type Found = Awaited<ReturnType<typeof readEvents>>

/** Fewer than a hub, as this trail is short. */
const WALKED = 500
const NEWEST = { before: null }

async function suite(t: Tap, store: Store): Promise<void> {
  const config = await store.config('migrated')
  const { db, migrate, close } = await open(config, PATIENT)
  t.teardown(() => close())
  await migrate([auditMigrations])
  await fillTrail(db)
  const { rows: trail } = await sql<{ seq: number; time: Date; event: Record<string, unknown> }>`
    SELECT seq, time, event FROM audit_database_events ORDER BY seq`.execute(db)
  const ids = (found: Found) => found.map(({ seq }) => seq)
  const read = (filter: EventFilter, range: Range = NEWEST, limit = 20) =>
    readEvents(db, filter, range, limit, { longestMs: 60_000, walked: WALKED })
  const at = (hour: number) => new Date(TRAIL.beginning + hour * HOUR_MS)

  const filters: readonly [what: string, filter: EventFilter, finds: boolean][] = [
    ['nothing', {}, true],
    ['a person', { user: 'user-3' }, true],
    ['a person who has left', { user: 'former' }, true],
    ['nobody', { user: 'nobody' }, false],
    ['an app', { app: 'app-1' }, true],
    ['an app that is used no more', { app: 'retired' }, true],
    ['an app that is seldom used', { app: 'rare' }, true],
    ['no app', { app: 'none' }, false],
    ['requests', { type: 'app.request' }, true],
    ['a type', { type: 'user.login' }, true],
    ['a rare type', { type: 'role.updated' }, true],
    ['no type', { type: 'none' }, false],
    ['a request id', { request: requestIdOf(777) }, true],
    ['a request id of another event', { request: requestIdOf(800) }, true],
    ['no request id', { request: requestIdOf(TRAIL.events + 1) }, false],
    ['a session', { session: sessionOf(3) }, true],
    ['no session', { session: 'none' }, false],
    ['an address', { ip: '198.51.100.7' }, true],
    ['the address of an office', { ip: '203.0.113.1' }, true],
    ['no address', { ip: '192.0.2.99' }, false],
    ['an agent', { agent: 'db-1' }, true],
    ['an agent that has been removed', { agent: 'db-old' }, true],
    ['no agent', { agent: 'none' }, false],
    ['a reason', { reason: 'connection_refused' }, true],
    ['a reason of other events', { reason: 'label_mismatch' }, true],
    ['no reason', { reason: 'none' }, false],
    ['until a time', { to: at(20) }, true],
    ['a range of times', { from: at(20), to: at(21) }, true],
    ['from a time', { from: at(5) }, true],
    ['before the trail', { to: at(-1) }, false],
    ['after the trail', { from: at(10_000) }, false],
    ['a person until a time', { user: 'user-3', to: at(20) }, true],
    ['a person and an agent', { user: 'user-3', agent: 'db-2' }, true],
    ['an office and an agent that has been removed', { ip: '203.0.113.1', agent: 'db-old' }, true],
    ['an app and no agent', { app: 'app-1', agent: 'none' }, false],
    ['an app and a reason', { app: 'app-1', reason: 'connection_refused' }, true],
    ['a type and a person', { type: 'user.login', user: 'user-3' }, true],
    ['an app that is used no more, and who has never used it', { app: 'retired', user: 'nobody' }, false],
  ]

  await t.test('before anything is noted about it, a search finds the same', async (t) => {
    for (const [what, filter, finds] of filters) {
      const all = numbersOf(filter)
      t.equal(all.length > 0, finds, `${what}: ${all.length}`)
      t.strictSame(ids(await read(filter)), all.slice(-20), what)
    }
  })

  await noteSpans(db, undefined, { longest: 1_000, shortest: 200 })
  // As the server does by itself, sooner or later.
  await sql`ANALYZE`.execute(db)

  await t.test('finds the newest and the next of each filter, page by page', async (t) => {
    for (const [what, filter] of filters) {
      const all = numbersOf(filter)
      t.strictSame(ids(await read(filter)), all.slice(-20), what)
      const [middle = 0] = all.slice(Math.floor(all.length / 2))
      const before = all.filter((seq) => seq < middle)
      t.strictSame(ids(await read(filter, { before: middle })), before.slice(-20), `${what}: before`)
      const after = all.filter((seq) => seq > middle)
      t.strictSame(ids(await read(filter, { after: middle })), after.slice(0, 20), `${what}: after`)
      t.strictSame(ids(await read(filter, { after: 0 })), all.slice(0, 20), `${what}: the first`)
    }
  })

  await t.test('M257 no filter reads the whole trail', async (t) => {
    for (const [what, filter] of filters) {
      for (const range of [NEWEST, { after: 0 }]) {
        const rows = await rowsRead(filter, range)
        t.ok(rows < TRAIL.events / 3, `${what}: read ${rows} rows`)
      }
    }
  })

  await t.test('events that nothing is noted about yet are found as well', async (t) => {
    await sql`DELETE FROM audit_database_spans WHERE first > ${TRAIL.events / 2}`.execute(db)
    await sql`DELETE FROM audit_database_context_agents WHERE context > ${TRAIL.events / 2 / TRAIL.ofContext}`.execute(
      db,
    )
    for (const [what, filter] of filters)
      t.strictSame(ids(await read(filter)), numbersOf(filter).slice(-20), what)
  })

  await t.test('M257 a search that takes too long is ended, and says to narrow the time', async (t) => {
    const tooLong = { status: 400, code: 'audit_search_too_long', message: /Narrow the time/ }
    await t.rejects(readEvents(db, { user: 'user-3' }, NEWEST, 20, { longestMs: 0, walked: WALKED }), tooLong)
    if (store.name === 'PGlite') return
    const other = await open(config)
    t.teardown(() => other.close())
    await other.db.transaction().execute(async (trx) => {
      await sql`LOCK TABLE audit_database_contexts IN ACCESS EXCLUSIVE MODE`.execute(trx)
      await t.rejects(
        readEvents(db, { user: 'user-3' }, NEWEST, 20, { longestMs: 500, walked: WALKED }),
        tooLong,
      )
    })
    t.equal((await read({ user: 'user-3' })).length, 20, 'the connection is as before')
  })

  await t.test('indexes that a migration left out are built beside a hub that writes', async (t) => {
    const url = config.driver === 'postgres' ? config.url : null
    t.equal(await buildIndexes(db, url, keptLog()), 0)
    await sql`DROP INDEX audit_database_events_app`.execute(db)
    await sql`CREATE INDEX audit_database_events_app ON audit_database_texts (app)`.execute(db)
    await sql`DROP INDEX audit_database_requests_context`.execute(db)
    t.equal(await buildIndexes(db, url, keptLog()), 2)
    t.equal(await buildIndexes(db, url, keptLog()), 0)
    const { rows } = await sql<{ valid: boolean }>`SELECT bool_and(indisvalid) AS valid FROM pg_index
      WHERE indrelid = ANY ('{audit_database_texts,audit_database_requests}'::regclass[])`.execute(db)
    t.strictSame(rows, [{ valid: true }])
  })

  /** The numbers of all that match. */
  function numbersOf({ from, to, ...exact }: EventFilter): readonly number[] {
    const field: Record<string, string> = { session: 'session_id', ip: 'client_ip', request: 'request_id' }
    return trail
      .filter(
        ({ time, event }) =>
          Object.entries(exact).every(([name, value]) => event[field[name] ?? name] === value) &&
          (from === undefined || time >= from) &&
          (to === undefined || time <= to),
      )
      .map(({ seq }) => seq)
  }

  /** How many rows and entries of indexes one search of the trail reads. */
  async function rowsRead(filter: EventFilter, range: Range): Promise<number> {
    return db.transaction().execute(async (trx) => {
      const count = async () => {
        const { rows } = await sql<{ n: number }>`SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)
            + pg_stat_get_xact_tuples_fetched(oid)), 0)::float8 AS n
          FROM pg_class WHERE relname LIKE 'audit_database_%'`.execute(trx)
        return rows[0]!.n
      }
      const before = await count()
      await readEventsIn(trx, filter, range, { limit: 20, walked: WALKED, check() {} })
      return (await count()) - before
    })
  }
}

for (const make of [pgliteStore, postgresStore]) {
  t.test(make.name, async (t) => {
    const store = await make()
    t.teardown(() => store.close())
    await suite(t as unknown as Tap, store)
  })
}
