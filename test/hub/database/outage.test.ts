import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import t from 'tap'
import { postgresLimits } from '../../../core/hub/database/postgres-pool.ts'
import { changesOf, open, postgresStore, until } from './stores.ts'

const store = await postgresStore()
t.teardown(() => store.close())
const limits = { ...postgresLimits, connectMs: 1_000, answerMs: 1_500, statementMs: 1_200 }

t.test(
  'faults 5 and 6: stale 5 s after PostgreSQL is gone, writes refused in time, fresh < 2 s after it is back',
  async (t) => {
    const database = await open(await store.config(), limits)
    await database.migrate([])
    const changes = changesOf(database)
    await changes.start()
    t.teardown(async () => {
      await changes.stop()
      await database.close()
    })
    await store.server.stop()
    t.ok(changes.fresh(), 'still within the limit')
    await t.rejects(
      changes.write(async () => {}),
      { code: 'MEZ_DATABASE_UNAVAILABLE' },
    )
    await until(() => !changes.fresh(), 6_500, 'stale')
    t.ok(changes.ageMs() > 5_000)
    await store.server.start()
    const ms = await until(() => changes.fresh(), 2_000, 'fresh again')
    t.ok(ms < 2_000, `${Math.round(ms)} ms`)
    await changes.write(async () => {})
  },
)

t.test(
  'fault 6: a server that is stopped and answers nothing: stale after 5 s, and fresh again after it goes on',
  async (t) => {
    const database = await open(await store.config(), limits)
    await database.migrate([])
    const changes = changesOf(database)
    await changes.start()
    t.teardown(async () => {
      await changes.stop()
      await database.close()
    })
    const pids = await store.server.pids()
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      await until(() => !changes.fresh(), 6_500, 'stale')
      const started = performance.now()
      await t.rejects(sql`SELECT 1`.execute(database.db), { code: 'MEZ_DATABASE_UNAVAILABLE' })
      t.ok(performance.now() - started < 4_000, 'a query ends in time')
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
    await until(() => changes.fresh(), 5_000, 'fresh again')
    t.ok(changes.fresh())
  },
)

t.test('fault 8: a read-only server refuses writes with its reason and serves reads', async (t) => {
  const config = await store.config()
  const database = await open(config, limits)
  await database.migrate([])
  const changes = changesOf(database)
  await changes.start()
  t.teardown(async () => {
    await changes.stop()
    await database.close()
  })
  const admin = await open(config, limits)
  t.teardown(() => admin.close())
  const name = new URL(config.driver === 'postgres' ? config.url : '').pathname.slice(1)
  const setReadOnly = async (on: boolean) => {
    await sql`ALTER DATABASE ${sql.id(name)} SET default_transaction_read_only = ${sql.lit(on ? 'on' : 'off')}`.execute(
      admin.db,
    )
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = ${name} AND pid <> pg_backend_pid()`.execute(admin.db)
  }
  // The first connection of `admin` was made before, and stays able to write.
  await setReadOnly(true)
  await t.rejects(until(async () => changes.write(async () => {}).then(() => true), 3_000))
  await until(() => changes.fresh() && changes.ageMs() < 1_500, 3_000, 'reads')
  await t.rejects(
    changes.write(async () => {}),
    { code: '25006' },
  )
  await setReadOnly(false)
  await until(
    () =>
      changes
        .write(async () => {})
        .then(
          () => true,
          () => false,
        ),
    5_000,
    'writes again without a restart',
  )
})

t.test('a hub that was stopped for 6 s says stale at its first decision', async (t) => {
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
