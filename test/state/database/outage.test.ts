// long
import { execFile, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import t from 'tap'
import { type OpenDatabase, openDatabase } from '../../../core/state/database/database.ts'
import { postgresLimits } from '../../../core/state/database/postgres-pool.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { loseCommits } from './lose-commits.ts'
import { ownPostgresStore } from './postgres-stores.ts'
import { changesOf, keptLog, open } from './stores.ts'

const store = await ownPostgresStore()
t.teardown(() => store.close())
const limits = { ...postgresLimits, connectMs: 1_000, responseMs: 1_500, statementMs: 1_200 }

t.test(
  'fault 6: a stopped server makes the view stale after 5 s, and fresh again after it continues',
  async (t) => {
    let failed = 0
    const database = await openDatabase(await store.config(), {
      log: keptLog(),
      limits,
      onQuery: (_ms, hasFailed) => {
        if (hasFailed) failed += 1
      },
    })
    await database.migrate([])
    const revisions = changesOf(database)
    await revisions.start()
    t.teardown(async () => {
      await revisions.stop()
      await database.close()
    })
    const pids = await store.server.pids()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      await until(() => !revisions.fresh(), 'stale')
      const watch = startStopwatch()
      const before = failed
      await t.rejects(sql`SELECT 1`.execute(database.db), { code: 'MEZ_DATABASE_UNAVAILABLE' })
      t.ok(watch.took() < 10_000, 'a query ends in time')
      t.ok(failed > before, 'a query that gets no connection counts as failed')
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    await until(() => revisions.fresh(), 'fresh again')
    t.ok(revisions.fresh())
  },
)

t.test('fault 6: a standby answers every query, and its answers never count as fresh', async (t) => {
  const database = await open(await store.config(), limits)
  await database.migrate([])
  const lines: unknown[][] = []
  const revisions = changesOf(database, { log: keptLog(lines) })
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await database.close()
  })
  const { rows } = await sql<{ data_directory: string }>`SHOW data_directory`.execute(database.db)
  const signal = join(rows[0]!.data_directory, 'standby.signal')
  await store.server.stop()
  writeFileSync(signal, '')
  await store.server.start()
  try {
    await until(() => !revisions.fresh(), 'stale')
    await t.rejects(revisions.catchUp(), { code: 'MEZ_DATABASE_UNAVAILABLE', message: /is a standby/ })
    await t.rejects(sql`SELECT 1`.execute(database.db), { message: /is a standby/ })
    t.match(JSON.stringify(lines), /access data cannot be read/)
    t.notOk(revisions.fresh())
  } finally {
    await store.server.stop()
    rmSync(signal)
    await store.server.start()
  }
  await until(() => revisions.fresh(), 'fresh again')
  await sql`SELECT 1`.execute(database.db)
})

/** What the server says of itself, where `public` is searched before the catalog. */
function lead({ db }: OpenDatabase, standby: boolean) {
  return sql`CREATE OR REPLACE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql
    AS ${sql.lit(`SELECT ${standby}`)}`.execute(db)
}

t.test('fault 6: a pooler that leads to a standby never makes the view fresh', async (t) => {
  const config = await store.config()
  const database = await open(config)
  await database.migrate([])
  const name = new URL(config.driver === 'postgres' ? config.url : '').pathname.slice(1)
  await lead(database, false)
  await sql`ALTER DATABASE ${sql.id(name)} SET search_path = public, pg_catalog`.execute(database.db)
  await database.close()

  const pooled = await open(config)
  const revisions = changesOf(pooled)
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await pooled.close()
  })
  await lead(pooled, true)
  await t.rejects(revisions.catchUp(), { code: 'MEZ_DATABASE_UNAVAILABLE', message: /is a standby/ })
  await until(() => !revisions.fresh(), 'stale')
  await lead(pooled, false)
  await until(() => revisions.fresh(), 'fresh again')
})

t.test('changes are read while every other connection is taken and 400 queries wait', async (t) => {
  const database = await open(await store.config())
  await database.migrate([])
  const revisions = changesOf(database)
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await database.close()
  })
  let ended = 0
  const slow = Array.from({ length: postgresLimits.connections + 400 }, () =>
    sql`SELECT pg_sleep(6.5)`
      .execute(database.db)
      .catch(() => {})
      .finally(() => {
        ended += 1
      }),
  )
  await until(() => database.connections().used === postgresLimits.connections, 'nothing else is free')
  // Waiting for a connection ends after 5 s, so this is the fullest that it gets.
  let oldest = 0
  let reads = 0
  while (ended === 0 && reads < 20) {
    const watch = startStopwatch()
    await revisions.catchUp()
    reads += 1
    await new Promise((resolve) => setTimeout(resolve, 50))
    oldest = Math.max(oldest, revisions.ageMs() - watch.lost())
  }
  t.ok(reads > 1, `${reads} reads`)
  t.ok(oldest < 4_500, `fresh, since at most ${Math.round(oldest)} ms old`)
  await Promise.all(slow)
})

t.test('a hub that was stopped for 6 s is stale at its first decision', async (t) => {
  const config = await store.config()
  const url = config.driver === 'postgres' ? config.url : ''
  const database = await open(config)
  await database.migrate([])
  await database.close()
  const script = fileURLToPath(new URL('./stopped-hub.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=mezite-source', script], {
    env: { ...process.env, TEST_DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  t.equal((await lines.next()).value, 'fresh')
  child.kill('SIGSTOP')
  await promisify(execFile)('sleep', ['6'])
  child.kill('SIGCONT')
  t.equal((await lines.next()).value, 'first decision after a gap: stale')
  t.equal((await lines.next()).value, 'fresh again')
})

t.test('a change whose COMMIT got no response counts if it was made', async (t) => {
  const config = await store.config()
  const way = await loseCommits(config.driver === 'postgres' ? config.url : '')
  const database = await open({ driver: 'postgres', url: way.url })
  await database.migrate([])
  let told = 0
  const audit = { recordIn: async () => {}, committed: () => void told++ }
  const revisions = changesOf(database, { audit })
  const seen: string[] = []
  revisions.onApplied((touched) => seen.push(...(touched?.get('lock') ?? [])))
  await revisions.start()
  t.teardown(async () => {
    await revisions.stop()
    await database.close()
    way.close()
  })
  const lock = (name: string) =>
    revisions.write(async (_trx, change) => {
      change.touch('lock', name)
      return name
    })
  way.arm('insert into "change_log"')
  t.equal(await lock('made'), 'made')
  t.equal(told, 1, 'sinks outside the database hear of it')
  way.arm('insert into "change_log"', { arrives: false })
  await t.rejects(lock('not made'), { code: 'MEZ_DATABASE_UNAVAILABLE' })
  t.equal(await lock('next'), 'next')
  t.equal(told, 2)
  t.same(seen, ['made', 'next'])
})
