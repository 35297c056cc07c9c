import type { Database } from '@mezite/core'
import { sql } from 'kysely'
import { listPartitions } from './day-partitions.ts'
import { ofBoth } from './trail-spans.ts'

/** Events of a part that is not a partition: they are deleted while writers wait. */
const PIECE = 2_000
/** Fewer are a part once the first of them is older by this much than it must be, so that a quiet trail gets few parts. */
const WAIT_MS = 86_400_000

/** A part of the trail from which events are removed together; places, both included. */
export interface TrailPart {
  readonly first: number
  readonly last: number
  /** The time of its newest event, as the columns of its last events say. */
  readonly newest: number
  /** The partition with its requests, if these are a table of their own. */
  readonly requests: string | null
  /** Whether it is a partition of its own. */
  readonly isDay: boolean
}

/**
 * The part that begins at `first`, all of whose events are older than `before`, as their columns say; null when there is none yet.
 * A day is a part of its own, and so are 2,000 events where there are no days.
 */
export async function nextPart(
  database: Database,
  { embedded, first, before }: { embedded: boolean; first: number; before: number },
): Promise<TrailPart | null> {
  const partitions = embedded ? [] : await listPartitions(database)
  const ends = [...new Set(partitions.filter(({ table }) => table !== CONTEXTS).map(({ end }) => end))]
  for (const end of ends) {
    if (end <= first || !(await hasEvents(database, first, end))) continue
    const isOver = await hasEvents(database, end, Number.MAX_SAFE_INTEGER)
    const names = partitions.filter((each) => each.end === end).map(({ name }) => name)
    if (names.some((name) => name.endsWith('_before')))
      return nextPiece(database, { first, before, end: isOver ? end : null })
    const requests = names.find((name) => name.startsWith(`${REQUESTS}_`)) ?? null
    const newest = await newestBelow(database, first, end)
    return isOver && newest < before ? { first, last: end - 1, newest, requests, isDay: true } : null
  }
  return ends.length > 0 ? null : nextPiece(database, { first, before, end: null })
}

const CONTEXTS = 'audit_database_contexts'
const REQUESTS = 'audit_database_requests'

async function hasEvents(database: Database, first: number, end: number): Promise<boolean> {
  const { rows } = await sql`SELECT FROM (${ofBoth(
    (table) => sql`SELECT FROM ${table} WHERE seq >= ${first} AND seq < ${end} LIMIT 1`,
  )}) AS event LIMIT 1`.execute(database)
  return rows.length > 0
}

/** The time of the last event; others may be newer, which is found when they are checked. */
async function newestBelow(database: Database, first: number, end: number): Promise<number> {
  const { rows } = await sql<{ time: Date }>`SELECT seq, time FROM (${ofBoth(
    (table) =>
      sql`SELECT seq, time FROM ${table} WHERE seq >= ${first} AND seq < ${end} ORDER BY seq DESC LIMIT 1`,
  )}) AS event ORDER BY seq DESC LIMIT 1`.execute(database)
  return rows[0]?.time.getTime() ?? 0
}

/** `end`: of the partition that it is in, to which no event is added any more. */
async function nextPiece(
  database: Database,
  { first, before, end }: { first: number; before: number; end: number | null },
): Promise<TrailPart | null> {
  const { rows } = await sql<{ seq: number; time: Date }>`SELECT seq, time FROM (${ofBoth(
    (table) => sql`SELECT seq, time FROM ${table} WHERE seq >= ${first}
      AND seq < ${end ?? Number.MAX_SAFE_INTEGER} ORDER BY seq LIMIT ${PIECE + 1}`,
  )}) AS event ORDER BY seq LIMIT ${PIECE + 1}`.execute(database)
  const young = rows.findIndex(({ time }) => time.getTime() >= before)
  // The last event of the trail stays, since checkpoints go on from its number.
  const mostly = end === null && rows.length <= PIECE ? rows.slice(0, -1) : rows
  const old = young < 0 ? mostly : rows.slice(0, young)
  const events = old.slice(0, PIECE)
  const newest = Math.max(0, ...events.map(({ time }) => time.getTime()))
  const piece = { first, newest, requests: null, isDay: false }
  if (old.length > PIECE) return { ...piece, last: events.at(-1)!.seq }
  if (end !== null && young < 0) return { ...piece, last: end - 1 }
  const isLate = (events[0]?.time.getTime() ?? before) < before - WAIT_MS
  return isLate ? { ...piece, last: events.at(-1)!.seq } : null
}
