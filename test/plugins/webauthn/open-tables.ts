import { PGlite } from '@electric-sql/pglite'
import type { Database, Revisions, User } from '@mezite/core'
import { fakeClock } from '@mezite/core/testing'
import { Kysely, PGliteDialect } from 'kysely'
import type { Test } from 'tap'
import { webauthnMigrations } from '../../../plugins/webauthn/migrations.ts'

/** The plugin's tables on a real PGlite, with a clock that tests move and changes that are plain transactions. */
export async function openTables(t: Test) {
  const db = new Kysely<object>({ dialect: new PGliteDialect({ pglite: new PGlite() }) })
  t.teardown(() => db.destroy())
  const database = db as unknown as Database
  for (const { up } of Object.values(webauthnMigrations.migrations)) await up(database)
  const audited: { type: string }[] = []
  const change = { touch() {}, audit: async (event: { type: string }) => void audited.push(event) }
  const revisions = {
    write: (run: (trx: object, change: object) => Promise<unknown>) =>
      db.transaction().execute((trx) => run(trx, change)),
  } as unknown as Pick<Revisions, 'write'>
  return { database, revisions, clock: fakeClock(), audited }
}

export function userOf(name: string, holder: string | null = `${name}-1`): User {
  return { key: name, name, holder } as unknown as User
}
