import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import { ChainCheck, type Finding } from './chain-check.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import type { GapFinder } from './gaps.ts'
import { type StoredRemoval, stateBefore } from './removals.ts'
import type { Removal, Start } from './statement.ts'
import type { TrailPart } from './trail-parts.ts'
import { followTrail } from './verification.ts'

/** What is stored about removals by type, at one moment. */
export interface RemovalState {
  readonly start: Start
  readonly stored: readonly StoredRemoval[]
  /** Those that this cluster has signed, in the order of their parts. */
  readonly removals: readonly Removal[]
}

export interface PartCheck {
  readonly findings: readonly Finding[]
  /** The last checkpoint of the part. */
  readonly checkpoint: Start['checkpoint']
}

/**
 * Checks a part of the trail up to the first signed checkpoint after it, and hands the events and gaps of the part to `finder`.
 * Resolves with null while there is no such checkpoint. Rejects when `signal` aborts.
 */
export async function checkPart(
  parts: { database: Database; key: CheckpointKey; part: TrailPart; finder: GapFinder },
  { start, stored, removals }: RemovalState,
  store: () => Promise<void>,
  signal?: AbortSignal,
): Promise<PartCheck | null> {
  const { database, key, part, finder } = parts
  const state = stateBefore(start, removals, part.first - 1)
  const anchor = await checkpointFrom(database, part.last, state.checkpoint.number)
  if (anchor === null) return null
  const near = new Set(
    removals
      .filter(({ first, last }) => last >= part.first && first <= anchor.seq)
      .map(({ number }) => number),
  )
  const check = new ChainCheck(state)
  let { checkpoint } = state
  const reading = followTrail(
    database,
    key,
    {
      start: state,
      seq: anchor.seq,
      checkpoint: anchor.number,
      removals: stored.filter(({ number }) => near.has(number)),
      ends: [],
    },
    check,
    {
      event(row) {
        if (row.seq <= part.last) finder.event(row)
      },
      gap(gap) {
        if (gap.seq <= part.last) finder.gap(gap)
      },
      checkpoint({ number, seq }, hash) {
        if (seq <= part.last) checkpoint = { number, hash }
      },
    },
  )
  for await (const _ of reading) {
    signal?.throwIfAborted()
    await store()
  }
  return { findings: check.findings, checkpoint }
}

/** The first checkpoint of this place or later. */
async function checkpointFrom(
  database: Database,
  seq: number,
  after: number,
): Promise<{ number: number; seq: number } | null> {
  const place = sql`(statement::json ->> 'seq')::bigint`
  const { rows } = await sql<{ number: number; seq: number }>`SELECT number, ${place} AS seq
    FROM audit_database_checkpoints WHERE number > ${after} AND ${place} >= ${seq} ORDER BY number LIMIT 1`.execute(
    database,
  )
  return rows[0] ?? null
}
