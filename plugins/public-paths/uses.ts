import type { Clock, Database } from '@mezite/core'
import type { PublicPathTables } from './migrations.ts'

/** How much the clocks of two hubs may differ. */
const CLOCK_SKEW_MS = 60_000
const SWEEP_MS = 60_000

/** Remembers signed contents that were admitted, for all hubs, so that a copy of a request is refused. */
export function createUses(database: Database, clock: Clock) {
  const db = database.withTables<PublicPathTables>()
  let swept = Number.NEGATIVE_INFINITY

  async function sweep(now: number): Promise<void> {
    if (clock.monotonic() - swept < SWEEP_MS) return
    swept = clock.monotonic()
    await db
      .deleteFrom('public_path_uses')
      .where('expires', '<', now - CLOCK_SKEW_MS)
      .execute()
  }

  return {
    /** True for the first request with this hash within `ms`. One statement decides. */
    async isFirst(hash: string, ms: number): Promise<boolean> {
      const now = clock.now()
      await sweep(now)
      const row = await db
        .insertInto('public_path_uses')
        .values({ hash, expires: now + ms })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .returning('hash')
        .executeTakeFirst()
      return row !== undefined
    },
  }
}

export type Uses = ReturnType<typeof createUses>
