import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database, Migrations } from '@mezite/core'
import { createTestAgent, createTestHub, freePort, startPostgres } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { stringify } from 'yaml'
import { openDatabase } from '../../../core/state/database/database.ts'
import { memoryLog } from '../../../core/testing/memory-log.ts'
import { comparedMigrations, rehearse } from '../../../plugins/backup/database/rehearsal.ts'
import { commands } from '../../../plugins/backup/program.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { pgliteStore } from '../../state/database/stores.ts'
import { until } from '../../until.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-upgrade-test-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

async function check(file: string) {
  let out = ''
  const print = (text: string) => {
    out += text
  }
  const error = await commands.upgrade!.run(['--check', '--config', file], print).catch((error) => error)
  return { out, error: error as { code?: string } | undefined }
}

const notes = (names: readonly string[]): Migrations => ({
  owner: 'notes',
  migrations: Object.fromEntries(
    Object.entries({
      '0001-notes': {
        up: async (db: Database) => {
          await sql`CREATE TABLE notes_lines (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text)`.execute(
            db,
          )
        },
      },
      '0002-column': {
        up: async (db: Database) => {
          await sql`ALTER TABLE notes_lines ADD COLUMN author text`.execute(db)
        },
      },
      '0003-index': {
        up: async (db: Database) => {
          await sql`CREATE INDEX notes_by_text ON notes_lines (text, author)`.execute(db)
        },
      },
      '0004-broken': { up: async (db: Database) => void (await sql`SELECT * FROM nowhere`.execute(db)) },
      '0005-table': {
        up: async (db: Database) => {
          await sql`CREATE TABLE notes_more (id bigint PRIMARY KEY)`.execute(db)
        },
      },
    }).filter(([name]) => names.includes(name)),
  ),
})

for (const open of [pgliteStore, postgresStore])
  t.test(`migrations are tried on copies of rows, and nothing is left (${open.name})`, async (t) => {
    const store = await open()
    t.teardown(() => store.close())
    const { db, migrate, close } = await openDatabase(await store.config(), { log: memoryLog().log })
    t.teardown(close)
    await migrate([notes(['0001-notes'])])
    await sql`INSERT INTO notes_lines (text) SELECT md5(n::text) FROM generate_series(1, 50000) n`.execute(db)
    await sql`ANALYZE`.execute(db)
    const all = ['0001-notes', '0002-column', '0003-index', '0004-broken', '0005-table']
    const { pending, newer } = await comparedMigrations(db, [notes(all)])
    t.strictSame(newer, [])
    const tried = await rehearse(db, pending)
    t.match(tried, [
      { name: '0002-column', rows: 0, problem: null },
      { name: '0003-index', rows: 50_000, problem: null },
      { name: '0004-broken', ms: null, problem: /nowhere/ },
      { name: '0005-table', rows: 0, problem: null },
    ])
    const { rows } = await sql`SELECT c.relname FROM pg_class c
      WHERE c.relname IN ('notes_more', 'notes_by_text') OR c.relnamespace = pg_my_temp_schema()`.execute(db)
    t.strictSame(rows, [], 'nothing is left')
    t.match((await sql`SELECT * FROM notes_lines LIMIT 1`.execute(db)).rows, [{ author: undefined }])
    const began = performance.now()
    await migrate([notes(all.filter((name) => name !== '0004-broken'))])
    t.comment(`the index: about ${tried[1]?.ms} ms; all in truth ${Math.round(performance.now() - began)} ms`)
    t.strictSame((await comparedMigrations(db, [notes(['0001-notes'])])).newer, [
      'notes/0002-column',
      'notes/0003-index',
      'notes/0005-table',
    ])
  })

t.test('upgrade --check says what a version changes while the hubs run, and changes nothing', async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.close())
  const url = await postgres.createDatabase()
  const port = await freePort()
  const config = {
    data_dir: join(dir, 'data'),
    database: { driver: 'postgres', url },
    proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
  }
  const file = join(dir, 'mezhub.yaml')
  const write = (more: object) => writeFileSync(file, stringify({ ...config, ...more }), { mode: 0o600 })
  write({})
  t.match(await check(file), { out: /no hub has used this database yet/, error: undefined })
  const hub = await createTestHub({ config })
  t.teardown(() => hub.stop())
  const agent = await createTestAgent(hub, { hostname: 'node-1' })
  t.teardown(() => agent.stop())
  await until(
    async () => (await hub.api<{ connected: boolean }>('GET', '/agents/node-1')).connected,
    'the agent is connected',
  )
  const same = await check(file)
  t.match(same, { error: undefined })
  t.match(same.out, /^Configuration: valid; all \d+ plugins fit this version\.$/m)
  t.match(same.out, /^Migrations: none\.$/m)
  t.match(same.out, /^Agents: 1, of which 1 are connected\.$/m)
  t.match(same.out, /^Nothing prevents the upgrade\.$/m)

  const { db, close } = await openDatabase({ driver: 'postgres', url }, { log: memoryLog().log })
  t.teardown(close)
  // As the version before these migrations has left the database.
  await sql`DROP TABLE notifications, notifications_attention, notifications_migrations`.execute(db)
  const before = await sql`SELECT relname, relfilenode FROM pg_class ORDER BY oid`.execute(db)
  const older = await check(file)
  t.match(older, { error: undefined })
  t.match(
    older.out,
    /^Migrations: 1, about \d+ ms in all, tried on a copy of some rows:\n {2}notifications\/0001-notifications: about \d+ ms$/m,
  )
  t.match(older.out, /^Hubs of the version before may run beside this one/m)
  t.strictSame(
    (await sql`SELECT relname, relfilenode FROM pg_class ORDER BY oid`.execute(db)).rows,
    before.rows,
  )

  await sql`INSERT INTO core_tunnel_migrations (name, timestamp) VALUES ('9999-later', ''), ('9999-new-breaking', '')`.execute(
    db,
  )
  const newer = await check(file)
  t.match(newer, { error: { code: 'MEZ_UPGRADE_BLOCKED' } })
  t.match(
    newer.out,
    /^Migrations of a newer version have run: core-tunnel\/9999-later, .*This version does not start\.$/m,
  )

  write({ proxy: { ...config.proxy, listen_address: 'x' } })
  t.match(await check(file), {
    out: /^Configuration: the configuration is not valid\n.*listen_address: unknown key/m,
    error: { code: 'MEZ_UPGRADE_BLOCKED' },
  })
  const wrong = commands.upgrade!.run(['--config', file], () => {})
  await t.rejects(wrong, { code: 'MEZ_USAGE_WRONG', message: /needs --check/ })
})
