// together: plugin-hubs
import { randomUUID } from 'node:crypto'
import { systemClock } from '@mezite/core/protocol'
import { testEvent, testSecretBox } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { type Link, nextLink } from '../../../plugins/audit-database/chain.ts'
import { openCheckpointKey } from '../../../plugins/audit-database/checkpoint-key.ts'
import { createCheckpoints } from '../../../plugins/audit-database/checkpoints.ts'
import { auditMigrations } from '../../../plugins/audit-database/migrations.ts'
import { createPruner } from '../../../plugins/audit-database/retention.ts'
import { createSink } from '../../../plugins/audit-database/sink.ts'
import {
  type Remembered,
  type TrailReport,
  verifyTrail,
} from '../../../plugins/audit-database/verification.ts'
import { batchesTo, linesOf } from '../../event-lines.ts'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { textOf } from '../../read-imports.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { keptLog, open, pgliteStore, type Store } from '../../state/database/stores.ts'
import { until } from '../../until.ts'
import { startTrail } from './start-trail.ts'

type Tap = typeof t

const DAY_MS = 86_400_000

const made = (hub: string, name: string, at = Date.now()) =>
  testEvent(
    { type: 'role.updated', success: true, user: 'alice', fields: { name } },
    { cluster: 'c', hub, at },
  )

/** Requests of one session to one app. */
const requested = (path: string, at = Date.now(), change: object = {}) =>
  testEvent(
    {
      type: 'app.request',
      success: true,
      user: 'alice',
      roles: ['dev'],
      clientIp: '192.0.2.1',
      sessionId: 's-1',
      requestId: randomUUID(),
      ...change,
      fields: {
        app: 'grafana',
        agent: 'db-1',
        method: 'GET',
        path,
        status: 200,
        bytes_in: 0,
        bytes_out: 9,
        duration_ms: 3,
        upgrade: null,
        ...change,
      },
    },
    { cluster: 'c', hub: 'a', at },
  )

async function openTrail(t: Tap, store: Store) {
  const config = await store.config('migrated')
  const database = await open(config)
  t.teardown(() => database.close())
  await database.migrate([auditMigrations])
  const { db } = database
  const log = keptLog()
  const secretBox = testSecretBox()
  const key = await openCheckpointKey(db, secretBox)
  const checkpoints = createCheckpoints({ database: db, key: () => key, clock: systemClock, log })
  const write = batchesTo(createSink(db))
  const prunerOf = (retentionMs: number, retentionRole: string | null = null, database = db) =>
    createPruner({
      database,
      url: config.driver === 'postgres' ? config.url : null,
      periods: { others: retentionMs, byType: {} },
      retentionRole,
      key: () => key,
      clock: systemClock,
      log,
    })
  const verify = async (remembered: Partial<Remembered> = {}): Promise<TrailReport> => {
    const reading = verifyTrail(db, key, { byCaller: null, byHub: null, ...remembered })
    for (;;) {
      const { value, done } = await reading.next()
      if (done) return value
    }
  }
  /** Two hubs that take turns, with checkpoints after 4 and 8 events of each, and two events after the last. */
  async function fill(): Promise<void> {
    // Each commit of the embedded database takes a while.
    await db.transaction().execute(async (trx) => {
      for (const table of ['texts', 'requests', 'contexts', 'chains', 'checkpoints', 'start'])
        await sql`DELETE FROM ${sql.table(`audit_database_${table}`)}`.execute(trx)
    })
    for (let n = 1; n <= 10; n += 2) {
      for (const hub of ['a', 'b']) await write([made(hub, `${hub}${n}`), made(hub, `${hub}${n + 1}`)])
      if (n === 3 || n === 7) await checkpoints.take()
    }
  }
  return { database, db, key, secretBox, checkpoints, write, prunerOf, verify, fill }
}

/** An event of hub a in SQL. */
const event = (n: number) => sql`hub = 'a' AND n = ${n}`
const events = sql.table('audit_database_texts')

async function tampering(t: Tap, store: Store): Promise<void> {
  const trail = await openTrail(t, store)
  const { db, verify, fill } = trail
  const idOf = async (n: number) =>
    (await sql<{ id: string }>`SELECT id FROM ${events} WHERE ${event(n)}`.execute(db)).rows[0]?.id

  await t.test('M161 any name is filed as in its event, alone and among others', async (t) => {
    await fill()
    const names = ['a\nb', '\u0001', '', '\\N', 'tab\t"quoted"', "o'neil; --", 'ünï 😀', '\\u000a', null]
    const named = (name: string | null) =>
      testEvent(
        { type: 'app.request', success: true, user: name, fields: { app: name, path: '/a\nb' } },
        { cluster: 'c', hub: 'a' },
      )
    for (const name of names) await trail.write([named(name)])
    await trail.write(names.map(named))
    t.match(await verify(), { ok: true, events: 20 + 2 * names.length, findings: [] })
    const { rows } = await sql<{
      user_name: string | null
      app: string | null
    }>`SELECT user_name, app FROM ${events}
      WHERE type = 'app.request' ORDER BY seq`.execute(db)
    const filed = names.map((name) => named(name).user || null)
    t.strictSame(
      rows,
      [...filed, ...filed].map((name) => ({ user_name: name, app: name })),
    )
  })

  await t.test('M161 a name too long for an index is filed under its beginning, and verifies', async (t) => {
    await fill()
    const named = (name: string) =>
      testEvent(
        { type: 'app.request', success: true, user: name, fields: { app: name } },
        { cluster: 'c', hub: 'a' },
      )
    const letters = String.fromCharCode(
      ...Array.from({ length: 1_024 }, (_, at) => 0x4e00 + ((at * 7_919) % 20_000)),
    )
    const filed: [name: string, under: string][] = [
      [letters, letters.slice(0, 200)],
      [`${'x'.repeat(199)}😀y`, 'x'.repeat(199)],
      [`${'x'.repeat(198)}😀y`, `${'x'.repeat(198)}😀`],
      ['y'.repeat(200), 'y'.repeat(200)],
    ]
    for (const [name] of filed) await trail.write([named(name)])
    await trail.write(filed.map(([name]) => named(name)))
    const { rows } = await sql<{ user_name: string; app: string; event: { user: string } }>`
      SELECT user_name, app, event FROM ${events} WHERE type = 'app.request' ORDER BY seq`.execute(db)
    t.strictSame(
      rows.map(({ user_name, app, event }) => [event.user, user_name, app]),
      [...filed, ...filed].map(([name, under]) => [name, under, under]),
    )
    t.match(await verify(), { ok: true, findings: { length: 0 } })
  })

  await t.test(
    'M161 a long name that an older hub filed whole verifies, less than its beginning does not',
    async (t) => {
      await fill()
      const user = 'x'.repeat(300)
      const event = testEvent({ type: 'old', success: true, user }, { cluster: 'c', hub: 'a' })
      await trail.write([event])
      const file = (name: string) =>
        sql`UPDATE ${events} SET user_name = ${name} WHERE type = 'old'`.execute(db)
      await file(user)
      t.match(await verify(), { ok: true, findings: { length: 0 } })
      for (const wrong of [user.slice(0, 199), user.slice(0, 201), '']) {
        await file(wrong)
        t.match(await verify(), { ok: false, findings: [{ kind: 'edited', id: event.id }] })
      }
    },
  )

  await t.test('M161 an event without the name of a type is stored, alone and among others', async (t) => {
    await fill()
    const untyped = () => testEvent({ type: '', success: true }, { cluster: 'c', hub: 'a' })
    await trail.write([untyped()])
    await trail.write([untyped(), untyped(), made('a', 'last')])
    t.match(await verify(), { ok: true, events: 24, findings: { length: 0 } })
  })

  await t.test(
    'M161 an untouched trail of two hubs verifies, with the extent of its signatures',
    async (t) => {
      await fill()
      const report = await verify()
      t.match(report, {
        ok: true,
        events: 20,
        chains: 2,
        unchained: 0,
        findings: { length: 0 },
        checkpoint: { number: 2 },
      })
      t.ok((await verify({ byCaller: report.checkpoint })).ok, 'goes back to a noted checkpoint')
    },
  )

  await t.test('requests are stored in parts, and read as their exact text', async (t) => {
    await fill()
    const names = ['a\nb', '\u0001', '', '\\t', '"quoted" \t', "o'neil; --", 'ünï 😀', '","agent":"x', null]
    const alike = names.flatMap((name) => [
      requested(`/${name}`),
      requested('/', Date.now(), { user: name, app: name, agent: name, method: name ?? 'GET', reason: name }),
      requested('/', Date.now(), { roles: [name], sessionId: name, clientIp: name, upgrade: 'websocket' }),
      requested('/', Date.now(), { status: null, first_byte_ms: 2, decide_ms: 1 }),
    ])
    const { id, ...rest } = requested('/moved')
    const others = [
      requested('/', Date.now(), { requestId: 'r-1' }),
      requested('/', Date.now(), { requestId: null }),
      requested('/', Date.now(), { requestId: randomUUID().toUpperCase() }),
      requested('/', Date.now(), { duration_ms: -1 }),
      { ...requested('/'), time: '2026-02-01T00:00:00.000Z' },
      { ...rest, id },
    ]
    await trail.write([...alike, ...others])
    const again = () => ({ ...others[0]!, id: randomUUID() })
    await trail.write([again(), alike[0]!, again(), alike[0]!])
    const written = [...alike, ...others, others[0]!, alike[0]!, others[0]!, alike[0]!]
    const { rows } = await sql<{ text: string; path: string }>`SELECT text, event->>'path' AS path
      FROM audit_database_events WHERE type = 'app.request' ORDER BY seq`.execute(db)
    t.strictSame(
      rows.map(({ text, path }) => [text.slice(44), path]),
      written.map((event) => [JSON.stringify(event).slice(44), event.path]),
    )
    const { rows: counts } = await sql<{ requests: number; texts: number }>`SELECT
      (SELECT count(*)::int FROM audit_database_requests) AS requests,
      (SELECT count(*)::int FROM ${events} WHERE type = 'app.request') AS texts`.execute(db)
    t.strictSame(counts[0], { requests: alike.length + 2, texts: others.length + 2 })
    t.match(await verify(), { ok: true, findings: { length: 0 }, events: 20 + written.length })
  })

  const requests = sql.table('audit_database_requests')
  const contexts = sql.table('audit_database_contexts')
  const changes: readonly [string, ReturnType<typeof sql>, string][] = [
    ['the values of a request', sql`UPDATE ${requests} SET parts = replace(parts, '/2', '/x')`, 'edited'],
    ['a request without values', sql`UPDATE ${requests} SET parts = ''`, 'edited'],
    ['the time of a request', sql`UPDATE ${requests} SET time = time - interval '1 hour'`, 'edited'],
    ['the id of a request', sql`UPDATE ${requests} SET request_id = id`, 'edited'],
    ['what requests share', sql`UPDATE ${contexts} SET template = replace(template, 'dev', 'ops')`, 'edited'],
    ['the app of a context', sql`UPDATE ${contexts} SET app = 'hidden'`, 'edited'],
    ['the user of a context', sql`UPDATE ${contexts} SET user_name = 'hidden'`, 'edited'],
    ['the session of a context', sql`UPDATE ${contexts} SET session_id = NULL`, 'edited'],
    ['the address of a context', sql`UPDATE ${contexts} SET client_ip = '192.0.2.2'`, 'edited'],
    ['the reason of a context', sql`UPDATE ${contexts} SET reason = 'revoked'`, 'edited'],
    ['a context deleted', sql`DELETE FROM ${contexts}`, 'inserted'],
    ['a request deleted', sql`DELETE FROM ${requests} WHERE parts LIKE '%/2%'`, 'deleted'],
    ['a request elsewhere', sql`UPDATE ${requests} SET seq = seq + 9 WHERE parts LIKE '%/2%'`, 'reordered'],
  ]
  await t.test('M161 records of requests verify', async (t) => {
    for (const [what, change, kind] of changes) {
      await fill()
      await trail.write(['/1', '/2', '/3'].map((path) => requested(path)))
      await trail.checkpoints.take()
      t.ok((await verify()).ok, what)
      await change.execute(db)
      t.match(await verify(), { ok: false, findings: [{ kind }] }, what)
    }
  })

  await t.test('fault 46 a copied trail, whose sequence may be behind, gives no number twice', async (t) => {
    await fill()
    await trail.write(['/1', '/2', '/3'].map((path) => requested(path)))
    // A copy continues the numbers of the table that owns the sequence.
    await sql`SELECT setval('audit_database_events_seq_seq', (SELECT max(seq) FROM audit_database_texts))`.execute(
      db,
    )
    await trail.write([made('a', 'started')])
    await trail.write([requested('/4')])
    t.match(await verify(), { ok: true })
    const { rows } = await sql`SELECT count(*)::int AS events, count(DISTINCT seq)::int AS numbers
      FROM audit_database_events WHERE hub = 'a'`.execute(db)
    const [{ events, numbers }] = rows as [{ events: number; numbers: number }]
    t.equal(numbers, events)
  })

  await t.test('a hub of the version before reads and writes the trail beside newer ones', async (t) => {
    await fill()
    await trail.write([requested('/new')])
    const old = sql.table('audit_database_events')
    const { rows } = await sql<Link & { seq: number }>`SELECT max(seq) AS seq, max(n) AS n,
      (SELECT hash FROM audit_database_chains WHERE hub = 'a') AS hash FROM ${old} WHERE hub = 'a'`.execute(
      db,
    )
    const text = JSON.stringify(made('a', 'old'))
    const { id, time, type } = JSON.parse(text)
    const link = nextLink(rows[0]!, text)
    await sql`INSERT INTO ${old} (id, time, type, user_name, app, event, hub, n, hash)
      SELECT id::uuid, time::timestamptz, type, 'alice', NULL, event::json, 'a', ${link.n}, ${link.hash}
      FROM (VALUES (${id}, ${time}, ${type}, ${text})) AS given (id, time, type, event) ORDER BY 1`.execute(
      db,
    )
    await sql`UPDATE audit_database_chains SET n = ${link.n}, hash = ${link.hash},
      seq = (SELECT max(seq) FROM ${old}) WHERE hub = 'a'`.execute(db)
    await trail.write([requested('/newer')])
    t.match(await verify(), { ok: true, events: 23 })
    const { rows: last } = await sql`SELECT seq, event::text AS event FROM ${old}
      WHERE seq >= ${rows[0]!.seq} ORDER BY seq`.execute(db)
    t.match(last, [{ event: /new/ }, { event: text }, { event: /newer/ }])
    await sql`DELETE FROM ${old} WHERE seq <= ${rows[0]!.seq}`.execute(db)
    t.match((await sql`SELECT count(*)::int AS n FROM ${old}`.execute(db)).rows, [{ n: 2 }])
  })

  await t.test(
    'retention deletes contexts with their last request, and later requests get new ones',
    async (t) => {
      await fill()
      const old = Date.now() - 91 * DAY_MS
      for (const table of ['texts', 'requests', 'contexts', 'chains', 'checkpoints'])
        await sql`DELETE FROM ${sql.table(`audit_database_${table}`)}`.execute(db)
      const of = (sessionId: string, at?: number) => requested('/', at, { sessionId })
      await trail.write([of('gone', old), of('kept', old)])
      await trail.write([of('kept')])
      const pruner = trail.prunerOf(90 * DAY_MS)
      t.equal(await pruner.prune(), 2)
      const stored = async () =>
        (await sql<{ session_id: string }>`SELECT session_id FROM ${contexts} ORDER BY 1`.execute(db)).rows
      t.strictSame(await stored(), [{ session_id: 'kept' }])
      await trail.write([of('gone'), of('kept')])
      t.strictSame(await stored(), [{ session_id: 'gone' }, { session_id: 'kept' }])
      t.match(await verify(), { ok: true, events: 3 })
    },
  )

  await t.test('a context of a batch that was rolled back is stored with the next', async (t) => {
    await fill()
    const sink = createSink(db)
    const lines = linesOf([requested('/')])
    const table = sql.table('audit_database_chains')
    await sql`ALTER TABLE ${table} ADD CONSTRAINT refused CHECK (batch < 1 OR hub <> 'a') NOT VALID`.execute(
      db,
    )
    await t.rejects(sink.write(lines, 1))
    await sql`ALTER TABLE ${table} DROP CONSTRAINT refused`.execute(db)
    await sink.write(lines, 1)
    await sink.write(linesOf([requested('/again')]), 2)
    t.match(await verify(), { ok: true, events: 22 })
    t.match((await sql`SELECT count(*)::int AS n FROM ${contexts}`.execute(db)).rows, [{ n: 1 }])
  })

  const cases: readonly [string, () => Promise<unknown>, object][] = [
    [
      'an edited event',
      () =>
        sql`UPDATE ${events} SET event = replace(event::text, 'a5', 'zz')::json WHERE ${event(5)}`.execute(
          db,
        ),
      { kind: 'edited', n: 5, hub: 'a' },
    ],
    [
      'a column that filters use',
      () => sql`UPDATE ${events} SET user_name = 'mallory' WHERE ${event(2)}`.execute(db),
      { kind: 'edited', n: 2, hub: 'a' },
    ],
    [
      'a time that hides an event from a search',
      () => sql`UPDATE ${events} SET time = time - interval '1 hour' WHERE ${event(2)}`.execute(db),
      { kind: 'edited', n: 2, hub: 'a' },
    ],
    [
      'a deleted event',
      () => sql`DELETE FROM ${events} WHERE ${event(6)}`.execute(db),
      { kind: 'deleted', n: 6, hub: 'a', id: null },
    ],
    [
      'the first events deleted',
      () => sql`DELETE FROM ${events} WHERE hub = 'a' AND n <= 3`.execute(db),
      { kind: 'deleted', n: 1, hub: 'a' },
    ],
    [
      'an event that stands elsewhere in the trail',
      () => sql`UPDATE ${events} SET seq = DEFAULT WHERE ${event(4)}`.execute(db),
      { kind: 'reordered', n: 4, hub: 'a' },
    ],
    [
      'an event in no chain',
      () =>
        sql`INSERT INTO ${events} (id, time, type, event) VALUES
          ('01890a5d-ac96-774b-bcce-b302099a8057', now(), 'user.login', '{}')`.execute(db),
      { kind: 'inserted', hub: null },
    ],
    [
      'the tail cut off after the last checkpoint',
      () => sql`DELETE FROM ${events} WHERE hub = 'a' AND n >= 10`.execute(db),
      { kind: 'truncated', n: 9, hub: 'a' },
    ],
    [
      'the tail cut off behind a checkpoint, and the end of the chain set back to match',
      async () => {
        await sql`DELETE FROM ${events} WHERE hub = 'a' AND n >= 7`.execute(db)
        await sql`UPDATE audit_database_chains SET n = 6, hash = (SELECT hash FROM ${events} WHERE ${event(6)})
          WHERE hub = 'a'`.execute(db)
      },
      { kind: 'truncated', n: 6, hub: 'a' },
    ],
    [
      'a whole chain gone, its end included',
      async () => {
        await sql`DELETE FROM ${events} WHERE hub = 'a'`.execute(db)
        await sql`DELETE FROM audit_database_chains WHERE hub = 'a'`.execute(db)
      },
      { kind: 'truncated', n: 0, hub: 'a' },
    ],
    [
      'a chain that was written anew from the third event on, consistent in itself',
      async () => {
        const { rows } = await sql<{
          n: number
          event: string
          hash: string
        }>`SELECT n, event::text AS event, hash
          FROM ${events} WHERE hub = 'a' ORDER BY n`.execute(db)
        let link: Link = rows[1]!
        for (const { n, event: text } of rows.slice(2)) {
          const forged = text.replace('alice', 'malle')
          link = nextLink(link, forged)
          await sql`UPDATE ${events} SET event = ${forged}::json, user_name = 'malle', hash = ${link.hash}
            WHERE ${event(n)}`.execute(db)
        }
        await sql`UPDATE audit_database_chains SET hash = ${link.hash} WHERE hub = 'a'`.execute(db)
      },
      { kind: 'rewritten', hub: 'a', n: 4 },
    ],
    [
      'a forged checkpoint',
      () =>
        sql`UPDATE audit_database_checkpoints SET statement = replace(statement, '"n":8', '"n":6')
          WHERE number = 2`.execute(db),
      { kind: 'forged', what: 'checkpoint', n: 2 },
    ],
    [
      'a deleted checkpoint',
      () => sql`DELETE FROM audit_database_checkpoints WHERE number = 1`.execute(db),
      { kind: 'deleted', what: 'checkpoint', n: 1 },
    ],
  ]
  for (const [what, tamper, finding] of cases) {
    await t.test(`M161 ${what}`, async (t) => {
      await fill()
      const id = 'n' in finding ? await idOf(finding.n as number) : undefined
      await tamper()
      const { ok, findings } = await verify()
      t.notOk(ok)
      t.match(findings[0], finding)
      const named = ['edited', 'reordered'].includes((finding as { kind: string }).kind)
      if (named) t.equal(findings[0]?.id, id, 'names the event')
    })
  }

  await t.test('M161 a deletion of everything is found by a remembered checkpoint', async (t) => {
    await fill()
    const { checkpoint } = await verify()
    const hub = trail.checkpoints.newest()
    t.match(checkpoint, hub)
    await sql`DELETE FROM audit_database_checkpoints`.execute(db)
    await sql`DELETE FROM ${events}`.execute(db)
    await sql`DELETE FROM audit_database_chains`.execute(db)
    const gone = [{ kind: 'rewritten', what: 'checkpoint', n: 2 }]
    t.match(await verify({ byCaller: checkpoint }), { ok: false, findings: gone })
    t.match(await verify({ byHub: hub }), { ok: false, findings: gone })
  })

  await t.test('M161 retention deletes older parts, and the rest verifies', async (t) => {
    await fill()
    const old = Date.now() - 91 * DAY_MS
    await sql`DELETE FROM ${events}`.execute(db)
    await sql`DELETE FROM audit_database_chains`.execute(db)
    await sql`DELETE FROM audit_database_checkpoints`.execute(db)
    for (let n = 0; n < 12; n++) {
      await trail.write(Array.from({ length: 100 }, () => made('a', 'old', old)))
      if (n % 4 === 0) await trail.checkpoints.take()
    }
    await trail.write(Array.from({ length: 200 }, () => made('gone', 'old', old)))
    await trail.write([made('a', 'young')])
    const before = (await verify()).checkpoint
    await trail.checkpoints.take()
    const pruner = trail.prunerOf(90 * DAY_MS)
    t.equal(await pruner.prune(), 1_400)
    t.match(await verify(), { ok: true, events: 1, checkpoint: { number: 4 } })
    t.notOk((await verify({ byCaller: before })).ok, 'a checkpoint that went too proves nothing any more')
    await trail.write([made('gone', 'back again'), made('gone', 'and again')])
    await trail.checkpoints.take()
    t.match(await verify(), { ok: true, events: 3, checkpoint: { number: 5 } })
    await sql`DELETE FROM ${events} WHERE hub = 'a'`.execute(db)
    t.match(await verify(), { ok: false, findings: [{ kind: 'truncated', hub: 'a', n: 1_200 }] })
  })

  await t.test(
    'M161 events from before there were chains are distinguished from inserted ones',
    async (t) => {
      await fill()
      for (const table of ['texts', 'requests', 'contexts', 'chains', 'checkpoints'])
        await sql`DELETE FROM ${sql.table(`audit_database_${table}`)}`.execute(db)
      await sql`INSERT INTO ${events} (id, time, type, event) VALUES
      ('01890a5d-ac96-774b-bcce-b302099a8057', now(), 'user.login', '{}')`.execute(db)
      await trail.write([made('a', 'first')])
      await trail.checkpoints.take()
      t.match(await verify(), { ok: true, events: 2, unchained: 1 })
    },
  )

  await t.test('O175 the key of checkpoints is sealed, equal on every hub, and no other fits', async (t) => {
    const { rows } = await sql<{
      private_key: Uint8Array
    }>`SELECT private_key FROM audit_database_keys`.execute(db)
    t.equal(rows.length, 1)
    t.notMatch(
      Buffer.from(rows[0]!.private_key).toString('latin1'),
      /\x06\x03\x2b\x65\x70/,
      'no Ed25519 in clear',
    )
    const again = await openCheckpointKey(db, trail.secretBox)
    t.ok(trail.key.verify('x', again.sign('x')))
    t.notOk(trail.key.verify('y', again.sign('x')))
    await t.rejects(openCheckpointKey(db, testSecretBox()), {
      code: 'MEZ_SECRET_UNREADABLE',
    })
  })
}

for (const make of [pgliteStore, postgresStore]) {
  t.test(make.name, async (t) => {
    const store = await make()
    t.teardown(() => store.close())
    await tampering(t as unknown as Tap, store)
    if (store.name === 'PGlite') return

    await t.test(
      'M161 the role of the hub can neither change nor delete events, and another one deletes old ones',
      async (t) => {
        const trail = await openTrail(t as unknown as Tap, store)
        const old = Date.now() - 91 * DAY_MS
        await trail.write([made('a', 'old', old), requested('/', old)])
        await trail.write([made('a', 'young')])
        const tables = ['texts', 'requests', 'contexts', 'checkpoints'].map(
          (name) => `audit_database_${name}`,
        )
        const readme = textOf('plugins/docs/pages/understand/audit-trail.md')
        for (const statement of [
          'CREATE ROLE mezite LOGIN',
          'GRANT ALL ON ALL TABLES IN SCHEMA public TO mezite',
          'GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO mezite',
          `REVOKE ALL ON ${tables} FROM mezite`,
          'REVOKE ALL ON SEQUENCE audit_database_events_seq_seq FROM mezite',
          /^```sql\n(CREATE ROLE .*?)^```/ms.exec(readme)?.[1] ?? '',
        ])
          await sql.raw(statement).execute(trail.db)
        const { url } = (await store.config()) as { url: string }
        const { rows } = await sql<{ name: string }>`SELECT current_database() AS name`.execute(trail.db)
        const asHub = new URL(url)
        asHub.username = 'mezite'
        asHub.pathname = `/${rows[0]?.name}`
        const { db, close } = await open({ driver: 'postgres', url: asHub.href })
        t.teardown(() => close())
        await batchesTo(createSink(db))([made('a', 'written by the role of the hub'), requested('/')])
        await t.rejects(sql`UPDATE ${events} SET type = 'x'`.execute(db), /permission denied/)
        for (const table of [...tables, 'audit_database_events'])
          await t.rejects(sql`DELETE FROM ${sql.table(table)}`.execute(db), /permission denied/, table)
        await t.rejects(trail.prunerOf(90 * DAY_MS, null, db).prune(), /permission denied/)
        t.equal(await trail.prunerOf(90 * DAY_MS, 'mezite_retention', db).prune(), 2)
        t.match(await trail.verify(), { ok: true, events: 3 })
      },
    )

    await t.test('M161 mezctl audit verify: exit code 1 names the first bad record', async (t) => {
      const trail = await startTrail(await store.config('migrated'))
      t.teardown(() => trail.close())
      const { db } = trail.database
      const mezctl = (...args: string[]) =>
        runMezctl(['audit', 'verify', '--data-dir', trail.folder, ...args], {})
      await batchesTo(createSink(db))([made('a', 'first'), made('a', 'second')])
      const good = await mezctl()
      t.match(good, { code: 0, out: /^The audit trail is intact: \d+ events in 1 chain\./ })
      await sql`UPDATE ${events} SET event = replace(event::text, 'second', 'third')::json
        WHERE hub = 'a' AND n = 2`.execute(db)
      const bad = await mezctl('--json')
      t.equal(bad.code, 1)
      t.match(JSON.parse(bad.out), { ok: false, findings: [{ kind: 'edited', hub: 'a', n: 2 }] })
      t.match(bad.err, /MEZ_AUDIT_ALTERED/)
      const old = await mezctl('--checkpoint', `7:${'x'.repeat(43)}`)
      t.match(old.out, /rewritten +checkpoint 7/)
      await trail.audit.flush()
      t.match(JSON.stringify((await trail.ask('/audit?type=audit.read')).json), /audit\/verify/)
      await until(
        () => JSON.stringify(trail.log.lines).includes('differs from what was recorded'),
        'it is told',
      )
    })
  })
}
