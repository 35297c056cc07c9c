import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import t from 'tap'
import type { AuditInput } from '../../../core/api/audit-event.ts'
import type { Database, Transaction } from '../../../core/api/database.ts'
import type { Vault } from '../../../core/api/secret-box.ts'
import { openDatabase } from '../../../core/hub/database/database.ts'
import { keysMigrations } from '../../../core/hub/pki/migrations.ts'
import {
  type ChangeAudit,
  createChanges,
  type RunningChanges,
} from '../../../core/hub/revisions/revisions.ts'
import { openVault } from '../../../core/hub/secrets/key-verification.ts'
import { tunnelMigrations } from '../../../core/hub/tunnel/migrations.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import type { Log } from '../../../core/kernel/log.ts'
import { seedDatabase } from '../../../core/testing/database-seed.ts'

const nothing = (): void => {}
export const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet }

/** What lies below the tunnel, all real: an embedded database with its tables, and the vault. */
export interface TestRooms {
  readonly db: Database
  readonly vault: Vault
  /** One hub's change sequence, not yet started; administrative events are pushed once they are committed. */
  addChanges(events: AuditInput[]): RunningChanges
  close(): Promise<void>
}

/** Opens them in a folder of their own. */
export async function openTestRooms(): Promise<TestRooms> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mezhub-'))
  await seedDatabase(dataDir)
  const store = await openDatabase({ driver: 'embedded', dataDir }, { log: quiet })
  const { db } = store
  const vault = await openVault({ db, dataDir, env: {} })
  await store.migrate([keysMigrations, tunnelMigrations])
  const all: RunningChanges[] = []
  return {
    db,
    vault,
    addChanges(events) {
      const pending = new WeakMap<Transaction, AuditInput[]>()
      const audit: ChangeAudit = {
        async recordIn(trx, inputs) {
          pending.set(trx, [...(pending.get(trx) ?? []), ...inputs])
        },
        committed: (trx) => void events.push(...(pending.get(trx) ?? [])),
      }
      const changes = createChanges({ ...store, clock: systemClock, log: quiet, audit: () => audit })
      all.push(changes)
      return changes
    },
    async close() {
      for (const changes of all) await changes.stop()
      await store.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

let shared: Promise<TestRooms> | undefined

/** The same rooms for all tests of a file, since a database takes seconds to make; emptied. */
export async function emptyTestRooms(): Promise<TestRooms> {
  if (!shared) {
    shared = openTestRooms()
    t.teardown(async () => (await shared)?.close())
  }
  const rooms = await shared
  await sql`TRUNCATE agents, join_tokens, authorities`.execute(rooms.db)
  return rooms
}
