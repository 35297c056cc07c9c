import type { Revisions, User } from '@mezite/core'
import { fakeClock } from '@mezite/core/testing'
import type { Test } from 'tap'
import { webauthnMigrations } from '../../../plugins/webauthn/migrations.ts'
import { openTestDatabase } from '../../state/database/stores.ts'

/** The plugin's tables in a real database, with a clock that tests move and changes that are plain transactions. */
export async function openTables(t: Test) {
  const { db: database, close } = await openTestDatabase([webauthnMigrations])
  t.teardown(close)
  const audited: { type: string }[] = []
  const change = { touch() {}, audit: async (event: { type: string }) => void audited.push(event) }
  const revisions = {
    write: (run: (trx: object, change: object) => Promise<unknown>) =>
      database.transaction().execute((trx) => run(trx, change)),
  } as unknown as Pick<Revisions, 'write'>
  return { database, revisions, clock: fakeClock(), audited }
}

export function userOf(name: string, holder: string | null = `${name}-1`): User {
  return { key: name, name, holder } as unknown as User
}
