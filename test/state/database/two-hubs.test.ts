// together: rooms
import { sql } from 'kysely'
import t from 'tap'
import type { Actor } from '../../../core/api/audit.ts'
import type { Migrations } from '../../../core/api/database.ts'
import type { View } from '../../../core/api/revisions.ts'
import type { Subject } from '../../../core/api/subject.ts'
import { createJoinTokens } from '../../../core/gate/enrolment/join-tokens.ts'
import { openDatabase } from '../../../core/state/database/database.ts'
import { postgresLimits } from '../../../core/state/database/postgres-pool.ts'
import { tunnelMigrations } from '../../../core/traffic/tunnel/migrations.ts'
import { anyTables } from '../../any-tables.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { postgresStore } from './postgres-stores.ts'
import { changesOf, keptLog, open } from './stores.ts'

const store = await postgresStore()
t.teardown(() => store.close())

const locks: Migrations = {
  owner: 'locks',
  migrations: {
    '0001': { up: async (db) => void (await sql`CREATE TABLE locks (name text PRIMARY KEY)`.execute(db)) },
  },
}

function lockView() {
  const names = new Set<string>()
  const seen: string[] = []
  const view: View = {
    name: 'locks',
    kinds: ['lock'],
    async loadAll(trx) {
      const { rows } = await sql<{ name: string }>`SELECT name FROM locks`.execute(trx)
      return () => {
        for (const { name } of rows) names.add(name)
      }
    },
    async refresh(trx, touched) {
      const keys = [...(touched.get('lock') ?? [])]
      const { rows } = await sql<{ name: string }>`SELECT name FROM locks
        WHERE name IN (${sql.join(keys)})`.execute(trx)
      return () => {
        seen.push(...keys)
        for (const { name } of rows) names.add(name)
      }
    },
  }
  return { view, names, seen }
}

async function startHub(url: string) {
  const database = await open({ driver: 'postgres', url })
  await database.migrate([locks])
  const copy = lockView()
  const revisions = changesOf(database)
  revisions.addView(copy.view)
  await revisions.start()
  const lock = (name: string, by?: Actor) =>
    revisions.write(async (trx, change) => {
      await sql`INSERT INTO locks (name) VALUES (${name})`.execute(trx)
      change.touch('lock', name)
    }, by)
  return {
    ...copy,
    database,
    revisions,
    lock,
    async close() {
      await revisions.stop()
      await database.close()
    },
  }
}

async function twoHubs(t: { teardown(end: () => unknown): void }) {
  const config = await store.config()
  const url = config.driver === 'postgres' ? config.url : ''
  // Both migrate at the same moment.
  const [a, b] = await Promise.all([startHub(url), startHub(url)])
  t.teardown(() => Promise.all([a.close(), b.close()]))
  return { a, b, url }
}

t.test('two hubs start together, and each sees writes of the other within 1 s', async (t) => {
  const { a, b } = await twoHubs(t)
  await a.lock('alice')
  await until(() => b.names.has('alice'), 'seen by the other hub')
  await b.lock('bob')
  await until(() => a.names.has('bob'), 'seen by the other hub')
  t.ok(a.names.has('alice') && b.names.has('bob'))
})

t.test('overlapping transactions commit in order, and a poller misses none', async (t) => {
  const { a, b } = await twoHubs(t)
  let inside!: () => void
  let finish!: () => void
  const entered = new Promise<void>((resolve) => (inside = resolve))
  const held = new Promise<void>((resolve) => (finish = resolve))
  const order: string[] = []
  // The slow one takes its number first; with a plain sequence the fast one would commit a higher number before it.
  const slow = a.revisions
    .write(async (trx, change) => {
      inside()
      await sql`INSERT INTO locks (name) VALUES ('slow')`.execute(trx)
      change.touch('lock', 'slow')
      await held
    })
    .then(() => order.push('slow'))
  await entered
  const fast = b.lock('fast').then(() => order.push('fast'))
  for (let n = 0; n < 3; n++) await b.revisions.catchUp()
  t.same(order, [], 'the second waits for the first')
  finish()
  await Promise.all([slow, fast])
  await until(() => a.seen.length === 2 && b.seen.length === 2, 'both changes on both hubs')
  t.same(b.seen, ['slow', 'fast'])
  t.same(a.seen, ['slow', 'fast'])

  await Promise.all([a, b].flatMap((hub, at) => Array.from({ length: 40 }, (_, n) => hub.lock(`${at}-${n}`))))
  await until(() => a.names.size === 82 && b.names.size === 82, 'all 82')
  t.same(a.seen, b.seen, 'every hub applies all changes in one order')
})

t.test('E79 a change that waited for another hub is rejected if its caller was locked', async (t) => {
  const { a, b } = await twoHubs(t)
  let inside!: () => void
  let finish!: () => void
  const entered = new Promise<void>((resolve) => (inside = resolve))
  const held = new Promise<void>((resolve) => (finish = resolve))
  const lock = a.revisions.write(async (trx, change) => {
    await sql`INSERT INTO locks (name) VALUES ('ann')`.execute(trx)
    change.touch('lock', 'ann')
    inside()
    await held
  })
  await entered
  const ann = { subject: { user: 'ann' } as Subject, clientIp: '', id: 'request-1' }
  const stillMay = async () => {
    if (b.names.has('ann')) throw new Error('locked')
  }
  await stillMay()
  const change = t.rejects(b.lock('by-ann', { ...ann, stillMay }), { message: 'locked' })
  const waits = () =>
    sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted`.execute(b.database.db)
  await until(async () => (await waits()).rows[0]!.n > 0, 'it waits for the other hub')
  finish()
  await Promise.all([lock, change])
  t.notOk(b.names.has('by-ann'))
})

t.test('fault 10: a hub finds a lock by polling when the listening connections are killed', async (t) => {
  const { a, b } = await twoHubs(t)
  const kill = () =>
    sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mezhub-listen'`.execute(
      a.database.db,
    )
  for (let n = 0; n < 5; n++) {
    await kill()
    await a.lock(`while-deaf-${n}`)
    const watch = startStopwatch()
    await until(() => b.names.has(`while-deaf-${n}`), 'seen by polling')
    t.ok(watch.took() < 5_000, `${watch.took()} ms`)
  }
})

t.test('fault 7: writers that wait for another hub leave connections for readers', async (t) => {
  const { a, b } = await twoHubs(t)
  let finish!: () => void
  let inside!: () => void
  const entered = new Promise<void>((resolve) => (inside = resolve))
  const slow = a.revisions.write(async () => {
    inside()
    await new Promise<void>((resolve) => (finish = resolve))
  })
  await entered
  const waiting = Array.from({ length: 60 }, (_, n) => b.lock(`queued-${n}`))
  const watch = startStopwatch()
  for (let n = 0; n < 10; n++) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    t.ok(b.revisions.ageMs() < 4_000 + watch.lost(), 'reads go on')
  }
  finish()
  await Promise.all([slow, ...waiting])
  t.equal(b.names.size, 60)
})

t.test('an upgrade during a backup leaves running hubs alone, and ends after the backup', async (t) => {
  const config = await store.config()
  const log = keptLog()
  const [hub, next, backup] = await Promise.all([
    open(config),
    openDatabase(config, { log }),
    open(config, { ...postgresLimits, idleInTransactionMs: 0 }),
  ])
  const ended = Promise.withResolvers<void>()
  t.teardown(() => {
    ended.resolve()
    return Promise.all([hub, next, backup].map((database) => database.close()))
  })
  await hub.migrate([locks])
  const more: Migrations = {
    ...locks,
    migrations: {
      ...locks.migrations,
      '0002': { up: async (db) => void (await sql`ALTER TABLE locks ADD COLUMN note text`.execute(db)) },
    },
  }
  const begun = Promise.withResolvers<void>()
  const dumping = backup.db.transaction().execute(async (trx) => {
    await sql`LOCK TABLE locks IN ACCESS SHARE MODE`.execute(trx)
    begun.resolve()
    await ended.promise
  })
  await begun.promise
  const migrated = next.migrate([more])
  await until(async () => {
    const { rows } = await sql`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'`.execute(
      hub.db,
    )
    return rows.length > 0
  }, 'the migration waits for the table')
  await sql`SELECT * FROM locks`.execute(hub.db)
  t.pass('who comes after it waits less than the 5 s after which reads are given up')
  await until(() => /tables to migrate are in use/.test(JSON.stringify(log.lines)), 'said')
  t.match(JSON.stringify(log.lines), /"owner":"locks","inUseBy":\["mezhub \(pid \d+\)"/)
  ended.resolve()
  await Promise.all([dumping, migrated])
  t.same((await sql`SELECT note FROM locks`.execute(hub.db)).rows, [])
})

t.test('fault 34: a hub with nothing to migrate waits for a newer one that migrates', async (t) => {
  const config = await store.config()
  const [newer, older] = await Promise.all([open(config), open(config)])
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  t.teardown(() => {
    ended.resolve()
    return Promise.all([newer, older].map((database) => database.close()))
  })
  await older.migrate([locks])
  const breaking = {
    async up() {
      begun.resolve()
      await ended.promise
    },
  }
  const migrated = newer.migrate([
    { ...locks, migrations: { ...locks.migrations, '0002-breaking': breaking } },
  ])
  await begun.promise
  const refused = t.rejects(older.migrate([locks]), { code: 'MEZ_DATABASE_NEWER' })
  await until(async () => {
    const { rows } = await sql`SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'`.execute(
      newer.db,
    )
    return rows.length > 0
  }, 'it waits for its turn')
  ended.resolve()
  await Promise.all([migrated, refused])
})

t.test(
  'concurrent changes wait for each other, whatever the default isolation of the database',
  async (t) => {
    const config = await store.config()
    const url = config.driver === 'postgres' ? config.url : ''
    const first = await open(config)
    await sql`ALTER DATABASE ${sql.id(new URL(url).pathname.slice(1))}
    SET default_transaction_isolation = 'repeatable read'`.execute(first.db)
    await first.close()
    const [a, b] = await Promise.all([startHub(url), startHub(url)])
    t.teardown(() => Promise.all([a.close(), b.close()]))
    await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).lock(`at-once-${n}`)))
    await until(() => a.names.size === 40 && b.names.size === 40, 'both hubs see all')
    t.equal(a.names.size + b.names.size, 80)
  },
)

t.test('J126 a join token that two hubs spend at once admits one agent', async (t) => {
  const config = await store.config()
  const [one, two] = [await open(config), await open(config)]
  t.teardown(() => Promise.all([one.close(), two.close()]))
  await one.migrate([tunnelMigrations])
  const clock = { now: () => 1_000, monotonic: () => 0 }
  const tokensOf = ({ db }: typeof one) =>
    // As if the revisions ordered nothing: the statement itself must.
    createJoinTokens({
      db,
      revisions: {
        write: (body) => db.transaction().execute((trx) => body(trx, { audit: async () => {} } as never)),
      },
      clock,
    })
  const by = { subject: { user: 'root' } as Subject, clientIp: '', id: 'r' }
  const { token } = await tokensOf(one).create({ agentHostname: null, ttlMs: 60_000, by })
  const held = Promise.withResolvers<void>()
  const spent = Promise.withResolvers<void>()
  const first = one.db.transaction().execute(async (trx) => {
    const row = await tokensOf(one).spend(trx, token, 'node-1')
    spent.resolve()
    await held.promise
    return row
  })
  await spent.promise
  const second = two.db.transaction().execute((trx) => tokensOf(two).spend(trx, token, 'node-2'))
  const refused = t.rejects(second, { code: 'token_refused' })
  await until(async () => {
    const { rows } = await sql<{
      n: number
    }>`SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted`.execute(one.db)
    return rows[0]!.n > 0
  }, 'the second waits for the first')
  held.resolve()
  t.match(await first, { used_by: 'node-1' })
  await refused
  const rows = await anyTables(one.db).selectFrom('join_tokens').select('used_by').execute()
  t.strictSame(rows, [{ used_by: 'node-1' }])
})
