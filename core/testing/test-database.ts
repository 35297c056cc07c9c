import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { seedDatabase } from '../program/dev/database-seed.ts'
import type { DatabaseConfig } from '../state/database/database.ts'

/** A database that no other test uses. */
export interface TestDatabase {
  readonly config: DatabaseConfig
  /** Of the PostgreSQL database; null: it is embedded. */
  readonly url: string | null
  /** Deletes it; connections that are still open break. The embedded one is deleted with its folder. */
  drop(): Promise<void>
}

/**
 * Creates a database for one hub: a copy of the migrated PostgreSQL database whose URL is in `MEZITE_TEST_POSTGRES`, or an
 * embedded one in `dataDir` if the variable is not set. The copy takes a twentieth of the processor time that the embedded
 * database takes to start.
 */
export async function createTestDatabase(dataDir: string): Promise<TestDatabase> {
  const copy = await createPostgresDatabase()
  if (copy !== null) return { ...copy, config: { driver: 'postgres', url: copy.url } }
  await seedDatabase(dataDir)
  return { config: { driver: 'embedded', dataDir }, url: null, drop: async () => {} }
}

/** A copy of the database in `MEZITE_TEST_POSTGRES`, or an empty one on its server; null if the variable is not set. */
export async function createPostgresDatabase(
  content: 'migrated' | 'empty' = 'migrated',
): Promise<{ url: string; drop(): Promise<void> } | null> {
  const template = process.env.MEZITE_TEST_POSTGRES
  if (template === undefined) return null
  const original = decodeURIComponent(new URL(template).pathname.slice(1))
  const name = `test_${randomBytes(8).toString('hex')}`
  // A copy of the files takes half the processor time of a copy that is logged.
  const from = content === 'empty' ? '' : ` TEMPLATE ${pg.escapeIdentifier(original)} STRATEGY FILE_COPY`
  await runBeside(template, `CREATE DATABASE ${name}${from}`)
  return {
    url: siblingOf(template, name),
    drop: () => runBeside(template, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

/** Runs a statement in another database, because one that has connections cannot be copied. */
async function runBeside(template: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: siblingOf(template, 'postgres') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

const siblingOf = (url: string, name: string): string => Object.assign(new URL(url), { pathname: name }).href
