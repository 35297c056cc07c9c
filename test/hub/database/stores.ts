import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DatabaseConfig, type OpenDatabase, openDatabase } from '../../../core/hub/database/database.ts'
import { postgresLimits } from '../../../core/hub/database/postgres-pool.ts'
import { createRevisions, type RevisionsOptions } from '../../../core/hub/revisions/revisions.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import { startPostgres, type TestPostgres } from '../../../core/testing/postgres.ts'

/** A log that keeps its lines. */
export function keptLog(lines: unknown[][] = []): Log & { lines: unknown[][] } {
  const keep = (...line: unknown[]) => void lines.push(line)
  return { lines, debug: keep, info: keep, warn: keep, error: keep, child: () => keptLog(lines) }
}

/** One kind of database to run the same tests on. */
export interface Store {
  readonly name: 'PGlite' | 'PostgreSQL'
  /** Where a fresh, empty database can be opened. */
  config(): Promise<DatabaseConfig>
  close(): Promise<void>
}

export async function pgliteStore(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'mezite-store-'))
  let made = 0
  return {
    name: 'PGlite',
    config: async () => ({ driver: 'embedded', dataDir: join(folder, String(++made)) }),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

export async function postgresStore(): Promise<Store & { server: TestPostgres }> {
  const server = await startPostgres()
  return {
    name: 'PostgreSQL',
    server,
    config: async () => ({ driver: 'postgres', url: await server.createDatabase() }),
    close: () => server.close(),
  }
}

export function open(config: DatabaseConfig, limits = postgresLimits): Promise<OpenDatabase> {
  return openDatabase(config, { log: keptLog(), limits })
}

/** Changes of one hub that audits nowhere. */
export function changesOf(database: OpenDatabase, options: Partial<RevisionsOptions> = {}) {
  return createRevisions({
    ...database,
    clock: systemClock,
    log: keptLog(),
    audit: () => ({ recordIn: async () => {}, committed() {} }),
    ...options,
  })
}
