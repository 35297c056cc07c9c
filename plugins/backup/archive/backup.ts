import type { Database, Migrations } from '@mezite/core'
import { readDatabase } from '../database/read-rows.ts'
import { listFilled, listMigrations, listOwners } from '../database/tables.ts'
import { writeArchive } from './write-archive.ts'

export interface BackupSource {
  readonly database: Database
  readonly migrations: readonly Migrations[]
  readonly cluster: string
  readonly version: string
  readonly encryptionKey: Buffer
  /** Whether a hub is using the embedded database, whose one connection a long snapshot would hold. */
  readonly shared: boolean
}

const listed = (owners: readonly Migrations[], of: 'transient' | 'appendOnly') =>
  new Set(owners.flatMap((owner) => owner[of] ?? []))

/** Writes a backup to a file; see `writeArchive`. Resolves to the number of rows in it. */
export async function takeBackup(
  source: BackupSource,
  file: string,
  recipients: readonly string[],
  read: (table: string, rows: number) => void = () => {},
): Promise<number> {
  const { database, migrations, cluster, version, encryptionKey, shared } = source
  const without = listed(migrations, 'transient')
  const head = {
    mezite: 'backup',
    format: 2,
    time: new Date().toISOString(),
    cluster,
    version,
    encryption_key: encryptionKey.toString('base64'),
    migrations: await listMigrations(database, await listOwners(database)),
    tables: await listFilled(database, without),
    left_out: [...without].sort(),
  } as const
  const parts = readDatabase({
    database,
    without,
    ...(shared && { appendOnly: listed(migrations, 'appendOnly') }),
  })
  const rows = await writeArchive(file, head, parts, recipients, read)
  return Object.values(rows).reduce((sum, count) => sum + count, 0)
}
