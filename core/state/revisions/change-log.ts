import { sql } from 'kysely'
import type { Database, Transaction } from '../../api/database.ts'
import type { ChangeKind } from '../../api/revisions.ts'
import type { ChangeTables } from '../database/migrations.ts'
import { onStandby } from '../database/standby.ts'
import { type Opening, readOpened } from './opening-log.ts'

/** One change in the history. If a number is assigned twice, as after a restore, the tags differ. */
export interface Revision {
  readonly n: number
  readonly tag: string
}

/** What a hub has read: the last change and the last opening of each lane, in one snapshot. */
export interface Position extends Revision {
  readonly lanes: readonly Opening[]
}

/** Kind, key, and whether it is harmless: no decision depends on it, for example on a new session. */
export type Touch = readonly [kind: ChangeKind, key: string, harmless: boolean]

export type Touched = ReadonlyMap<ChangeKind, ReadonlySet<string>>

/** With more changes or keys than these limits, everything is loaded again instead. */
const REPLAYED = 2_000
/** A view reads its keys in one statement, which takes at most 65,535 parameters. */
const REPLAYED_KEYS = 10_000

/** Assigns the next revision. Until the transaction ends, no other change can run on any hub. */
export async function assignRevision(trx: Transaction): Promise<Revision> {
  const { rows } =
    await sql<Revision>`UPDATE change_sequence SET n = n + 1, tag = gen_random_uuid() WHERE id = 1 RETURNING n, tag`.execute(
      trx,
    )
  return rows[0]!
}

/** Records the keys that the change of this revision touched. */
export async function logChange(
  trx: Transaction,
  { n, tag }: Revision,
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
 * Reads the latest position. Rejects with `MEZ_DATABASE_UNAVAILABLE` on a standby, where a pooler may route any query: it
 * may lag behind the primary, or have lost it, without showing it.
 */
export async function readPosition(db: Database): Promise<Position> {
  const { rows } = await sql<Revision & { standby: boolean; lanes: [number, number, string][] }>`
    SELECT n, tag, pg_is_in_recovery() AS standby,
      (SELECT coalesce(json_agg(json_build_array(lane, n, tag) ORDER BY lane), '[]') FROM opening_sequence) AS lanes
    FROM change_sequence WHERE id = 1`.execute(db)
  const { n, tag, standby, lanes } = rows[0]!
  if (standby) throw onStandby()
  return { n, tag, lanes: lanes.map(([lane, n, tag]) => ({ lane, n, tag })) }
}

/** Whether nothing was changed and no session opened between the two. */
export function isSamePosition(one: Position, other: Position): boolean {
  return (
    one.tag === other.tag &&
    one.n === other.n &&
    one.lanes.length === other.lanes.length &&
    one.lanes.every(({ tag }, at) => tag === other.lanes[at]?.tag)
  )
}

/** Whether the change of this revision was committed. Waits until this is certain. */
export function hasRevision(db: Database, { n, tag }: Revision): Promise<boolean> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      // The transaction of the change may still be running on the server; it locks this row until it ends.
      await sql`SELECT 1 FROM change_sequence WHERE id = 1 FOR SHARE`.execute(trx)
      const { rows } = await sql`SELECT 1 FROM change_log WHERE n = ${n} AND tag = ${tag}`.execute(trx)
      return rows.length > 0
    })
}

/**
 * Reads the keys touched after `from` up to `to`, by changes and by openings. Null when there are too many or
 * the logs do not cover them: they were pruned, a number went backwards, or the history is a different one. Call it in
 * the snapshot in which `to` was read.
 */
export async function readTouched(
  trx: Transaction,
  from: Position,
  to: Position,
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
  const noted = await readOpened(trx, from.lanes, to.lanes)
  if (noted === null) return null
  const touched = new Map<ChangeKind, Set<string>>()
  const add = (kind: ChangeKind, key: string) => touched.set(kind, (touched.get(kind) ?? new Set()).add(key))
  let decisive = false
  let keyCount = 0
  for (const row of rows.slice(1)) {
    for (const [kind, key, harmless] of JSON.parse(row.touched) as [ChangeKind, string, 1?][]) {
      add(kind, key)
      if (!harmless) decisive = true
      keyCount += 1
    }
    if (keyCount > REPLAYED_KEYS) return null
  }
  for (const [kind, key] of noted) add(kind, key)
  return { touched, decisive }
}

/** Deletes the entries of revisions before this one, at most 1,000 at a time. */
export async function pruneLog(db: Database, before: number): Promise<void> {
  await sql`DELETE FROM change_log WHERE n IN
    (SELECT n FROM change_log WHERE n < ${before} ORDER BY n LIMIT 1000)`.execute(db)
}
