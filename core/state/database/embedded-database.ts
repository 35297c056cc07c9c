import { join } from 'node:path'
import { Kysely } from 'kysely'
import type { Database } from '../../api/database.ts'
import { lockDataDir } from './data-dir.ts'
import type { OpenDatabase, OpenOptions } from './database.ts'
import { createEmbeddedClient } from './embedded-client.ts'
import { EmbeddedDialect } from './embedded-dialect.ts'
import { prepareFolder } from './embedded-folder.ts'
import { databaseMigrations } from './migrations.ts'
import { runMigrations } from './migrator.ts'
import { COPYING_MS } from './patience.ts'
import { loggingTo } from './query-observer.ts'

/** Opens the embedded database in the hub's data directory; see `openDatabase`. */
export async function openEmbedded(
  dataDir: string,
  { log, patient = false, onQuery }: OpenOptions,
): Promise<OpenDatabase> {
  const lock = lockDataDir(dataDir)
  const folder = join(dataDir, 'database')
  try {
    await prepareFolder(folder)
  } catch (error) {
    lock.release()
    throw error
  }
  const client = createEmbeddedClient({ folder, log, ...(patient && { queryMs: COPYING_MS }) })
  const db: Database = new Kysely({
    dialect: new EmbeddedDialect({ pglite: client as never }),
    ...loggingTo(onQuery),
  })
  const listeners = new Map<string, Set<(payload: string) => void>>()
  let closing: Promise<void> | undefined
  const close = async () => {
    try {
      await db.destroy()
      await client.close()
    } finally {
      lock.release()
    }
  }
  return {
    db,
    reserved: db,
    dialect: 'embedded',
    migrate: (migrations) => runMigrations(db, 'embedded', [databaseMigrations, ...migrations], log),
    listen(channel, heard) {
      const all = listeners.get(channel) ?? new Set()
      listeners.set(channel, all.add(heard))
      return () => all.delete(heard)
    },
    // This process is the only hub.
    async notify(channel, payload = '') {
      for (const heard of listeners.get(channel) ?? []) queueMicrotask(() => heard(payload))
    },
    connections: () => ({}),
    localAddress: () => null,
    close: () => (closing ??= close()),
  }
}
