import { createHash } from 'node:crypto'
import type { Clock, Database } from '@mezite/core'
import type { BotTables } from './migrations.ts'

/** By the clock of a hub that is behind, a used proof may still be valid for this long. */
const KEEP_MS = 10 * 60_000
const PRUNE_MS = 60_000

/** Remembers proofs that count once, until they would have expired. */
export function createSpentProofs(database: Database, clock: Clock) {
  const db = database.withTables<BotTables>()
  let pruned = Number.NEGATIVE_INFINITY

  async function prune(): Promise<void> {
    if (clock.monotonic() - pruned < PRUNE_MS) return
    pruned = clock.monotonic()
    await db
      .deleteFrom('bots_spent')
      .where('expires', '<', clock.now() - KEEP_MS)
      .execute()
  }

  const hashOf = (parts: readonly string[]) =>
    createHash('sha256').update(parts.join('\0')).digest('base64url')

  return {
    /** True for the first caller in the cluster, false for every other. `expires` is in milliseconds since the epoch. */
    async spend(parts: readonly string[], expires: number): Promise<boolean> {
      await prune()
      const hash = hashOf(parts)
      const row = await db
        .insertInto('bots_spent')
        .values({ hash, expires })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .returning('hash')
        .executeTakeFirst()
      return row !== undefined
    },
    /** Whether `spend` was called with these parts; remembers nothing. */
    async isSpent(parts: readonly string[]): Promise<boolean> {
      const row = await db
        .selectFrom('bots_spent')
        .select('hash')
        .where('hash', '=', hashOf(parts))
        .executeTakeFirst()
      return row !== undefined
    },
  }
}

export type SpentProofs = ReturnType<typeof createSpentProofs>
