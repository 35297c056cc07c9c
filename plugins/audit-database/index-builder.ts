import { type Database, type Log, messageOf } from '@mezite/core'
import { createPostgresSession } from '@mezite/core/postgres-session'
import { sql } from 'kysely'
import { searchIndexes } from './search-tables.ts'

/** The first time, a table of years is read whole. */
const LONGEST_MS = 6 * 3_600_000

type Statement = (text: string) => Promise<unknown>

/**
 * Builds the indexes that a migration left out because the table was large, on PostgreSQL (`url`) without stopping its
 * writers. Searches find the same without them, but slower. Resolves with the number of indexes it built, or null when it failed.
 */
export async function buildIndexes(database: Database, url: string | null, log: Log): Promise<number | null> {
  const missing: [name: string, table: string, columns: string][] = []
  for (const [table, indexes] of Object.entries(searchIndexes)) {
    for (const [name, columns] of Object.entries(indexes)) {
      // The partitions of a table have the indexes of the table of before.
      const { rows } = await sql<{ there: boolean }>`SELECT coalesce(
        pg_get_indexdef(to_regclass(${name})) LIKE '%, seq)%', relkind = 'p') AS there
        FROM pg_class WHERE oid = to_regclass(${table})`.execute(database)
      if (!rows[0]?.there) missing.push([name, table, columns])
    }
  }
  if (missing.length === 0) return 0
  if (url === null) {
    const run: Statement = (text) => sql.raw(text).execute(database)
    for (const each of missing) await build(run, '', ...each)
  } else {
    const session = createPostgresSession(url, LONGEST_MS)
    try {
      for (const each of missing) await build(session.statement, 'CONCURRENTLY', ...each)
    } catch (error) {
      log.warn(
        { error: messageOf(error) },
        'failed to build the indexes of the audit trail; searches are slower',
      )
      return null
    } finally {
      await session.close().catch(() => {})
    }
  }
  log.info({ indexes: missing.map(([name]) => name) }, 'built the indexes of the audit trail')
  return missing.length
}

/** What an attempt that was interrupted left is not valid, and goes first. */
async function build(run: Statement, concurrently: string, name: string, table: string, columns: string) {
  await run(`DROP INDEX ${concurrently} IF EXISTS ${name}_next`)
  await run(`CREATE INDEX ${concurrently} ${name}_next ON ${table} ${columns}`)
  await run(`DROP INDEX ${concurrently} IF EXISTS ${name}`)
  await run(`ALTER INDEX ${name}_next RENAME TO ${name}`)
}
