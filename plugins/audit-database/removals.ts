import type { Database, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import type { Gap } from './chain.ts'
import type { ChainCheck } from './chain-check.ts'
import type { StatementVerifier } from './checkpoint-key.ts'
import { readGaps } from './gaps.ts'
import { type PlacedLink, type Removal, read, type Signed, type Start } from './statement.ts'

export interface StoredRemoval extends Signed {
  readonly number: number
}

export async function listRemovals(database: Database | Transaction): Promise<readonly StoredRemoval[]> {
  const { rows } = await sql<StoredRemoval>`SELECT number, statement, signature FROM audit_database_removals
    ORDER BY number`.execute(database)
  return rows
}

/** Removals after the start of the trail that this cluster has signed, in the order of their parts. */
export function readRemovals(
  stored: readonly StoredRemoval[],
  key: StatementVerifier,
  start: Start,
): { readonly signed: readonly Removal[]; readonly forged: readonly number[] } {
  const signed: Removal[] = []
  const forged: number[] = []
  for (const row of stored) {
    const removal = read<Removal>(key, 'removal', row)
    if (removal?.number !== row.number) forged.push(row.number)
    else if (removal.last > start.seq) signed.push(removal)
  }
  return { signed: signed.sort((one, other) => one.first - other.first), forged }
}

/** The state of the trail at the end of the last part up to this place, as a start from which the rest can be checked. */
export function stateBefore(
  start: Start,
  removals: readonly Removal[],
  seq: number,
): Start & { readonly chains: Readonly<Record<string, PlacedLink>> } {
  const removal = removals.findLast(({ last }) => last <= seq)
  const own = Object.entries(removal?.chains ?? {}).filter(([, link]) => link.seq > start.seq)
  const before = Object.entries(start.chains).map(([hub, link]) => [hub, { ...link, seq: start.seq }])
  return {
    kind: 'start',
    seq: removal?.last ?? start.seq,
    chains: { ...Object.fromEntries(before), ...Object.fromEntries(own) },
    checkpoint: removal?.checkpoint ?? start.checkpoint,
  }
}

interface Extent {
  readonly start: Start
  readonly seq: number
  readonly removals: readonly StoredRemoval[]
}

/**
 * Yields the gaps in an extent, in order, of the removals that this cluster has signed. Faults of removals are findings, also in
 * what of them is beyond the extent.
 */
export async function* followGaps(
  database: Database,
  key: StatementVerifier,
  { start, seq, removals }: Extent,
  check: ChainCheck,
): AsyncGenerator<Gap, undefined, undefined> {
  const { signed, forged } = readRemovals(removals, key, start)
  for (const number of forged) check.findSigned('removal', 'forged', number, 'is not signed by this cluster')
  let end = 0
  for (const { number, first, last, gaps } of signed) {
    if (first <= end) check.findSigned('removal', 'inserted', number, 'is of a part that another one is of')
    end = last
    const stored = readGaps(database, number)
    for (;;) {
      const { value, done } = await stored.next()
      if (!done) {
        if (value.seq > start.seq && value.seq <= seq) yield value
        continue
      }
      if (value !== gaps)
        check.findSigned('removal', 'edited', number, 'has other gaps than those that were signed')
      break
    }
  }
  return undefined
}
