import { sql } from 'kysely'
import type { Database, Transaction } from '../../api/database.ts'
import type { ChangeKind } from '../../api/revisions.ts'
import type { ChangeTables } from '../database/migrations.ts'

/**
 * The last opening of a lane. An opening is a transaction that appends what takes nobody's access away: the sessions that
 * a hub opens at the same moment, or logins. It takes any lane that is free, so that no hub waits for another; within a
 * lane, commit order is number order.
 */
export interface Opening {
  readonly lane: number
  readonly n: number
  readonly tag: string
}

/** Kind and key of a row that was written, on which no earlier decision depends. */
export type Noted = readonly [kind: ChangeKind, key: string]

/** An arbitrary number that all hubs agree on. */
const LOCK = 7_264_510_030
/** More than hubs open sessions at the same moment. */
const LANES = 16
/** With more keys than this, everything is loaded again instead. */
const REPLAYED_KEYS = 50_000
const PRUNED_AT_ONCE = 1_000

/** Call it first in an opening: waits while a change runs that has called `excludeOpenings`. */
export async function joinOpenings(trx: Transaction): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock_shared(${sql.lit(LOCK)})`.execute(trx)
}

/**
 * For a change that must miss no session: one that ends all sessions of somebody, takes a name away from its holder, or
 * removes a confirmation from sessions. Waits until the current openings have ended; later ones wait for the change,
 * and then see what it did.
 */
export async function excludeOpenings(trx: Transaction): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(trx)
}

/** Announces these rows to all hubs, in a free lane. Call it last: the lane is locked until the commit. */
export async function logOpening(trx: Transaction, noted: readonly Noted[]): Promise<Opening> {
  const text = JSON.stringify(noted)
  const free = sql`SELECT lane FROM opening_sequence LIMIT 1 FOR UPDATE SKIP LOCKED`
  const take = async (lane: typeof free) => {
    const { rows } = await sql<Opening>`
      WITH taken AS (
        UPDATE opening_sequence SET n = n + 1, tag = gen_random_uuid() WHERE lane = (${lane}) RETURNING lane, n, tag
      )
      INSERT INTO opening_log (lane, n, tag, touched) SELECT lane, n, tag, ${text} FROM taken
      RETURNING lane, n, tag`.execute(trx)
    return rows[0]
  }
  const opening = await take(free)
  if (opening) return opening
  await addLanes(trx)
  // When no lane is free, it waits for one of them.
  return (await take(free)) ?? (await take(sql`SELECT lane FROM opening_sequence ORDER BY random() LIMIT 1`))!
}

/** A copy of a database has no lanes. */
async function addLanes(trx: Transaction): Promise<void> {
  await sql`WITH added AS (
      INSERT INTO opening_sequence (lane, n, tag)
      SELECT lane, 0, gen_random_uuid() FROM generate_series(1, ${sql.lit(LANES)}) AS lane
      ON CONFLICT DO NOTHING RETURNING lane, n, tag
    )
    INSERT INTO opening_log (lane, n, tag, touched) SELECT lane, n, tag, '[]' FROM added`.execute(trx)
}

/** Whether the opening was committed. Waits until this is certain. */
export function hasOpening(db: Database, { lane, n, tag }: Opening): Promise<boolean> {
  return db
    .transaction()
    .setIsolationLevel('read committed')
    .execute(async (trx) => {
      // The transaction of the opening may still be running on the server; it locks this row until it ends.
      await sql`SELECT 1 FROM opening_sequence WHERE lane = ${lane} FOR SHARE`.execute(trx)
      const { rows } =
        await sql`SELECT 1 FROM opening_log WHERE lane = ${lane} AND n = ${n} AND tag = ${tag}`.execute(trx)
      return rows.length > 0
    })
}

/**
 * Reads which rows were announced between two reads. Null when there are too many or the log does not
 * cover them: it was pruned, or openings that a hub has seen were lost, as after a failover to a server that lagged.
 */
export async function readOpened(
  trx: Transaction,
  from: readonly Opening[],
  to: readonly Opening[],
): Promise<readonly Noted[] | null> {
  const known = new Map(from.map((opening) => [opening.lane, opening]))
  const lanes = new Set(to.map(({ lane }) => lane))
  if (from.some(({ lane }) => !lanes.has(lane))) return null
  const moved: (readonly [Omit<Opening, 'tag'> & { tag: string | null }, Opening])[] = []
  for (const opening of to) {
    // A new lane is read from its beginning.
    const before = known.get(opening.lane) ?? { lane: opening.lane, n: -1, tag: null }
    if (opening.n < before.n) return null
    if (before.n !== opening.n || before.tag !== opening.tag) moved.push([before, opening])
  }
  if (moved.length === 0) return []
  const { rows } = await sql<Opening & { touched: string }>`
    SELECT log.lane, log.n, log.tag, log.touched FROM opening_log AS log
    JOIN unnest(${moved.map(([{ lane }]) => lane)}::integer[], ${moved.map(([{ n }]) => n)}::bigint[],
      ${moved.map(([, { n }]) => n)}::bigint[]) AS wanted (lane, first, last)
    ON log.lane = wanted.lane AND log.n BETWEEN wanted.first AND wanted.last`.execute(trx)
  const found = new Map(rows.map((row) => [`${row.lane} ${row.n}`, row]))
  const all: Noted[] = []
  for (const [before, after] of moved) {
    for (const { lane, n, tag } of [before, after])
      if (tag !== null && found.get(`${lane} ${n}`)?.tag !== tag) return null
    for (let n = before.n + 1; n <= after.n; n++) {
      const row = found.get(`${before.lane} ${n}`)
      if (row === undefined) return null
      for (const noted of JSON.parse(row.touched) as Noted[]) all.push(noted)
    }
    if (all.length > REPLAYED_KEYS) return null
  }
  return all
}

/** Deletes all but the last `keep` openings of each lane, in batches. */
export async function pruneOpenings(db: Database, keep: number): Promise<void> {
  const tables = db.withTables<ChangeTables>()
  for (const { lane, n } of await tables.selectFrom('opening_sequence').select(['lane', 'n']).execute()) {
    let deleted = PRUNED_AT_ONCE
    while (deleted >= PRUNED_AT_ONCE) {
      const { numAffectedRows = 0n } = await sql`DELETE FROM opening_log WHERE lane = ${lane} AND n IN
        (SELECT n FROM opening_log WHERE lane = ${lane} AND n < ${n - keep} ORDER BY n LIMIT ${sql.lit(PRUNED_AT_ONCE)})`.execute(
        db,
      )
      deleted = Number(numAffectedRows)
    }
  }
}
