// long
import { type Kysely, sql } from 'kysely'
import t from 'tap'
import type { Database, Migrations } from '../../../core/api/database.ts'
import type { View } from '../../../core/api/revisions.ts'
import type { Subject } from '../../../core/api/subject.ts'
import type { OpenDatabase } from '../../../core/state/database/database.ts'
import { readPosition } from '../../../core/state/revisions/change-log.ts'
import { loadViews } from '../../../core/state/revisions/view-loader.ts'
import { anyTables } from '../../any-tables.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { postgresStore } from './postgres-stores.ts'
import { changesOf, open, pgliteStore, type Store } from './stores.ts'

const things: Migrations = {
  owner: 'things',
  migrations: {
    '0001-things': {
      up: async (db: Kysely<unknown>) => {
        await sql`CREATE TABLE things (key text PRIMARY KEY, value bigint NOT NULL, bytes bytea)`.execute(db)
      },
    },
  },
}

/** Copies of the table `things`, read whole and by key. */
function thingsView() {
  let map = new Map<string, number>()
  const calls = { all: 0, refreshed: 0 }
  const view: View = {
    name: 'things',
    kinds: ['thing'],
    async loadAll(trx) {
      calls.all += 1
      const { rows } = await sql<{ key: string; value: number }>`SELECT key, value FROM things`.execute(trx)
      return () => {
        map = new Map(rows.map(({ key, value }) => [key, value]))
      }
    },
    async refresh(trx, touched) {
      calls.refreshed += 1
      const keys = [...(touched.get('thing') ?? [])]
      const { rows } = await sql<{ key: string; value: number }>`SELECT key, value FROM things
        WHERE key IN (${sql.join(keys)})`.execute(trx)
      return () => {
        const next = new Map(map)
        for (const key of keys) next.delete(key)
        for (const { key, value } of rows) next.set(key, value)
        map = next
      }
    },
  }
  return { view, calls, get: (key: string) => map.get(key), size: () => map.size }
}

async function setThing(revisions: ReturnType<typeof changesOf>, key: string, value: number): Promise<void> {
  await revisions.write(async (trx, change) => {
    await sql`INSERT INTO things (key, value) VALUES (${key}, ${value})
      ON CONFLICT (key) DO UPDATE SET value = ${value}`.execute(trx)
    change.touch('thing', key)
  })
}

async function hubOn(database: OpenDatabase, options = {}) {
  const copy = thingsView()
  const revisions = changesOf(database, options)
  revisions.addView(copy.view)
  await revisions.start()
  return { revisions, copy }
}

async function count(db: Database): Promise<unknown> {
  const { rows } = await sql<{ n: unknown }>`SELECT count(*) AS n FROM things`.execute(db)
  return rows[0]?.n
}

async function suite(t: Tap, store: Store): Promise<void> {
  const database = await open(await store.config())
  t.teardown(() => database.close())
  const { db } = database
  await database.migrate([things])

  await t.test('migrates once, adds new migrations, and keeps owners apart', async (t) => {
    await database.migrate([things])
    const more: Migrations = {
      owner: 'other-owner',
      migrations: { '0001-things': { up: (db) => db.schema.createTable('other_things').execute() } },
    }
    await database.migrate([things, more])
    t.equal(await count(db), 0)

    await sql`DROP TABLE other_owner_migrations_lock`.execute(db)
    await database.migrate([things, more])
    const lock = sql<{ there: unknown }>`SELECT to_regclass('other_owner_migrations_lock') AS there`
    t.equal((await lock.execute(db)).rows[0]?.there, null, 'without pending migrations no migrator runs')
    const next = { up: (db: Database) => db.schema.createTable('next_things').execute() }
    await database.migrate([things, { ...more, migrations: { ...more.migrations, '0002-next': next } }])
    t.not((await lock.execute(db)).rows[0]?.there, null, 'and with one it does')
    await t.rejects(database.migrate([things, things]), { code: 'MEZ_MIGRATION_FAILED', message: /'things'/ })
  })

  await t.test('reports the migration that fails, and rolls back its owner', async (t) => {
    const bad: Migrations = {
      owner: 'bad',
      migrations: {
        '0001-fine': { up: async (db) => void (await sql`CREATE TABLE bad_rows (x text)`.execute(db)) },
        '0002-broken': { up: async (db) => void (await sql`CREATE GARBAGE`.execute(db)) },
      },
    }
    await t.rejects(database.migrate([bad]), {
      code: 'MEZ_MIGRATION_FAILED',
      message: /'0002-broken' of 'bad'/,
    })
    const { rows } = await sql<{ there: unknown }>`SELECT to_regclass('bad_rows') AS there`.execute(db)
    t.equal(rows[0]?.there, null)
  })

  await t.test(
    'fault 34: runs on a database that is newer than the code, unless that would break',
    async (t) => {
      const up = async () => {}
      const older: Migrations = { owner: 'newer', migrations: { '0001-a': { up } } }
      const newer: Migrations = { owner: 'newer', migrations: { '0001-a': { up }, '0002-b': { up } } }
      await database.migrate([newer])
      await database.migrate([older])
      await database.migrate([newer])
      const last: Migrations = {
        owner: 'newer',
        migrations: { ...newer.migrations, '0003-c-breaking': { up } },
      }
      await database.migrate([last])
      for (const each of [older, newer]) {
        await t.rejects(database.migrate([each]), {
          code: 'MEZ_DATABASE_NEWER',
          message: /'0003-c-breaking' of 'newer'/,
        })
      }
      await database.migrate([last])
    },
  )

  await t.test('returns int8, bytea, timestamps and errors alike on both databases', async (t) => {
    await sql`INSERT INTO things (key, value, bytes) VALUES ('types', 5000000000, ${Buffer.from([0, 255])})`.execute(
      db,
    )
    const { rows } = await sql<Record<string, unknown>>`
      SELECT value, bytes, timestamptz '2026-01-02T03:04:05Z' AS at FROM things WHERE key = 'types'`.execute(
      db,
    )
    t.equal(rows[0]?.value, 5_000_000_000)
    t.same(Buffer.from(rows[0]?.bytes as Uint8Array), Buffer.from([0, 255]))
    t.same(rows[0]?.at, new Date('2026-01-02T03:04:05.000Z'))
    await t.rejects(sql`INSERT INTO things (key, value) VALUES ('types', 1)`.execute(db), {
      code: '23505',
      constraint: 'things_pkey',
    })
    await sql`DELETE FROM things`.execute(db)
  })

  await t.test('rolls back a transaction that failed, also when its error was swallowed', async (t) => {
    const swallowed = db.transaction().execute(async (trx) => {
      await sql`INSERT INTO things (key, value) VALUES ('lost', 1)`.execute(trx)
      await sql`SELECT garbage`.execute(trx).catch(() => {})
    })
    await t.rejects(swallowed)
    const thrown = db.transaction().execute(async (trx) => {
      await sql`INSERT INTO things (key, value) VALUES ('lost', 1)`.execute(trx)
      throw new Error('no')
    })
    await t.rejects(thrown, { message: 'no' })
    t.equal(await count(db), 0)
  })

  await t.test(
    'write resolves after this hub sees its change, and only decisive changes move the epoch',
    async (t) => {
      const { revisions, copy } = await hubOn(database)
      t.teardown(() => revisions.stop())
      const heard: unknown[] = []
      revisions.onApplied((touched) => heard.push(touched && [...touched.keys()]))
      const before = revisions.revision
      await setThing(revisions, 'a', 1)
      t.equal(copy.get('a'), 1)
      t.equal(revisions.revision, before + 1)
      await revisions.append(async () => ({ value: null, noted: [['session', 'session-1']] }))
      t.equal(revisions.revision, before + 1, 'an opened session leaves the epoch')
      await revisions.write(async (_trx, change) => change.touch('session', 'session-1'))
      t.equal(revisions.revision, before + 2, 'its end does not')
      t.same(heard, [['thing'], ['session'], ['session']])
      t.equal(copy.calls.refreshed, 1, 'views hear only of their kinds')
      await revisions.write(async (_trx, change) => change.noted('thing', 'a'))
      t.equal(revisions.revision, before + 2, 'what no decision depends on leaves the epoch')
      t.equal(copy.calls.refreshed, 2, 'and is seen')
      await revisions.write(async (trx, change) => {
        await sql`DELETE FROM things WHERE key = 'a'`.execute(trx)
        change.touch('thing', 'a')
      })
      t.equal(copy.get('a'), undefined)
    },
  )

  await t.test('write discards a change that throws, and reuses its number', async (t) => {
    const { revisions, copy } = await hubOn(database)
    t.teardown(() => revisions.stop())
    const failing = revisions.write(async (trx, change) => {
      await sql`INSERT INTO things (key, value) VALUES ('x', 1)`.execute(trx)
      change.touch('thing', 'x')
      throw new Error('changed my mind')
    })
    await t.rejects(failing, { message: 'changed my mind' })
    t.equal(copy.get('x'), undefined)
    const { revision } = revisions
    await setThing(revisions, 'y', 1)
    t.equal(revisions.revision, revision + 1)
    await sql`DELETE FROM things`.execute(db)
  })

  await t.test('write rolls back a change that hangs, and others continue', async (t) => {
    const { revisions, copy } = await hubOn(database, { changeMs: 200 })
    t.teardown(() => revisions.stop())
    let late: Promise<unknown> | undefined
    const hanging = revisions.write(async (trx, change) => {
      await sql`INSERT INTO things (key, value) VALUES ('x', 1)`.execute(trx)
      change.touch('thing', 'x')
      await new Promise((resolve) => setTimeout(resolve, 400))
      late = sql`INSERT INTO things (key, value) VALUES ('late', 1)`.execute(trx)
      await late
    })
    const next = setThing(revisions, 'y', 1)
    await t.rejects(hanging, { code: 'MEZ_DATABASE_UNAVAILABLE', message: /timed out after 200 ms/ })
    await next
    t.equal(copy.get('y'), 1, 'the next change is made')
    t.equal(copy.get('x'), undefined)
    await until(() => late !== undefined, 'the change that hung goes on')
    await t.rejects(late!, { code: 'MEZ_TRANSACTION_BYPASSED' }, 'but writes nothing outside its transaction')
    t.equal(await count(db), 1)
    await sql`DELETE FROM things`.execute(db)
  })

  await t.test('write rejects use of the database beside its transaction at once', async (t) => {
    const { revisions } = await hubOn(database)
    t.teardown(() => revisions.stop())
    const beside: Record<string, () => Promise<unknown>> = {
      'a query': () => sql`SELECT 1`.execute(db),
      'a query on the reserved connection': () => sql`SELECT 1`.execute(database.reserved),
      'a transaction': () => db.transaction().execute(async () => {}),
      'another change': () => revisions.write(async () => {}),
      'a query later in the change': async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await anyTables(db).selectFrom('things').selectAll().execute()
      },
    }
    for (const [what, use] of Object.entries(beside)) {
      const watch = startStopwatch()
      await t.rejects(
        revisions.write(async (trx) => {
          await sql`INSERT INTO things (key, value) VALUES ('beside', 1)`.execute(trx)
          await use()
        }),
        { code: 'MEZ_TRANSACTION_BYPASSED', message: /`revisions.write`.*`trx`/ },
        what,
      )
      t.ok(watch.took() < 3_000, `${what} does not wait`)
    }
    t.equal(await count(db), 0, 'each is rolled back')
    let after: Promise<unknown> | undefined
    await revisions.write(async () => {
      after = new Promise((resolve) => setTimeout(resolve, 50)).then(() => sql`SELECT 1`.execute(db))
    })
    await after
    t.pass('work that a change began may use the database after its end')
  })

  await t.test('E79 write rejects a caller who has lost access before its turn', async (t) => {
    const { revisions, copy } = await hubOn(database, { pollMs: 60_000 })
    t.teardown(() => revisions.stop())
    const by = (name: string) => ({
      subject: { user: name } as Subject,
      clientIp: '',
      id: 'request-1',
      stillMay: async () => {
        if (copy.get(`lock-${name}`) !== undefined) throw new Error('locked')
      },
    })
    const changed: string[] = []
    const write = (name: string) => revisions.write(async () => void changed.push(name), by(name))
    await write('ann')
    const [lock, asked] = [setThing(revisions, 'lock-ann', 1), write('ann')]
    await t.rejects(asked, { message: 'locked' }, 'although the lock was only just committed')
    await lock
    await write('bob')
    t.same(changed, ['ann', 'bob'])
    await sql`DELETE FROM things`.execute(db)
  })

  await t.test(
    'loads everything when the number goes backwards, the history is another, or the log is short',
    async (t) => {
      const { revisions, copy } = await hubOn(database, { pollMs: 60_000 })
      t.teardown(() => revisions.stop())
      await setThing(revisions, 'k', 1)
      let { all } = copy.calls
      const { revision } = revisions

      await sql`UPDATE things SET value = 2 WHERE key = 'k'`.execute(db)
      await sql`UPDATE change_sequence SET n = n - 1`.execute(db)
      await revisions.catchUp()
      t.equal(copy.get('k'), 2, 'backwards')
      t.equal(copy.calls.all, ++all)
      t.ok(revisions.revision > revision, 'the epoch only grows')

      await sql`UPDATE things SET value = 3 WHERE key = 'k'`.execute(db)
      await sql`UPDATE change_sequence SET tag = gen_random_uuid()`.execute(db)
      await revisions.catchUp()
      t.equal(copy.get('k'), 3, 'the same number of another history')
      t.equal(copy.calls.all, ++all)

      await sql`UPDATE things SET value = 4 WHERE key = 'k'`.execute(db)
      await sql`UPDATE change_sequence SET n = n + 100`.execute(db)
      await revisions.catchUp()
      t.equal(copy.get('k'), 4, 'a jump past the log')
      t.equal(copy.calls.all, ++all)

      // A history that was restored and grew again past the number that this hub had seen.
      await sql`DELETE FROM change_log`.execute(db)
      await sql`INSERT INTO change_log (n, tag, touched) SELECT n, gen_random_uuid(), '[]' FROM change_sequence`.execute(
        db,
      )
      await sql`UPDATE things SET value = 5 WHERE key = 'k'`.execute(db)
      await revisions.write(async () => {})
      t.equal(copy.get('k'), 5, 'another history with a higher number')
      t.equal(copy.calls.all, ++all)
    },
  )

  await t.test('a view that is added late or unreadable is not fresh until it is loaded', async (t) => {
    const { revisions } = await hubOn(database, { freshMs: 1_000, pollMs: 100 })
    t.teardown(() => revisions.stop())
    let broken = true
    let loaded = false
    revisions.addView({
      name: 'late',
      kinds: ['late'],
      async loadAll() {
        if (broken) throw new Error('unreadable row')
        return () => {
          loaded = true
        }
      },
      refresh: async () => () => {},
    })
    await until(() => !revisions.fresh(), 'stale')
    broken = false
    await until(() => revisions.fresh(), 'fresh')
    t.ok(loaded)
  })

  await t.test('a view that hangs is named, and does not block others for good', async (t) => {
    const view = {
      name: 'slug',
      kinds: ['slug'],
      loadAll: () => new Promise<never>(() => {}),
      refresh: () => new Promise<never>(() => {}),
    }
    const { revisions } = await hubOn(database, {})
    t.teardown(() => revisions.stop())
    const from = await readPosition(database.db)
    await revisions.write(async (_trx, change) => change.touch('slug', 'k'))
    for (const [place, deadlines] of [
      [from, { loadMs: 60_000, refreshMs: 50 }],
      [null, { loadMs: 50, refreshMs: 60_000 }],
    ] as const)
      await t.rejects(loadViews(database.reserved, [view], place, deadlines), {
        message: /^the view "slug" cannot be loaded: /,
      })
  })

  await t.test('a start fails if its first read takes too long, and leaves nothing fresh', async (t) => {
    const revisions = changesOf(database, { startMs: 50 })
    const held = Promise.withResolvers<void>()
    const loadAll = () => held.promise.then(() => () => {})
    revisions.addView({ name: 'slow', kinds: ['slow'], loadAll, refresh: loadAll })
    await t.rejects(revisions.start(), {
      code: 'MEZ_DATABASE_UNAVAILABLE',
      message: /timed out after 0.05 s/,
    })
    t.notOk(revisions.fresh())
    held.resolve()
    await revisions.stop()
  })

  await t.test('fault 29: freshness is judged by both clocks', async (t) => {
    const now = { wall: 1_000_000, monotonic: 5 }
    const clock = { now: () => now.wall, monotonic: () => now.monotonic }
    const { revisions } = await hubOn(database, { clock, pollMs: 60_000 })
    t.teardown(() => revisions.stop())
    t.ok(revisions.fresh())
    now.wall += 5_001
    t.notOk(revisions.fresh(), 'the machine slept, or the wall clock was set forward')
    await revisions.catchUp()
    t.ok(revisions.fresh(), 'back by itself')
    now.wall -= 3 * 3_600_000
    t.ok(revisions.fresh(), 'set back')
    now.monotonic += 5_001
    t.notOk(revisions.fresh(), 'set back, and time passed')
    t.equal(revisions.ageMs(), 5_001)
  })

  await t.test('freshness counts from the start of a read, not from its end', async (t) => {
    const now = { wall: 1_000_000, monotonic: 5 }
    const clock = { now: () => now.wall, monotonic: () => now.monotonic }
    const { revisions } = await hubOn(database, { clock, pollMs: 60_000 })
    t.teardown(() => revisions.stop())
    revisions.addView({
      name: 'slow',
      kinds: [],
      async loadAll() {
        now.monotonic += 3_000
        return () => {}
      },
      refresh: async () => () => {},
    })
    await revisions.catchUp()
    t.equal(revisions.ageMs(), 0, 'a read that began after the slow one')
    revisions.addView({
      name: 'another',
      kinds: [],
      loadAll: async () => () => {},
      refresh: async () => () => {},
    })
    await until(() => revisions.ageMs() === 3_000, 'the age of the slow read')
  })

  await t.test('the log is pruned, and a hub that lags behind it loads everything', async (t) => {
    const { revisions, copy } = await hubOn(database, { pollMs: 60_000 })
    const other = await hubOn(database, { keep: 5, pollMs: 60_000 })
    t.teardown(() => Promise.all([revisions.stop(), other.revisions.stop()]))
    for (let n = 0; n < 20; n++) await setThing(other.revisions, 'pruned', n)
    const { pruneLog } = await import('../../../core/state/revisions/change-log.ts')
    const { rows } = await sql<{ n: number }>`SELECT n FROM change_sequence`.execute(db)
    await pruneLog(db, (rows[0]?.n ?? 0) - 5)
    const left = await sql<{ n: number }>`SELECT count(*) AS n FROM change_log`.execute(db)
    t.equal(left.rows[0]?.n, 6)
    const before = copy.calls.all
    await revisions.catchUp()
    t.equal(copy.get('pruned'), 19)
    t.ok(copy.calls.all >= before)
  })

  await t.test('many concurrent changes are all applied, in order', async (t) => {
    const { revisions, copy } = await hubOn(database)
    t.teardown(() => revisions.stop())
    const { revision } = revisions
    await Promise.all(Array.from({ length: 50 }, (_, n) => setThing(revisions, `many-${n}`, n)))
    for (let n = 0; n < 50; n++) t.equal(copy.get(`many-${n}`), n)
    t.equal(revisions.revision, revision + 50)
  })
}

type Tap = typeof t

for (const make of [pgliteStore, postgresStore]) {
  t.test(make.name, async (t) => {
    const store = await make()
    t.teardown(() => store.close())
    await suite(t as unknown as Tap, store)
  })
}
