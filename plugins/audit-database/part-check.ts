import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import { ChainCheck, type Finding } from './chain-check.ts'
import type { StatementVerifier } from './checkpoint-key.ts'
import { GapFinder, hashOfGaps, storeGaps } from './gaps.ts'
import type { StoredRemoval, stateBefore } from './removals.ts'
import type { TypeSet } from './retention-periods.ts'
import type { PlacedLink, Removal, Start } from './statement.ts'
import type { TrailPart } from './trail-parts.ts'
import { followTrail } from './verification.ts'

/** Gaps that are stored together. */
const STORED = 1_000

/** A part of the trail to check before events of some types are removed from it. */
export interface PartRequest {
  readonly part: Pick<TrailPart, 'first' | 'last'>
  readonly types: TypeSet
  /** The number of the removal, under which its gaps are stored. */
  readonly number: number
  /** The state of the trail before the part. */
  readonly before: ReturnType<typeof stateBefore>
  /** Removals of this part and later ones, and how they are stored. */
  readonly later: readonly Pick<Removal, 'number' | 'first'>[]
  readonly stored: readonly StoredRemoval[]
}

/** A part of the trail that was checked; `gaps` and what follows count only without findings. */
export interface PartCheck {
  readonly findings: readonly Finding[]
  /** The last checkpoint of the part. */
  readonly checkpoint: Start['checkpoint']
  /** The time of its newest event, in milliseconds since 1970. */
  readonly newest: number
  /** Events that are removed, with those that earlier removals took. */
  readonly events: number
  /** SHA-256 over the gaps that the removal leaves, which are stored. */
  readonly gaps: string
  /** The last link of each chain up to the end of the part. */
  readonly chains: Readonly<Record<string, PlacedLink>>
}

/**
 * Checks a part of the trail up to the first signed checkpoint after it, and stores the gaps that the removal of some types
 * leaves in it. Resolves with null while there is no such checkpoint. Rejects when `signal` aborts.
 */
export async function checkPart(
  database: Database,
  key: StatementVerifier,
  { part, types, number, before, later, stored }: PartRequest,
  signal?: AbortSignal,
): Promise<PartCheck | null> {
  const anchor = await checkpointFrom(database, part.last, before.checkpoint.number)
  if (anchor === null) return null
  const near = new Set(later.filter(({ first }) => first <= anchor.seq).map(({ number }) => number))
  const check = new ChainCheck(before)
  const finder = new GapFinder(types, before.chains)
  let { checkpoint } = before
  const reading = followTrail(
    database,
    key,
    {
      start: before,
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
    if (finder.ended >= STORED) await storeGaps(database, number, finder.take())
  }
  const { findings } = check
  const { newest, events } = finder
  const found = { findings, checkpoint, newest, events, chains: Object.fromEntries(finder.chains) }
  if (findings.length > 0) return { ...found, gaps: '' }
  finder.end()
  await storeGaps(database, number, finder.take())
  return { ...found, gaps: await hashOfGaps(database, number) }
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
