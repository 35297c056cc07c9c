import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { migrations as migrationsRef } from '../api/database.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { seedDatabase } from '../program/dev/database-seed.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

const NAME = /^\d{4}-[a-z0-9]+(-[a-z0-9]+)*$/
/** Statements that a hub of the version before would notice. */
const BREAKS = [
  /^(drop|truncate|delete) /i,
  /^alter table \S+ (rename|drop|alter) /i,
  /\badd column (?=.*\bnot null\b)(?!.*\bdefault\b)/i,
]

/**
 * Checks the migrations of a plugin on an empty embedded database: they run in the order of their names, what they create
 * carries the name of the plugin, and each after the first only adds, unless its name ends in `-breaking`.
 */
export function conformMigrations(t: ConformTest, plugin: AnyPlugin, host: TestHostOptions = {}): void {
  const owned = () => createTestHost(plugin, host).slot(migrationsRef)
  const prefix = plugin.name.replaceAll('-', '_')
  let ran: ReturnType<typeof runAll> | undefined
  const result = () => {
    ran ??= runAll(owned().flatMap(({ migrations }) => Object.entries(migrations)))
    return ran
  }

  t.test('they belong to the plugin, and their names give the order', async (t) => {
    t.ok(owned().length > 0, 'it provides migrations')
    for (const { migrations } of owned())
      for (const name of Object.keys(migrations)) t.ok(NAME.test(name), `'${name}' is like 0001-tables`)
  })

  t.test('they run on an empty database', async (t) => {
    const { failed } = await result()
    t.ok(failed === null, failed ?? 'all of them')
  })

  t.test('tables that they create have the name of the plugin', async (t) => {
    const { created } = await result()
    const foreign = created.filter((name) => name !== prefix && !name.startsWith(`${prefix}_`))
    t.ok(foreign.length === 0, foreign.join(', ') || `each begins with ${prefix}_`)
  })

  t.test('a later migration only adds, so that a hub of the version before can run beside it', async (t) => {
    const { statements } = await result()
    for (const [name, texts] of [...statements].slice(1)) {
      const breaking = texts.filter((text) => BREAKS.some((pattern) => pattern.test(text)))
      t.ok(
        breaking.length === 0 || name.endsWith('-breaking'),
        `'${name}': ${breaking.join('; ') || 'it adds'}`,
      )
    }
  })
}

type Named = readonly (readonly [string, { up(db: never): Promise<unknown> }])[]

/** The database of all suites of a process, which takes seconds to start; each run has a schema of its own. */
let database: Promise<PGlite> | undefined
let closing: NodeJS.Timeout | undefined
const IDLE_MS = 300
let runs = 0

async function openDatabase(): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite')
  const dir = mkdtempSync(join(tmpdir(), 'mezite-migrations-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  await seedDatabase(dir, 'empty')
  return PGlite.create(join(dir, 'database'))
}

async function runAll(all: Named) {
  // Loaded here, because most of this package needs no database.
  const { Kysely, PGliteDialect } = await import('kysely')
  clearTimeout(closing)
  database ??= openDatabase()
  const pglite = await database
  runs += 1
  const schema = `run_${runs}`
  await pglite.exec(`CREATE SCHEMA ${schema}; SET search_path TO ${schema}`)
  const statements = new Map<string, string[]>()
  let current: string[] = []
  const log = ({ query }: { query: { sql: string } }) =>
    void current.push(query.sql.replaceAll(/\s+/g, ' ').replaceAll('"', '').trim())
  const db = new Kysely<unknown>({ dialect: new PGliteDialect({ pglite }), log })
  let failed: string | null = null
  for (const [name, { up }] of all.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    current = []
    statements.set(name, current)
    try {
      await up(db as never)
    } catch (error) {
      failed = `'${name}' failed: ${messageOf(error)}`
      break
    }
  }
  const { rows } = await pglite.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = $1 AND relkind IN ('r', 'v', 'm', 'S', 'i', 'p')`,
    [schema],
  )
  // An open database keeps the process for ten seconds.
  closing = setTimeout(() => {
    database = undefined
    void pglite.close()
  }, IDLE_MS)
  return { failed, statements, created: rows.map(({ name }) => name) }
}
