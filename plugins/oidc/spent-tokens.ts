import { createHash } from 'node:crypto'
import type { Clock, Database } from '@mezite/core'
import type { OidcTables } from './migrations.ts'

/** By the clock of a hub that is behind, a spent token may still be valid for this long. */
const KEEP_MS = 10 * 60_000

type Kind = 'state' | 'jti'

/** Remembers values that may be used once (states, logout-token ids) until they would have expired anyway. */
export function createSpent(database: Database, clock: Clock) {
  const db = database.withTables<OidcTables>()
  const hashOf = (kind: Kind, value: string) =>
    createHash('sha256').update(`${kind}\0${value}`).digest('base64url')

  return {
    /** Whether the value was already spent. For work that may run twice at once, but not again later. */
    async isSpent(kind: Kind, value: string): Promise<boolean> {
      const found = await db
        .selectFrom('oidc_spent')
        .select('hash')
        .where('hash', '=', hashOf(kind, value))
        .executeTakeFirst()
      return found !== undefined
    },

    /** True for the first caller in the cluster, false for every other. One statement decides. */
    async spend(kind: Kind, value: string, ttlMs: number): Promise<boolean> {
      const now = clock.now()
      await db
        .deleteFrom('oidc_spent')
        .where('expires', '<', now - KEEP_MS)
        .execute()
      const hash = hashOf(kind, value)
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
