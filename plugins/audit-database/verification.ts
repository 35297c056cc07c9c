import type { Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { hashOf, type Link } from './chain.ts'
import { ChainCheck, type Finding } from './chain-check.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import { type Checkpoint, read, readStart, type Signed, type Start } from './statement.ts'
import { readTrail } from './stored-events.ts'

/** Checkpoints that are read together. */
const PAGE = 500

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
  /** The newest checkpoint: a copy kept elsewhere proves later that the trail still contains it. */
  readonly checkpoint: (Noted & { readonly time: string }) | null
  /** The first fault of each chain, in the order of the trail. */
  readonly findings: readonly Finding[]
}

/** The extent of the trail at one time. */
interface Extent {
  readonly start: Start
  readonly seq: number
  readonly checkpoint: number
  readonly ends: readonly (Link & { readonly hub: string })[]
}

/**
 * Reads the whole trail in pieces and checks each event against its chain, and the chains against the signed checkpoints
 * and their ends. Yields the number of checked events now and then, and returns the report. Does not check events that are
 * recorded meanwhile; starts again when old events are deleted meanwhile.
 */
export async function* verifyTrail(
  database: Database,
  key: CheckpointKey,
  remembered: Remembered,
): AsyncGenerator<number, TrailReport, undefined> {
  const extentNow = () =>
    database
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute((trx) => extentOf(trx, key))
  for (let extent = await extentNow(); ; ) {
    const report = yield* verifyExtent(database, key, remembered, extent)
    const now = await extentNow()
    if (report.ok || now.start.seq === extent.start.seq) return report
    extent = now
  }
}

async function* verifyExtent(
  database: Database,
  key: CheckpointKey,
  remembered: Remembered,
  extent: Extent,
): AsyncGenerator<number, TrailReport, undefined> {
  const { start } = extent
  const check = new ChainCheck(start)
  const { byCaller, byHub } = remembered
  const kept = byHub !== null && byHub.number > start.checkpoint.number ? byHub : null
  const missing = new Set([byCaller, kept].filter((each) => each !== null))
  let newest: TrailReport['checkpoint'] = null
  const checkpoints = followCheckpoints(database, key, extent, check, (checkpoint, hash) => {
    newest = { number: checkpoint.number, hash, time: checkpoint.time }
    for (const each of missing)
      if (each.number === checkpoint.number && each.hash === hash) missing.delete(each)
  })
  let { value: next } = await checkpoints.next()
  for await (const rows of readTrail(database, start.seq, extent.seq)) {
    for (const row of rows) {
      while (next && next.seq < row.seq) {
        check.compare(next)
        next = (await checkpoints.next()).value
      }
      check.event(row)
    }
    yield check.events
  }
  while (next) {
    check.compare(next)
    next = (await checkpoints.next()).value
  }
  for (const { hub, ...link } of extent.ends) check.end(hub, link)
  for (const { number } of missing) {
    const gone = number <= start.checkpoint.number
    const detail = gone ? 'is older than what is kept' : 'is not there, or not the one that was noted'
    check.findCheckpoint(gone ? 'deleted' : 'rewritten', number, detail)
  }
  const { events, unchained, chains, findings } = check
  return { ok: findings.length === 0, events, unchained, chains, checkpoint: newest, findings }
}

/** Yields the checkpoints that this cluster has signed, in order; reports faults of checkpoints as findings. */
async function* followCheckpoints(
  database: Database,
  key: CheckpointKey,
  extent: Extent,
  check: ChainCheck,
  seen: (checkpoint: Checkpoint, hash: string) => void,
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
        check.findCheckpoint('deleted', before.number + 1, `is missing; ${number} comes next`)
      else if (checkpoint?.number !== number)
        check.findCheckpoint('forged', number, 'is not signed by this cluster')
      else if (checkpoint.previous !== before.hash)
        check.findCheckpoint('rewritten', number, 'does not follow the one before')
      before = { number, hash }
      if (checkpoint?.number !== number) continue
      check.unchainedUntil(checkpoint.unchained)
      seen(checkpoint, hash)
      yield checkpoint
    }
  }
}

async function extentOf(trx: Transaction, key: CheckpointKey): Promise<Extent> {
  const start = await readStart(trx, key)
  const { rows } = await sql<{ seq: number; checkpoint: number }>`SELECT
    (SELECT coalesce(max(seq), 0) FROM audit_database_events) AS seq,
    (SELECT coalesce(max(number), 0) FROM audit_database_checkpoints) AS checkpoint`.execute(trx)
  const ends = await sql<Link & { hub: string }>`SELECT hub, n, hash FROM audit_database_chains`.execute(trx)
  const { seq = 0, checkpoint = 0 } = rows[0] ?? {}
  return { start, seq, checkpoint, ends: ends.rows }
}
