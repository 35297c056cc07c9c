import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Migrations } from '../../../core/api/database.ts'
import { type Clock, systemClock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import { seedDatabase } from '../../../core/program/dev/database-seed.ts'
import type { RunningAudit } from '../../../core/state/audit/audit.ts'
import {
  type DatabaseConfig,
  type OpenDatabase,
  openDatabase,
} from '../../../core/state/database/database.ts'
import { postgresLimits } from '../../../core/state/database/postgres-pool.ts'
import { createRevisions, type RevisionsLimits } from '../../../core/state/revisions/revisions.ts'
import { createTestDatabase } from '../../../core/testing/test-database.ts'
import { partly } from '../../hub/partly.ts'
import { memoryFolder } from '../../memory-folder.ts'

/** A log that keeps its lines. */
export function keptLog(lines: unknown[][] = []): Log & { lines: unknown[][] } {
  const keep = (...line: unknown[]) => void lines.push(line)
  return { lines, debug: keep, info: keep, warn: keep, error: keep, child: () => keptLog(lines) }
}

type DatabaseContent = Parameters<typeof seedDatabase>[1]

/** One kind of database to run the same tests on. */
export interface Store {
  readonly name: 'PGlite' | 'PostgreSQL'
  /** Where a fresh database can be opened: an empty one, or one whose migrations have run, if `npm test` has made one. */
  config(content?: DatabaseContent): Promise<DatabaseConfig>
  close(): Promise<void>
}

export async function pgliteStore(): Promise<Store> {
  const folder = await mkdtemp(join(memoryFolder(), 'mezite-store-'))
  let made = 0
  return {
    name: 'PGlite',
    async config(content = 'empty') {
      const dataDir = join(folder, String(++made))
      await seedDatabase(dataDir, content)
      return { driver: 'embedded', dataDir }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

export function open(config: DatabaseConfig, limits = postgresLimits): Promise<OpenDatabase> {
  return openDatabase(config, { log: keptLog(), limits })
}

/** For tests of other things, on a machine that is busy with other work. */
export const PATIENT = {
  ...postgresLimits,
  ...{
    connectMs: 30_000,
    statementMs: 60_000,
    responseMs: 70_000,
    idleInTransactionMs: 60_000,
    lockMs: 30_000,
  },
}

/** A database with these tables, for tests that do not depend on its kind; `close` removes it. */
export async function openTestDatabase(
  migrations: readonly Migrations[],
  log: Log = keptLog(),
): Promise<OpenDatabase & { readonly dataDir: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'mezite-database-'))
  const { config, drop } = await createTestDatabase(dataDir)
  const database = await openDatabase(config, { log, limits: PATIENT })
  await database.migrate(migrations)
  return {
    ...database,
    dataDir,
    async close() {
      await database.close()
      await drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** What changes need of the audit room. */
export type ChangeAudit = Pick<RunningAudit, 'recordIn' | 'committed'>

/** Changes of one hub that audits nowhere by default. */
export function changesOf(
  store: Pick<OpenDatabase, 'db' | 'reserved' | 'dialect' | 'listen' | 'notify'>,
  options: RevisionsLimits & {
    readonly audit?: ChangeAudit
    readonly olderHubs?: boolean
    readonly clock?: Clock
    readonly log?: Log
  } = {},
) {
  const { audit = { recordIn: async () => {}, committed() {} }, olderHubs = false } = options
  const { clock = systemClock, log = keptLog() } = options
  return createRevisions(partly({ store, audit, registry: { olderHubs }, clock, log }), options)
}
