import type { Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { type Gap, hashOf, type Link } from './chain.ts'
import { ChainCheck, type Finding, type TrailRow } from './chain-check.ts'
import type { StatementVerifier } from './checkpoint-key.ts'
import { followGaps, listRemovals, type StoredRemoval } from './removals.ts'
import { type Checkpoint, read, readStart, type Signed, type Start } from './statement.ts'
import { readTrail } from './stored-events.ts'

/** Checkpoints that are read together. */
const PAGE = 500
/** How long events are checked before others of the hub get their turn, in milliseconds. */
const TURN_MS = 5
/** Events between two looks at the time. */
const AT_ONCE = 32

/** A checkpoint that was noted outside the database. */
export interface Noted {
  readonly number: number
  readonly hash: string
}

/** Checkpoints that the trail must still contain. */
export interface Remembered {
  /** Given by the caller; also a finding when it is older than the kept events. */
  readonly byCaller: Noted | null
  readonly byHub: Noted | null
}

export interface TrailReport {
  readonly ok: boolean
  /** Number of events that were checked. */
  readonly events: number
  /** Number of these that are older than chains and therefore not protected. */
  readonly unchained: number
  readonly chains: number
  /** Number of events that retention by type has removed from the rest. */
  readonly removed: number
  /** The newest checkpoint: a copy kept elsewhere proves later that the trail still contains it. */
  readonly checkpoint: (Noted & { readonly time: string }) | null
  /** The first fault of each chain, in the order of the trail. */
  readonly findings: readonly Finding[]
}

/** The extent of the trail, or of a part of it, at one time. */
export interface TrailExtent {
  readonly start: Start
  /** Place of the last event. */
  readonly seq: number
  /** Number of the last checkpoint. */
  readonly checkpoint: number
  readonly removals: readonly StoredRemoval[]
  /** The last link of each chain, as its hub has stored it. */
  readonly ends: readonly (Link & { readonly hub: string })[]
}

/** What a check reads, in the order of the trail. */
export interface TrailVisitor {
  event(row: TrailRow): void
  gap(gap: Gap): void
  checkpoint(checkpoint: Checkpoint, hash: string): void
}

/**
 * Reads the whole trail in pieces and checks each event against its chain, and the chains against the signed checkpoints
 * and their ends. Yields the number of checked events now and then, and returns the report. Does not check events that are
 * recorded meanwhile; starts again when old events are deleted meanwhile.
 */
export async function* verifyTrail(
  database: Database,
  key: StatementVerifier,
  remembered: Remembered,
): AsyncGenerator<number, TrailReport, undefined> {
  const extentNow = () =>
    database.isTransaction
      ? extentOf(database as Transaction, key)
      : database
          .transaction()
          .setIsolationLevel('repeatable read')
          .execute((trx) => extentOf(trx, key))
  for (let extent = await extentNow(); ; ) {
    const report = yield* verifyExtent(database, key, remembered, extent)
    const now = await extentNow()
    const isSame = now.start.seq === extent.start.seq && lastRemoval(now) === lastRemoval(extent)
    if (report.ok || isSame) return report
    extent = now
  }
}

const lastRemoval = ({ removals }: TrailExtent): number =>
  Math.max(0, ...removals.map(({ number }) => number))

async function* verifyExtent(
  database: Database,
  key: StatementVerifier,
  { byCaller, byHub }: Remembered,
  extent: TrailExtent,
): AsyncGenerator<number, TrailReport, undefined> {
  const { start } = extent
  const check = new ChainCheck(start)
  const kept = byHub !== null && byHub.number > start.checkpoint.number ? byHub : null
  const missing = new Set([byCaller, kept].filter((each) => each !== null))
  let newest: TrailReport['checkpoint'] = null
  yield* followTrail(database, key, extent, check, {
    event: () => {},
    gap: () => {},
    checkpoint({ number, time }, hash) {
      newest = { number, hash, time }
      for (const each of missing) if (each.number === number && each.hash === hash) missing.delete(each)
    },
  })
  for (const { number } of missing) {
    const gone = number <= start.checkpoint.number
    const detail = gone ? 'is older than what is kept' : 'is not there, or not the one that was noted'
    check.findSigned('checkpoint', gone ? 'deleted' : 'rewritten', number, detail)
  }
  const { events, unchained, chains, removed, findings } = check
  return { ok: findings.length === 0, events, unchained, chains, removed, checkpoint: newest, findings }
}

/**
 * Checks the events of an extent against their chains, and the chains against checkpoints, gaps and ends. What differs becomes a
 * finding of `check`. Yields the number of checked events now and then.
 */
export async function* followTrail(
  database: Database,
  key: StatementVerifier,
  extent: TrailExtent,
  check: ChainCheck,
  visitor: TrailVisitor,
): AsyncGenerator<number, void, undefined> {
  const { start } = extent
  const checkpoints = followCheckpoints(database, key, extent, check, visitor)
  const gaps = followGaps(database, key, extent, check)
  let [checkpoint, gap] = [(await checkpoints.next()).value, (await gaps.next()).value]
  const compareBelow = async (seq: number) => {
    for (; checkpoint && checkpoint.seq < seq; checkpoint = (await checkpoints.next()).value)
      check.compare(checkpoint)
  }
  const passGaps = async (seq: number) => {
    for (; gap && gap.seq <= seq; gap = (await gaps.next()).value) {
      await compareBelow(gap.seq)
      check.gap(gap)
      visitor.gap(gap)
    }
  }
  let turn = performance.now()
  for await (const rows of readTrail(database, start.seq, extent.seq)) {
    let at = 0
    for (const row of rows) {
      if (gap && gap.seq <= row.seq) await passGaps(row.seq)
      if (checkpoint && checkpoint.seq < row.seq) await compareBelow(row.seq)
      check.event(row)
      visitor.event(row)
      at += 1
      if (at % AT_ONCE > 0 || performance.now() < turn + TURN_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      turn = performance.now()
    }
    yield check.events
  }
  await passGaps(Number.POSITIVE_INFINITY)
  await compareBelow(Number.POSITIVE_INFINITY)
  for (const { hub, ...link } of extent.ends) check.end(hub, link)
}

/** Yields the checkpoints that this cluster has signed, in order; reports faults of checkpoints as findings. */
async function* followCheckpoints(
  database: Database,
  key: StatementVerifier,
  extent: TrailExtent,
  check: ChainCheck,
  visitor: TrailVisitor,
): AsyncGenerator<Checkpoint, undefined, undefined> {
  let before = extent.start.checkpoint
  for (;;) {
    const { rows } = await sql<Signed & { number: number }>`SELECT number, statement, signature
      FROM audit_database_checkpoints WHERE number > ${before.number} AND number <= ${extent.checkpoint}
      ORDER BY number LIMIT ${PAGE}`.execute(database)
    if (rows.length === 0) return
    for (const row of rows) {
      const { number } = row
      const checkpoint = read<Checkpoint>(key, 'checkpoint', row)
      const hash = hashOf(row.statement)
      if (number !== before.number + 1)
        check.findSigned('checkpoint', 'deleted', before.number + 1, `is missing; ${number} comes next`)
      else if (checkpoint?.number !== number)
        check.findSigned('checkpoint', 'forged', number, 'is not signed by this cluster')
      else if (checkpoint.previous !== before.hash)
        check.findSigned('checkpoint', 'rewritten', number, 'does not follow the one before')
      before = { number, hash }
      if (checkpoint?.number !== number) continue
      check.unchainedUntil(checkpoint.unchained)
      visitor.checkpoint(checkpoint, hash)
      yield checkpoint
    }
  }
}

async function extentOf(trx: Transaction, key: StatementVerifier): Promise<TrailExtent> {
  const start = await readStart(trx, key)
  const { rows } = await sql<{ seq: number; checkpoint: number }>`SELECT
    (SELECT coalesce(max(seq), 0) FROM audit_database_events) AS seq,
    (SELECT coalesce(max(number), 0) FROM audit_database_checkpoints) AS checkpoint`.execute(trx)
  const ends = await sql<Link & { hub: string }>`SELECT hub, n, hash FROM audit_database_chains`.execute(trx)
  const { seq = 0, checkpoint = 0 } = rows[0] ?? {}
  return { start, seq, checkpoint, removals: await listRemovals(trx), ends: ends.rows }
}
