import { type Database, type Log, messageOf, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { lockTrail } from './chain-writer.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import { asOwner } from './day-partitions.ts'
import type { PartRequest } from './part-check.ts'
import { createPartChecker, type PartChecker } from './part-checker.ts'
import { listRemovals, readRemovals, type StoredRemoval, stateBefore } from './removals.ts'
import {
  addsTo,
  endedTypes,
  hasType,
  noTypes,
  type RetentionPeriods,
  shortestOf,
  type TypeSet,
  unionOf,
} from './retention-periods.ts'
import { runIn } from './sink.ts'
import { type Removal, readStart, type Start, signed, writeStart } from './statement.ts'
import { nextPart, type TrailPart } from './trail-parts.ts'

/** An arbitrary number that all hubs agree on. */
const REMOVAL_LOCK = 7_264_510_033
/** A part that differs from what was recorded is read again after this time. */
const AGAIN_MS = 86_400_000
const REQUEST = 'app.request'

/** What is stored about removals by type, at one moment. */
interface RemovalState {
  readonly start: Start
  readonly stored: readonly StoredRemoval[]
  /** Those that this cluster has signed, in the order of their parts. */
  readonly removals: readonly Removal[]
}

export interface TypeRetentionDeps {
  readonly database: Database
  /** Of PostgreSQL; null: the database is embedded. */
  readonly url: string | null
  readonly periods: RetentionPeriods
  readonly retentionRole: string | null
  readonly key: () => CheckpointKey
  readonly log: Log
  /** Drops the contexts of days up to this number that have no requests. */
  readonly dropContexts: (end: number) => Promise<void>
}

/**
 * Removes the events of some types from parts of the trail that are older than these are kept, while others stay. A part is checked
 * as a whole before, up to a signed checkpoint after it, and stays as it is if anything in it differs from what was recorded:
 * otherwise the removal would hide it. What goes is signed in the transaction in which it goes.
 */
export function createTypeRetention(deps: TypeRetentionDeps) {
  const { database, url, periods, retentionRole, key, log, dropContexts } = deps
  const embedded = url === null
  let againAt = 0

  /** Changes only here, as long as no other hub deletes old events. */
  async function readState(trx: Transaction): Promise<RemovalState> {
    const start = await readStart(trx, key())
    const stored = await listRemovals(trx)
    const { signed, forged } = readRemovals(stored, key(), start)
    if (forged.length > 0) throw new Error(`removal ${forged[0]} is not signed by this cluster`)
    return { start, stored, removals: signed }
  }

  /** Resolves with the number of removed events. */
  async function removeTypes(checker: PartChecker, now: number, signal?: AbortSignal): Promise<number> {
    let state = await database.transaction().setIsolationLevel('repeatable read').execute(readState)
    let gone = 0
    const attempt = async (part: TrailPart | null) => {
      const next = part && (await removeFrom(checker, part, state, now, signal))
      if (next === null) return false
      gone += eventsOf(next) - eventsOf(state)
      state = next
      return true
    }
    for (const { first, last, newest, types } of state.removals) {
      const time = Date.parse(newest)
      if (!addsTo(types, endedTypes(periods, time, now))) continue
      if (!(await attempt(await partAt(first, last, time)))) return gone
    }
    for (;;) {
      const first = (state.removals.at(-1)?.last ?? state.start.seq) + 1
      const part = await nextPart(database, { embedded, first, before: now - shortestOf(periods) })
      if (!(await attempt(part))) return gone
    }
  }

  /** The part of an earlier removal. */
  async function partAt(first: number, last: number, newest: number): Promise<TrailPart> {
    const part = await nextPart(database, { embedded, first, before: Number.MAX_SAFE_INTEGER })
    return part?.isDay && part.last === last
      ? { ...part, newest }
      : { first, last, newest, requests: null, isDay: false }
  }

  /** Resolves with the state after it, or null if the part must stay for now. */
  async function removeFrom(
    checker: PartChecker,
    part: TrailPart,
    state: RemovalState,
    now: number,
    signal?: AbortSignal,
  ): Promise<RemovalState | null> {
    const before = state.removals.find(({ first }) => first === part.first)
    const number = Math.max(state.start.removal ?? 0, ...state.stored.map((each) => each.number)) + 1
    const ended = endedTypes(periods, part.newest, now)
    const types = unionOf(before?.types ?? noTypes, ended)
    const checked = await checker.check(requestOf(state, part, types, number), signal)
    if (checked === null) return null
    const { findings, checkpoint, events, gaps, chains } = checked
    const newest = Math.max(checked.newest, before ? Date.parse(before.newest) : 0)
    if (findings.length > 0) {
      againAt = now + AGAIN_MS
      log.error(
        { findings, first: part.first, last: part.last },
        'a part of the audit trail differs from what was recorded; retention by type removes nothing of it',
      )
      return null
    }
    // Its columns said that it is older.
    if (addsTo(endedTypes(periods, newest, now), ended)) return null
    const removal: Removal = {
      kind: 'removal',
      number,
      first: part.first,
      last: part.last,
      newest: new Date(newest).toISOString(),
      types,
      events,
      gaps,
      chains,
      checkpoint,
    }
    const next = await database.transaction().execute((trx) => remove(trx, part, removal, state))
    if (part.isDay && hasType(types, REQUEST)) await dropContexts(part.last + 1)
    return next
  }

  /** Writers wait while requests and their contexts go, as they must notice that contexts they know are gone. */
  async function remove(
    trx: Transaction,
    part: TrailPart,
    removal: Removal,
    state: RemovalState,
  ): Promise<RemovalState> {
    const { number, types } = removal
    await sql`SELECT pg_advisory_xact_lock(${REMOVAL_LOCK})`.execute(trx)
    await asOwner(trx, retentionRole, () => deleteTexts(trx, removal))
    await lockTrail(runIn(trx))
    const { rows } = await sql<{
      n: number
    }>`SELECT count(*)::integer AS n FROM audit_database_removals`.execute(trx)
    let start = await readStart(trx, key())
    if (start.seq !== state.start.seq || rows[0]?.n !== state.stored.length)
      throw new Error('another hub deletes old events')
    if (hasType(types, REQUEST)) {
      let contexts: readonly number[] = []
      await asOwner(trx, retentionRole, async () => {
        if (part.requests !== null) await drop(trx, part.requests)
        else contexts = await deleteRequests(trx, removal)
      })
      await sql`DELETE FROM audit_database_context_agents WHERE context = ANY (${contexts}::bigint[])`.execute(
        trx,
      )
      start = { ...start, removal: number }
      await writeStart(trx, key(), start)
    }
    const before = state.removals.find(({ first }) => first === part.first)
    await sql`DELETE FROM audit_database_removals WHERE number = ${before?.number ?? 0}`.execute(trx)
    const row = { number, ...signed(key(), removal) }
    await sql`INSERT INTO audit_database_removals (number, statement, signature)
      VALUES (${number}, ${row.statement}, ${row.signature})`.execute(trx)
    return {
      start,
      stored: [...state.stored.filter((each) => each.number !== before?.number), row],
      removals: [...state.removals.filter((each) => each !== before), removal].sort(
        (one, other) => one.first - other.first,
      ),
    }
  }

  return {
    /** Logs instead of rejecting. */
    async removeTypes(now: number, signal?: AbortSignal): Promise<number> {
      if (now < againAt) return 0
      const checker = createPartChecker(database, url, key())
      try {
        return await removeTypes(checker, now, signal)
      } catch (error) {
        log.warn(
          { error: messageOf(error) },
          'failed to remove old events by type from the audit trail; the next run tries again',
        )
        return 0
      } finally {
        await checker.end()
      }
    },
  }
}

/** The part to check, with what of the state counts for it. */
function requestOf(
  { start, removals, stored }: RemovalState,
  { first, last }: TrailPart,
  types: TypeSet,
  number: number,
): PartRequest {
  const later = removals.filter((each) => each.last >= first)
  const numbers = new Set(later.map(({ number }) => number))
  return {
    part: { first, last },
    types,
    number,
    before: stateBefore(start, removals, first - 1),
    later: later.map(({ number, first }) => ({ number, first })),
    stored: stored.filter(({ number }) => numbers.has(number)),
  }
}

const eventsOf = ({ removals }: RemovalState): number => removals.reduce((sum, { events }) => sum + events, 0)

const ofTypes = ({ others, except }: TypeSet) =>
  others ? sql`NOT type = ANY (${except}::text[])` : sql`type = ANY (${except}::text[])`

async function deleteTexts(trx: Transaction, { first, last, types }: Removal): Promise<void> {
  await sql`DELETE FROM audit_database_texts WHERE seq >= ${first} AND seq <= ${last} AND ${ofTypes(types)}`.execute(
    trx,
  )
}

async function drop(trx: Transaction, partition: string): Promise<void> {
  await sql`DROP TABLE ${sql.table(partition)}`.execute(trx)
}

/** With the contexts that no other request refers to; resolves with their numbers. */
async function deleteRequests(trx: Transaction, { first, last }: Removal): Promise<readonly number[]> {
  const { rows } = await sql<{ id: number }>`WITH gone AS (
      DELETE FROM audit_database_requests WHERE seq >= ${first} AND seq <= ${last} RETURNING context)
    DELETE FROM audit_database_contexts AS context WHERE id IN (SELECT context FROM gone)
      AND NOT EXISTS (SELECT FROM audit_database_requests AS kept
        WHERE kept.context = context.id AND (kept.seq < ${first} OR kept.seq > ${last}))
    RETURNING id`.execute(trx)
  return rows.map(({ id }) => id)
}
