import { sql } from 'kysely'
import t from 'tap'
import type { AuditInput } from '../../../core/api/audit.ts'
import type { Database, Transaction } from '../../../core/api/database.ts'
import type { SecretBox } from '../../../core/api/secret-box.ts'
import { keysMigrations } from '../../../core/gate/pki/migrations.ts'
import type { Log } from '../../../core/kernel/log.ts'
import type { RunningRevisions } from '../../../core/state/revisions/revisions.ts'
import { openSecretBox } from '../../../core/state/secrets/key-verification.ts'
import { tunnelMigrations } from '../../../core/traffic/tunnel/migrations.ts'
import { type ChangeAudit, changesOf, openTestDatabase } from '../../state/database/stores.ts'

const nothing = (): void => {}
export const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet }

/** What lies below the tunnel, all real: a database with its tables, and the secret box. */
export interface TestStore {
  readonly db: Database
  readonly secretBox: SecretBox
  /** One hub's change sequence, not yet started; administrative events are pushed once they are committed. */
  addChanges(events: AuditInput[]): RunningRevisions
  close(): Promise<void>
}

/** Opens them in a folder of their own. */
export async function openTestStore(): Promise<TestStore> {
  const store = await openTestDatabase([keysMigrations, tunnelMigrations])
  const { db, dataDir } = store
  const secretBox = await openSecretBox({ db, dataDir, env: {} })
  const all: RunningRevisions[] = []
  return {
    db,
    secretBox,
    addChanges(events) {
      const pending = new WeakMap<Transaction, AuditInput[]>()
      const audit: ChangeAudit = {
        async recordIn(trx, inputs) {
          pending.set(trx, [...(pending.get(trx) ?? []), ...inputs])
        },
        committed: (trx) => void events.push(...(pending.get(trx) ?? [])),
      }
      const revisions = changesOf(store, { audit, log: quiet })
      all.push(revisions)
      return revisions
    },
    async close() {
      for (const revisions of all) await revisions.stop()
      await store.close()
    },
  }
}

let shared: Promise<TestStore> | undefined

/** The same store for all tests of a file, since a database takes seconds to make; emptied. */
export async function emptyTestStore(): Promise<TestStore> {
  if (!shared) {
    shared = openTestStore()
    t.teardown(async () => (await shared)?.close())
  }
  const store = await shared
  await sql`TRUNCATE agents, join_tokens, authorities`.execute(store.db)
  return store
}
