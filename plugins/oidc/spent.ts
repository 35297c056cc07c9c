import { createHash } from 'node:crypto'
import type { Clock, Database } from '@mezite/core'
import type { OidcTables } from './migrations.ts'

/** Remembers what may be used once (states, logout-token ids) until it would be too old anyway. */
export function createSpent(database: Database, clock: Clock) {
  const db = database.withTables<OidcTables>()
  return {
    /** True for the first caller in the cluster, false for every other. One statement decides. */
    async spend(kind: 'state' | 'jti', value: string, ttlMs: number): Promise<boolean> {
      const now = clock.now()
      await db.deleteFrom('oidc_spent').where('expires', '<', now).execute()
      const hash = createHash('sha256').update(`${kind}\0${value}`).digest('base64url')
      const row = await db
        .insertInto('oidc_spent')
        .values({ hash, expires: now + ttlMs })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .returning('hash')
        .executeTakeFirst()
      return row !== undefined
    },
  }
}

export type Spent = ReturnType<typeof createSpent>
