import { sql } from 'kysely'
import type { Database, Transaction } from '../../api/database.ts'
import type { ChangeKind } from '../../api/revisions.ts'
import type { ChangeTables } from '../database/migrations.ts'
import { onStandby } from '../database/standby-check.ts'

/** A place in the history of changes. The tag differs when the number was given away twice, as after a restore. */
export interface Place {
  readonly n: number
  readonly tag: string
}

/** Kind, key, and whether no decision depends on it: a session was just opened, say. */
export type Touch = readonly [kind: ChangeKind, key: string, harmless: boolean]

export type Touched = ReadonlyMap<ChangeKind, ReadonlySet<string>>

/** More changes than this at once, or more keys, are not replayed: everything is loaded. */
const REPLAYED = 2_000
/** A view asks for its keys in one statement, which has no more than 65,535 parameters. */
const REPLAYED_KEYS = 10_000

/** Takes the next number. From here to the end of the transaction no other change can be under way on any hub. */
export async function takePlace(trx: Transaction): Promise<Place> {
  const { rows } =
    await sql<Place>`UPDATE change_sequence SET n = n + 1, tag = gen_random_uuid() WHERE id = 1 RETURNING n, tag`.execute(
      trx,
    )
  return rows[0]!
}

/** Writes down what the change at this place has touched. */
export async function logChange(
  trx: Transaction,
  { n, tag }: Place,
  touches: readonly Touch[],
): Promise<void> {
  const touched = JSON.stringify(
    touches.map(([kind, key, harmless]) => (harmless ? [kind, key, 1] : [kind, key])),
  )
  await trx
    .withTables<ChangeTables>()
    .insertInto('change_log')
    .values({ n, tag, touched, at: new Date() })
    .execute()
}

/**
 * Where the history stands. Rejects with `MEZ_DATABASE_UNAVAILABLE` on a standby, which a pooler may lead to at any query:
 * it lags, or has lost its primary, and says nothing of it.
 */
export async function readPlace(db: Database): Promise<Place> {
  const { rows } = await sql<Place & { standby: boolean }>`
    SELECT n, tag, pg_is_in_recovery() AS standby FROM change_sequence WHERE id = 1`.execute(db)
  const { n, tag, standby } = rows[0]!
  if (standby) throw onStandby()
  return { n, tag }
}

/** Whether the change at this place was made; waits until it is, or can be no more. */
export function hasPlace(db: Database, { n, tag }: Place): Promise<boolean> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      // Its transaction may still be at work on the server, and holds this row until it has ended.
      await sql`SELECT 1 FROM change_sequence WHERE id = 1 FOR SHARE`.execute(trx)
      const { rows } = await sql`SELECT 1 FROM change_log WHERE n = ${n} AND tag = ${tag}`.execute(trx)
      return rows.length > 0
    })
}

/**
 * What happened after `from` up to `to`. Null when that is too much, or the log cannot tell: it does not reach back that
 * far, the number went backwards, or the history is another one. Read it in one snapshot with `to`.
 */
export async function readTouched(
  trx: Transaction,
  from: Place,
  to: Place,
): Promise<{ touched: Touched; decisive: boolean } | null> {
  if (to.n < from.n || to.n - from.n > REPLAYED) return null
  const rows = await trx
    .withTables<ChangeTables>()
    .selectFrom('change_log')
    .select(['n', 'tag', 'touched'])
    .where('n', '>=', from.n)
    .where('n', '<=', to.n)
    .orderBy('n')
    .execute()
  if (rows.length !== to.n - from.n + 1 || rows[0]?.tag !== from.tag || rows.at(-1)?.tag !== to.tag)
    return null
  const touched = new Map<ChangeKind, Set<string>>()
  let decisive = false
  let keyCount = 0
  for (const row of rows.slice(1)) {
    for (const [kind, key, harmless] of JSON.parse(row.touched) as [ChangeKind, string, 1?][]) {
      const keys = touched.get(kind) ?? new Set()
      touched.set(kind, keys.add(key))
      if (!harmless) decisive = true
      keyCount += 1
    }
    if (keyCount > REPLAYED_KEYS) return null
  }
  return { touched, decisive }
}

/** Deletes what lies further back than `keep` changes, a bounded piece at a time. */
export async function pruneLog(db: Database, before: number): Promise<void> {
  await sql`DELETE FROM change_log WHERE n IN
    (SELECT n FROM change_log WHERE n < ${before} ORDER BY n LIMIT 1000)`.execute(db)
}
