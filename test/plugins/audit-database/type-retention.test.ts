// long
/** Retention by type: some events go early, and what stays is as provable as before. */
import { randomUUID } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import { testEvent, testSecretBox } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { checkPluginConfig } from '../../../core/kernel/config-check.ts'
import { nextLink } from '../../../plugins/audit-database/chain.ts'
import { openCheckpointKey } from '../../../plugins/audit-database/checkpoint-key.ts'
import { createCheckpoints } from '../../../plugins/audit-database/checkpoints.ts'
import { createDayPartitions, listPartitions } from '../../../plugins/audit-database/day-partitions.ts'
import { readEvents } from '../../../plugins/audit-database/event-query.ts'
import auditDatabase from '../../../plugins/audit-database/hub.ts'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { createPruner } from '../../../plugins/audit-database/retention.ts'
import { createSink } from '../../../plugins/audit-database/sink.ts'
import { type TrailReport, verifyTrail } from '../../../plugins/audit-database/verification.ts'
import { readDatabase } from '../../../plugins/backup/database/read-rows.ts'
import { writeDatabase } from '../../../plugins/backup/database/write-rows.ts'
import { batchesTo } from '../../event-lines.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open, PATIENT, pgliteStore, type Store } from '../../state/database/stores.ts'

type Tap = typeof t

const DAY_MS = 86_400_000
const NOW = Date.now()
const ago = (days: number) => NOW - days * DAY_MS

const changed = (at: number, name: string, hub = 'a') =>
  testEvent(
    { type: 'role.updated', success: true, user: 'alice', fields: { name } },
    { cluster: 'c', hub, at },
  )
const signedIn = (at: number) =>
  testEvent({ type: 'user.login', success: true, user: 'alice', fields: {} }, { cluster: 'c', hub: 'a', at })
const requested = (at: number, sessionId = 's-1', hub = 'a') =>
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
        app: 'grafana',
        agent: 'db-1',
        method: 'GET',
        path: '/',
        status: 200,
        bytes_in: 0,
        bytes_out: 9,
        duration_ms: 3,
        upgrade: null,
      },
    },
    { cluster: 'c', hub, at },
  )

const YEAR = { others: 365 * DAY_MS, byType: { 'app.request': 30 * DAY_MS } }
const TABLES = ['texts', 'requests', 'contexts', 'chains', 'checkpoints', 'start', 'removals', 'gaps']
const tableOf = (name: string) => sql.table(`audit_database_${name}`)

async function openTrail(t: Tap, store: Store, byDay: boolean) {
  const config = await store.config('migrated')
  const database = await open(config, PATIENT)
  t.teardown(() => database.close())
  await database.migrate([auditMigrations])
  const { db } = database
  const url = config.driver === 'postgres' ? config.url : null
  const log = keptLog()
  const clock = { at: NOW, now: () => clock.at }
  const shared = { database: db, clock: clock as never, log }
  const key = await openCheckpointKey(db, testSecretBox())
  const checkpoints = createCheckpoints({ ...shared, key: () => key })
  const days = createDayPartitions({
    ...shared,
    url: url ?? '',
    retentionRole: null,
    smallest: 0,
  })
  const write = batchesTo(createSink(db))
  const at = async (daysAgo: number) => {
    clock.at = ago(daysAgo)
    if (byDay) await days.keep()
  }
  const prune = (periods = YEAR, signal?: AbortSignal) =>
    createPruner({
      ...shared,
      url,
      periods,
      retentionRole: null,
      key: () => key,
    }).prune(signal)
  const verify = async (database = db): Promise<TrailReport> => {
    const reading = verifyTrail(database, key, { byCaller: null, byHub: null })
    for (;;) {
      const { value, done } = await reading.next()
      if (done) return value
    }
  }
  const all = async () =>
    (
      await sql<{ seq: number; n: number; hub: string; type: string }>`SELECT seq, n, hub, type
        FROM audit_database_events ORDER BY seq`.execute(db)
    ).rows
  const count = async (table: string) =>
    (await sql<{ n: number }>`SELECT count(*)::integer AS n FROM ${tableOf(table)}`.execute(db)).rows[0]?.n
  /** Events of two hubs, on four days; the first are from before there were partitions. */
  async function fill(): Promise<void> {
    clock.at = ago(110)
    await write([requested(clock.at), changed(clock.at, 'first'), requested(clock.at, 's-old')])
    for (const day of [100, 40, 0]) await fillDay(day)
    clock.at = NOW
  }
  async function fillDay(day: number): Promise<void> {
    await at(day)
    await write([
      ...[requested(clock.at), requested(clock.at, 's-old'), changed(clock.at, `${day}-1`)],
      ...[changed(clock.at, `${day}-2`), requested(clock.at), signedIn(clock.at)],
    ])
    await write([changed(clock.at, `${day}-3`, 'b'), requested(clock.at, 's-2', 'b')])
    await write([requested(clock.at, 's-3', 'b'), changed(clock.at, `${day}-4`, 'b')])
    await write([requested(clock.at), requested(clock.at)])
    await checkpoints.take()
  }
  return { config, db, log, clock, checkpoints, write, at, prune, verify, all, count, fill, fillDay }
}

async function byType(t: Tap, store: Store, byDay: boolean): Promise<void> {
  const opened = (t: unknown) => openTrail(t as Tap, store, byDay)

  await t.test('M259 requests go early; the rest stays, keeps its numbers and verifies', async (t) => {
    const { db, log, write, prune, verify, all, count, fill, checkpoints } = await opened(t)
    await fill()
    const before = await all()
    t.match(await verify(), { ok: true, events: 39, removed: 0 })
    const dayOf40 = `audit_database_requests_${Math.floor(ago(40) / DAY_MS)}`
    const isPartition = async () => (await listPartitions(db)).some(({ name }) => name === dayOf40)
    t.equal(await isPartition(), byDay)
    t.equal(await prune(), 2 + 7 + 7)
    t.notOk(await isPartition(), 'a day of requests goes as the partition that it is')
    const isKept = (type: string, at: number) => type !== 'app.request' || at >= before.length - 12
    t.strictSame(
      await all(),
      before.filter(({ type }, at) => isKept(type, at)),
    )
    t.match(await verify(), { ok: true, events: 23, chains: 2, removed: 16, findings: [] })
    t.equal(await prune(), 0, 'nothing is left to do')
    t.equal((await readEvents(db, { type: 'app.request' }, { before: null }, 100)).length, 7)
    t.equal(await count('contexts'), 4, 'contexts that no request refers to are gone')
    await write([requested(NOW), requested(NOW, 's-old'), changed(NOW, 'last')])
    await checkpoints.take()
    t.match(await verify(), { ok: true, events: 26, removed: 16 })
    if (byDay) {
      const copy = await pgliteStore()
      t.teardown(() => copy.close())
      const target = await open(await copy.config('migrated'), PATIENT)
      t.teardown(() => target.close())
      await target.migrate([auditMigrations])
      await writeDatabase(target.db, readDatabase({ database: db, without: new Set() }), {
        wrote: () => {},
        verify: async (trx) => void t.match(await verify(trx), { ok: true, events: 26, removed: 16 }),
      })
      t.match(await verify(target.db), { ok: true, events: 26, removed: 16 }, 'a copy verifies as well')
    }
    t.strictSame(
      log.lines.filter((line) => String(line[1]).startsWith('failed')),
      [],
    )
  })

  await t.test(
    'M259 nothing goes before a signed checkpoint after it, and a hub stores a context it knew again',
    async (t) => {
      const { db, write, prune, verify, at, checkpoints } = await opened(t)
      await at(40)
      await write([requested(ago(40), 's-old'), changed(ago(40), 'kept')])
      await at(0)
      await write([changed(NOW, 'young')])
      t.equal(await prune(), 0)
      await checkpoints.take()
      t.equal(await prune(), 1)
      await write([requested(NOW, 's-old')])
      t.match(await verify(), { ok: true, events: 3, removed: 1 })
      t.equal((await readEvents(db, { session: 's-old' }, { before: null }, 10)).length, 1)
    },
  )

  await t.test(
    'M259 a part that somebody has changed stays, and what somebody changes afterwards is found',
    async (t) => {
      const { db, log, verify, prune, all, fill } = await opened(t)
      await fill()
      // Each commit of the embedded database takes a while.
      const save = () =>
        db.transaction().execute(async (trx) => {
          for (const name of TABLES) {
            await sql`DROP TABLE IF EXISTS ${sql.table(`saved_${name}`)}`.execute(trx)
            await sql`CREATE TABLE ${sql.table(`saved_${name}`)} AS SELECT * FROM ${tableOf(name)}`.execute(
              trx,
            )
          }
        })
      const restore = () =>
        db.transaction().execute(async (trx) => {
          for (const name of TABLES) {
            await sql`DELETE FROM ${tableOf(name)}`.execute(trx)
            await sql`INSERT INTO ${tableOf(name)} OVERRIDING SYSTEM VALUE
              SELECT * FROM ${sql.table(`saved_${name}`)}`.execute(trx)
          }
        })
      const before: [what: string, tamper: () => Promise<unknown>][] = [
        ['a deleted request', () => sql`DELETE FROM ${tableOf('requests')} WHERE n = 5`.execute(db)],
        [
          'an event filed under a type that goes',
          () =>
            sql`UPDATE ${tableOf('texts')} SET type = 'app.request' WHERE event ->> 'name' = '100-1'`.execute(
              db,
            ),
        ],
        [
          'an event edited together with its hash',
          () => sql`UPDATE ${tableOf('texts')} SET hash = 'x' WHERE event ->> 'name' = '100-2'`.execute(db),
        ],
        ['a time', () => sql`UPDATE ${tableOf('texts')} SET time = time - interval '9 days'`.execute(db)],
      ]
      await save()
      for (const [what, tamper] of before) {
        await tamper()
        const { findings } = await verify()
        await prune()
        const { ok, findings: later } = await verify()
        t.notOk(ok, what)
        t.strictSame(later, findings, `${what} is found as before, since the part stays as it is`)
        t.match(JSON.stringify(log.lines.splice(0)), /differs from what was recorded/)
        await restore()
      }
      t.equal(await prune(), 16)
      await save()
      const named = (name: string) => sql`event ->> 'name' = ${name}`
      const removal = sql`(SELECT max(number) FROM audit_database_removals)`
      const cases: [what: string, tamper: () => Promise<unknown>, finding: object][] = [
        [
          'a kept event deleted',
          () => sql`DELETE FROM ${tableOf('texts')} WHERE ${named('40-2')}`.execute(db),
          { kind: 'deleted', what: 'event', hub: 'a' },
        ],
        [
          'a kept event that stands alone between gaps deleted',
          () => sql`DELETE FROM ${tableOf('texts')} WHERE ${named('first')}`.execute(db),
          { kind: 'deleted', what: 'event', hub: 'a' },
        ],
        [
          'a kept event edited',
          () =>
            sql`UPDATE ${tableOf('texts')} SET event = replace(event::text, '40-2', '40-9')::json
            WHERE ${named('40-2')}`.execute(db),
          { kind: 'edited', what: 'event', hub: 'a' },
        ],
        [
          'a kept event before a gap edited together with its hash',
          async () => {
            const { rows } = await sql<{
              n: number
              seq: number
              text: string
            }>`SELECT n, seq, event::text AS text
            FROM ${tableOf('texts')} WHERE ${named('first')}`.execute(db)
            const [row] = rows
            const gap = await sql<{ hash: string }>`SELECT hash FROM ${tableOf('gaps')}
            WHERE hub = 'a' AND last = ${row!.n - 1}`.execute(db)
            const text = row!.text.replace('alice', 'malle')
            const { hash } = nextLink({ n: row!.n - 1, hash: gap.rows[0]!.hash }, text)
            await sql`UPDATE ${tableOf('texts')} SET event = ${text}::json, user_name = 'malle', hash = ${hash}
            WHERE seq = ${row!.seq}`.execute(db)
          },
          { kind: 'rewritten', what: 'event', hub: 'a' },
        ],
        [
          'a gap that was made larger',
          async () => {
            const { rows } = await sql<{ n: number }>`DELETE FROM ${tableOf('texts')} WHERE ${named('first')}
            RETURNING n`.execute(db)
            await sql`UPDATE ${tableOf('gaps')} SET last = last + 1 WHERE last = ${rows[0]!.n - 1}`.execute(
              db,
            )
          },
          { kind: 'edited', what: 'removal' },
        ],
        [
          'the record of a removal deleted',
          () => sql`DELETE FROM ${tableOf('removals')} WHERE number = ${removal}`.execute(db),
          { kind: 'deleted', what: 'event' },
        ],
        [
          'the record of a removal edited',
          () =>
            sql`UPDATE ${tableOf('removals')} SET statement = replace(statement, '"events":', '"events":1')
            WHERE number = ${removal}`.execute(db),
          { kind: 'forged', what: 'removal' },
        ],
        [
          'the record of a removal stored for another part',
          () =>
            sql`UPDATE ${tableOf('removals')} SET number = number + 1 WHERE number = ${removal}`.execute(db),
          { kind: 'forged', what: 'removal' },
        ],
        [
          'an event in the place of a removed one',
          async () => {
            const { rows } = await sql<{ seq: number; n: number }>`SELECT seq, n FROM ${tableOf('gaps')}
            WHERE hub = 'a' ORDER BY seq DESC LIMIT 1`.execute(db)
            const { seq, n } = rows[0]!
            const text = JSON.stringify(changed(ago(40), 'false'))
            const { id, time } = JSON.parse(text)
            await sql`INSERT INTO ${tableOf('texts')} (seq, n, hub, id, time, type, user_name, event, hash)
            OVERRIDING SYSTEM VALUE
            VALUES (${seq}, ${n}, 'a', ${id}, ${time}, 'role.updated', 'alice', ${text}::json, 'x')`.execute(
              db,
            )
          },
          { kind: 'inserted', what: 'event', hub: 'a' },
        ],
      ]
      for (const [what, tamper, finding] of cases) {
        t.match(await verify(), { ok: true }, `before ${what}`)
        await tamper()
        const { ok, findings } = await verify()
        t.notOk(ok, what)
        t.match(
          findings.find(({ kind }) => kind === (finding as { kind: string }).kind),
          finding,
          what,
        )
        await restore()
      }
      t.equal((await all()).length, 23)
    },
  )

  await t.test('M259 further types go later from the same days, and at last the days', async (t) => {
    const { write, at, prune, verify, count, fillDay, checkpoints, all } = await opened(t)
    const periods = {
      others: 365 * DAY_MS,
      byType: { 'app.request': 30 * DAY_MS, 'user.login': 90 * DAY_MS, 'role.updated': 200 * DAY_MS },
    }
    await fillDay(100)
    await fillDay(40)
    t.equal(await prune(periods), 7, 'the requests of the first day')
    await fillDay(0)
    t.equal(await prune(periods), 1 + 7, 'its login, and the requests of the second')
    t.match(await verify(), { ok: true, events: 21, removed: 15 })
    const next = async (daysAgo: number) => {
      await at(daysAgo)
      await write([changed(ago(daysAgo), 'next'), requested(ago(daysAgo))])
      await checkpoints.take()
    }
    await next(-60)
    t.equal(await prune(periods), 1 + 7)
    await next(-120)
    t.equal(await prune(periods), 4 + 1 + 1, 'of the first day nothing is left')
    t.match(await verify(), { ok: true, events: 11, removed: 29 })
    await next(-280)
    await prune(periods)
    t.match(await verify(), { ok: true, events: 3, removed: 12 + 12 + 2 + 1 })
    t.strictSame(
      (await all()).map(({ type }) => type),
      ['role.updated', 'role.updated', 'app.request'],
    )
    await next(-900)
    await prune(periods)
    t.match(await verify(), { ok: true, events: 2, removed: 0 })
    t.equal(await count('removals'), 0)
    t.equal(await count('gaps'), 0)
  })

  await t.test(
    'M259 a check beside the hub that is broken off removes nothing, and is made again',
    async (t) => {
      const { log, prune, verify, fill } = await opened(t)
      await fill()
      const threads: Worker[] = []
      const breakOff = (worker: Worker) => {
        threads.push(worker)
        void worker.terminate()
      }
      if (store.name !== 'PGlite') {
        process.on('worker', breakOff)
        t.teardown(() => process.off('worker', breakOff))
        t.equal(await prune(), 0)
        process.off('worker', breakOff)
        t.equal(threads.length, 1)
        t.match(JSON.stringify(log.lines.splice(0)), /the thread that checks the audit trail ended/)
      }
      const stopped = prune(YEAR, AbortSignal.abort(new Error('the hub stops')))
      t.equal(await stopped, 0)
      const keep = (worker: Worker) => void threads.push(worker)
      process.on('worker', keep)
      t.teardown(() => process.off('worker', keep))
      t.equal(await prune(), 16)
      t.match(await verify(), { ok: true, events: 23, removed: 16 })
      t.equal(threads.length, store.name === 'PGlite' ? 0 : 2, 'one thread for all parts')
      t.ok(
        threads.every(({ threadId }) => threadId === -1),
        'which has ended',
      )
    },
  )

  await t.test('M259 a type can stay longer than all others', async (t) => {
    const { prune, verify, all, fill } = await opened(t)
    await fill()
    t.equal(await prune({ others: 30 * DAY_MS, byType: { 'role.updated': 365 * DAY_MS } } as never), 18)
    const kept = (await all()).slice(0, -12)
    t.strictSame([...new Set(kept.map(({ type }) => type))], ['role.updated'])
    t.match(await verify(), { ok: true, events: 21, removed: 18 })
  })
}

for (const [make, byDay] of [
  [pgliteStore, false],
  [postgresStore, false],
  [postgresStore, true],
] as const) {
  t.test(`${make.name}${byDay ? ' by day' : ''}`, async (t) => {
    const store = await make()
    t.teardown(() => store.close())
    await byType(t as unknown as Tap, store, byDay)
  })
}

t.test('a misspelled type of retention_by_type is an error with the right name', (t) => {
  const problems = (retention_by_type: unknown) =>
    checkPluginConfig(auditDatabase, { retention_by_type }).problems.map(({ path, message }) => [
      path.at(-1),
      message,
    ])
  t.strictSame(problems({ 'app.request': '30d', 'user.login': '90d', 'zones.routed': '7d' }), [])
  t.match(problems({ 'app.requests': '30d' }), [
    ['app.requests', "is not a type of audit event; did you mean 'app.request'?"],
  ])
  t.match(problems({ requests: '30d' }), [['requests', /is not a type of audit event/]])
  t.match(problems({ 'app.request': '30' }), [['app.request', /duration such as/]])
  t.match(problems({ 'app.request': '30s' }), [['app.request', 'must be at least 1m']])
  t.end()
})
