import type { Database } from '@mezite/core'
import { listPartitions } from './day-partitions.ts'

/** Numbers from `first` to `last`, both included. */
export interface Part {
  readonly first: number
  readonly last: number
}

/** Days whose partitions one statement opens, at most: the planner looks at each of them. */
const TOGETHER = 64
const GROWTH = 8

export const isEmpty = ({ first, last }: Part): boolean => first > last

export const within = (one: Part, other: Part): Part => ({
  first: Math.max(one.first, other.first),
  last: Math.min(one.last, other.last),
})

/** The days of the partitions, oldest first; null where there are none. */
export async function listDays(database: Database): Promise<readonly Part[] | null> {
  const partitions = await listPartitions(database)
  const ends = [...new Set(partitions.flatMap(({ table, end }) => (table === CONTEXTS ? [] : [end])))]
  return ends.length === 0 ? null : ends.map((end, at) => ({ first: ends[at - 1] ?? 0, last: end - 1 }))
}

const CONTEXTS = 'audit_database_contexts'

/**
 * The days that have numbers of a part, in the order of a search, in pieces that grow: what is frequent is found in the first
 * day, and for what is rare few statements look at all.
 */
export function* growing(
  days: readonly Part[] | null,
  part: Part,
  forward: boolean,
): Generator<readonly Part[], void> {
  if (days === null) {
    if (!isEmpty(part)) yield [part]
    return
  }
  const near = days.filter((day) => !isEmpty(within(day, part)))
  if (!forward) near.reverse()
  for (let [at, size] = [0, 1]; at < near.length; at += size, size = Math.min(size * GROWTH, TOGETHER))
    yield near.slice(at, at + size)
}

/** From the first number of all these days to the last. */
export const spanOf = (days: readonly Part[]): Part => ({
  first: Math.min(...days.map(({ first }) => first)),
  last: Math.max(...days.map(({ last }) => last)),
})
