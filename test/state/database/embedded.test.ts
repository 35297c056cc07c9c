// long
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import t from 'tap'
import { emptyDatabase, seedDatabase } from '../../../core/program/dev/database-seed.ts'
import { createEmbeddedClient, prepareEngine } from '../../../core/state/database/embedded-client.ts'
import { prepareFolder } from '../../../core/state/database/embedded-folder.ts'
import { packEmptyDatabase } from '../../../core/state/database/empty-database.ts'
import { createTestHub, freePort } from '../../../core/testing/index.ts'
import { until } from '../../until.ts'
import { keptLog, open } from './stores.ts'

const HUB_PACKAGE = fileURLToPath(new URL('../../../core/mezhub', import.meta.url))

async function folderFor(t: { teardown(end: () => unknown): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mezite-embedded-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const dataDir = join(folder, 'data')
  await seedDatabase(dataDir, 'empty')
  return dataDir
}

function startWriter(dataDir: string) {
  const script = fileURLToPath(new URL('./embedded-writer.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=mezite-source', script], {
    env: { ...process.env, TEST_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return { child, lines: createInterface({ input: child.stdout }) }
}

t.test('a data directory serves one hub, and a second one learns who holds it', async (t) => {
  const dataDir = await folderFor(t)
  const first = await open({ driver: 'embedded', dataDir })
  await t.rejects(open({ driver: 'embedded', dataDir }), {
    code: 'MEZ_DATABASE_LOCKED',
    message: `the data directory ${dataDir} is in use by the process with pid ${process.pid}`,
  })
  await sql`SELECT 1`.execute(first.db)
  await first.close()
  await first.close()
  const again = await open({ driver: 'embedded', dataDir })
  await again.close()
})

t.test('a data directory that cannot be created is reported with the next step', async (t) => {
  await t.rejects(createTestHub({ config: { data_dir: '/dev/null/data' } }), {
    code: 'MEZ_DATA_DIR_UNWRITABLE',
    message: /^the data directory \/dev\/null\/data cannot be used: ENOTDIR/,
    hint: /Give the directory to the user/,
  })
})

t.test('acknowledged writes survive kill -9, and the lock is released', async (t) => {
  const dataDir = await folderFor(t)
  let acknowledged = 0
  for (let round = 0; round < 2; round++) {
    const { child, lines } = startWriter(dataDir)
    t.teardown(() => child.kill('SIGKILL'))
    const started = acknowledged
    for await (const line of lines) {
      acknowledged = Number(line)
      if (round === 0 && acknowledged === started + 1) {
        await t.rejects(open({ driver: 'embedded', dataDir }), {
          code: 'MEZ_DATABASE_LOCKED',
          message: new RegExp(`pid ${child.pid}$`),
        })
      }
      if (acknowledged >= started + 50) break
    }
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const database = await open({ driver: 'embedded', dataDir })
    const { rows } = await sql<{ n: number; half: number }>`SELECT count(*) AS n,
      (SELECT count(*) FROM written_twice) AS half FROM written`.execute(database.db)
    t.ok((rows[0]?.n ?? 0) >= acknowledged, `${acknowledged} acknowledged, ${rows[0]?.n} there`)
    t.equal(rows[0]?.n, rows[0]?.half, 'no transaction by halves')
    acknowledged = rows[0]?.n ?? 0
    await database.close()
  }
})

t.test(
  'a transaction under way when the worker is lost fails as a whole, and the database goes on',
  async (t) => {
    const folder = join(await folderFor(t), 'database')
    const client = createEmbeddedClient({ folder, log: keptLog(), queryMs: 4_000 })
    t.teardown(() => client.close())
    await client.query('CREATE TABLE kept (x integer)')
    await client.query('INSERT INTO kept VALUES (1)')
    const dying = client.transaction(async (trx) => {
      await trx.query('INSERT INTO kept VALUES (2)')
      await trx
        .query('SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) endless')
        .catch(() => {})
      await trx.query('INSERT INTO kept VALUES (3)')
    })
    await t.rejects(dying, { code: 'MEZ_DATABASE_UNAVAILABLE' })
    t.same((await client.query('SELECT x FROM kept')).rows, [{ x: 1 }])
  },
)

t.test('a statement that never ends loses its worker, not the hub', async (t) => {
  const folder = join(await folderFor(t), 'database')
  const log = keptLog()
  const client = createEmbeddedClient({ folder, log, queryMs: 4_000 })
  t.teardown(() => client.close())
  await client.query('SELECT 1')
  await t.rejects(client.query('SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) endless'), {
    code: 'MEZ_DATABASE_UNAVAILABLE',
  })
  t.match(JSON.stringify(log.lines), /embedded database has stopped/)
  t.same((await client.query('SELECT 1 AS x')).rows, [{ x: 1 }])
})

t.test(
  'a worker that was started before its database serves the first one that is opened, and no other',
  async (t) => {
    const [folder, other] = [join(await folderFor(t), 'database'), join(await folderFor(t), 'database')]
    prepareEngine()
    const [first, second] = [folder, other].map((one) =>
      createEmbeddedClient({ folder: one, log: keptLog() }),
    )
    t.teardown(() => Promise.all([first?.close(), second?.close()]))
    await first!.query('CREATE TABLE kept AS SELECT 1 AS x')
    await second!.query('CREATE TABLE kept AS SELECT 2 AS x')
    t.same((await first!.query('SELECT x FROM kept')).rows, [{ x: 1 }])
    t.same((await second!.query('SELECT x FROM kept')).rows, [{ x: 2 }])
  },
)

t.test('a worker that waits for a database keeps no program from ending', (t) => {
  const client = new URL('../../../core/state/database/embedded-client.ts', import.meta.url)
  const program = `import { prepareEngine } from ${JSON.stringify(client.href)}\nprepareEngine()`
  const args = ['--conditions=mezite-source', '--input-type=module', '--eval', program]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  t.equal(status, 0, stderr)
  t.end()
})

t.test('queries that arrive while the database closes are rejected as such', async (t) => {
  const folder = join(await folderFor(t), 'database')
  const client = createEmbeddedClient({ folder, log: keptLog() })
  await client.query('CREATE TABLE kept (x int)')
  let closing: Promise<void> | undefined
  const late = client.transaction(async (trx) => {
    closing = client.close()
    await trx.query('INSERT INTO kept VALUES (1)')
  })
  await t.rejects(late, { code: 'MEZ_DATABASE_UNAVAILABLE' })
  await closing
})

t.test(
  'a fresh hub starts within 450 MB and is idle below 300 MB, and only its user can read the database',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'mezite-idle-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    // As a build writes it.
    await packEmptyDatabase(await emptyDatabase(), join(HUB_PACKAGE, 'dist'))
    const config = {
      data_dir: 'data',
      proxy: {
        listen_addr: `127.0.0.1:${await freePort()}`,
        public_addr: 'hub.mezite.localhost',
        apps_domain: 'apps.mezite.localhost',
      },
      diagnostics: { listen_addr: '127.0.0.1:0' },
    }
    const file = join(folder, 'mezhub.yaml')
    await writeFile(file, JSON.stringify(config), { mode: 0o600 })
    const program = fileURLToPath(new URL('../../../core/mezhub.js', import.meta.url))
    const hub = spawn(process.execPath, ['--conditions=mezite-source', program, 'start', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    t.teardown(() => hub.kill('SIGKILL'))
    const processes = new Set<number>()
    let together = 0
    const look = setInterval(() => {
      const all = [hub.pid!, ...childrenOf(hub.pid!)]
      for (const pid of all) processes.add(pid)
      together = Math.max(
        together,
        all.reduce((sum, pid) => sum + proportionalMb(pid), 0),
      )
    }, 100)
    t.teardown(() => clearInterval(look))
    for await (const line of createInterface({ input: hub.stderr })) if (line.includes('ready at')) break
    await until(() => memoryMb(hub.pid!, 'VmRSS') < 300, 'little memory', 30_000)
    clearInterval(look)
    const peak = memoryMb(hub.pid!, 'VmHWM')
    t.ok(peak < 450, `${peak} MB at most, ${memoryMb(hub.pid!, 'VmRSS')} MB now`)
    t.equal(processes.size, 1, 'it starts no process')
    t.ok(together < 450, `${together} MB at most with what it starts`)
    t.equal((await stat(join(folder, 'data'))).mode & 0o777, 0o700)
    const database = join(folder, 'data', 'database')
    const readable: string[] = []
    for (const entry of await readdir(database, { recursive: true, withFileTypes: true })) {
      // A cache of the catalog, without data, which PGlite creates again with a mode of its own.
      if (entry.name === 'pg_internal.init') continue
      const path = join(entry.parentPath, entry.name)
      if (((await stat(path)).mode & 0o077) !== 0) readable.push(path)
    }
    t.strictSame(readable, [])
  },
)

t.test('without an empty database for its version of PGlite, initdb makes one', async (t) => {
  const folder = join(t.testdir(), 'database')
  await prepareFolder(folder, null)
  const client = createEmbeddedClient({ folder, log: keptLog() })
  t.teardown(() => client.close())
  t.same((await client.query('SELECT 1 AS x')).rows, [{ x: 1 }])
})

t.test('of a packed database that is cut off, no database remains', async (t) => {
  const dir = t.testdir()
  await packEmptyDatabase(await emptyDatabase(), dir)
  const file = join(dir, (await readdir(dir))[0] ?? '')
  const { version } = JSON.parse(
    await readFile(
      join(dirname(fileURLToPath(import.meta.resolve('@electric-sql/pglite'))), '../package.json'),
      'utf8',
    ),
  )
  t.equal(file, join(dir, `empty-database-${version}.zst`), 'another version finds none')
  await truncate(file, 1_000_000)
  await t.rejects(prepareFolder(join(dir, 'database'), file), {
    code: 'MEZ_DATABASE_UNAVAILABLE',
    message: /^the embedded database cannot be created: /,
  })
  t.strictSame((await readdir(dir)).includes('database'), false)
})

t.test('files that an older version left readable become private', async (t) => {
  const dataDir = await folderFor(t)
  const file = join(dataDir, 'database', 'PG_VERSION')
  await chmod(file, 0o644)
  await (await open({ driver: 'embedded', dataDir })).close()
  t.equal((await stat(file)).mode & 0o777, 0o600)
})

/** Processes that this one has started and that run. */
function childrenOf(pid: number): readonly number[] {
  const text = readOrNothing(`/proc/${pid}/task/${pid}/children`)
  return text.split(' ').filter(Boolean).map(Number)
}

/** Memory of a process in MB, with its share of what several have in common; 0 once it has ended. */
function proportionalMb(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readOrNothing(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1_000
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Resident memory of a process in MB, now or at most. */
function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1_000
}
