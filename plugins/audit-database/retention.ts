import type { Clock, Database, Log, Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { hashOf, type Link } from './chain.ts'
import { lockTrail } from './chain-writer.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import { listPartitions } from './day-partitions.ts'
import { createDayRetention } from './day-retention.ts'
import { deleteOldGaps } from './gaps.ts'
import { readRemovals, type StoredRemoval, stateBefore } from './removals.ts'
import { hasTypes, longestOf, type RetentionPeriods } from './retention-periods.ts'
import { runIn } from './sink.ts'
import {
  type Checkpoint,
  type Removal,
  read,
  readStart,
  type Signed,
  type Start,
  writeStart,
} from './statement.ts'
import { createTypeRetention } from './type-retention.ts'

const BATCH = 1_000
/** More than a day has. */
const CHECKPOINTS = 2_000
const PAUSE_MS = 50

interface Row extends Link {
  readonly seq: number
  readonly hub: string | null
}

type Gone = Start['checkpoint']

/** Signs that the trail begins after this number, with the last links before it, in a transaction that holds its lock. */
export type SignStart = (
  trx: Transaction,
  start: Start,
  seq: number,
  chains: Map<string, Link>,
) => Promise<void>

export interface PrunerDeps {
  readonly database: Database
  readonly periods: RetentionPeriods
  /** A PostgreSQL role that deletes, if the hub's own role may not. */
  readonly retentionRole: string | null
  /** Of PostgreSQL; null: the database is embedded, and does not maintain itself. */
  readonly url: string | null
  readonly key: () => CheckpointKey
  readonly clock: Clock
  readonly log: Log
}

/**
 * Deletes events that are older than the retention, a bounded piece at a time, so that writers never wait long. After each
 * piece it signs the new start of the trail, which distinguishes deletion by retention from deletion by an attacker.
 */
export function createPruner(deps: PrunerDeps) {
  const { database, url, periods, retentionRole, key, clock, log } = deps
  const embedded = url === null

  /** Resolves with the number of deleted events. */
  async function prune(signal?: AbortSignal): Promise<number> {
    const before = new Date(clock.now() - longestOf(periods))
    let gone = embedded ? 0 : await days.dropDays(before, signal)
    while (!signal?.aborted) {
      const went = await database.transaction().execute((trx) => piece(trx, before))
      if (went === null) break
      gone += went
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    await deleteOldGaps(database)
    if (hasTypes(periods)) gone += await types.removeTypes(clock.now(), signal)
    if (embedded) {
      // Until then, a search by time reads every event since the last call.
      await sql`SELECT brin_summarize_new_values('audit_database_events_time'),
        brin_summarize_new_values('audit_database_requests_time')`.execute(database)
    }
    if (gone > 0) log.info({ gone, before: before.toISOString() }, 'old audit events deleted')
    return gone
  }

  /** Resolves with the number of deleted events, or null when none is left that may go. */
  async function piece(trx: Transaction, before: Date): Promise<number | null> {
    await lockTrail(runIn(trx))
    // A day goes whole; what is from before there were partitions goes piece by piece until all of it is old.
    const [first] = embedded ? [] : await listPartitions(trx)
    if (first && !first.name.endsWith('_before')) return null
    const end = first?.end ?? Number.MAX_SAFE_INTEGER
    const start = await readStart(trx, key())
    const removal = await firstRemoval(trx, start)
    // Its part goes whole, as its gaps are signed together.
    if (removal !== undefined && removal.last < end) return partOf(trx, start, removal, before)
    // In the order of the trail, up to the first event that stays, so that no chain gets a gap.
    const { rows } = await sql<Row>`SELECT seq, hub, n, hash FROM audit_database_events
      WHERE seq < coalesce(
        (SELECT seq FROM audit_database_events WHERE time >= ${before} ORDER BY seq LIMIT 1),
        (SELECT max(seq) + 1 FROM audit_database_events)
      ) AND seq < ${end} ORDER BY seq LIMIT ${BATCH}`.execute(trx)
    const seq = rows.at(-1)?.seq
    if (seq === undefined) return null
    const chains = new Map(Object.entries(start.chains))
    for (const { hub, n, hash } of rows) if (hub !== null) chains.set(hub, { n, hash })
    await sign(trx, start, seq, chains)
    await remove(trx, seq)
    return rows.length
  }

  async function firstRemoval(trx: Transaction, start: Start): Promise<Removal | undefined> {
    const { rows } = await sql<StoredRemoval>`SELECT number, statement, signature FROM audit_database_removals
      WHERE (statement::json ->> 'last')::bigint > ${start.seq}
      ORDER BY (statement::json ->> 'first')::bigint LIMIT 1`.execute(trx)
    return readRemovals(rows, key(), start).signed[0]
  }

  /** Deletes what is left of a part, once all of it is old. */
  async function partOf(
    trx: Transaction,
    start: Start,
    removal: Removal,
    before: Date,
  ): Promise<number | null> {
    const { last, newest } = removal
    if (Date.parse(newest) >= before.getTime()) return null
    const { rows } = await sql<{ left: number }>`SELECT count(*)::integer AS left
      FROM audit_database_events WHERE seq <= ${last}`.execute(trx)
    const { chains } = stateBefore(start, [removal], last)
    await sign(trx, start, last, new Map(Object.entries(chains)))
    await remove(trx, last)
    return rows[0]?.left ?? 0
  }

  const sign: SignStart = async (trx, start, seq, chains) => {
    const checkpoint = await lastGone(trx, seq)
    const ended = await endedChains(trx, checkpoint?.seq ?? 0)
    for (const hub of ended) chains.delete(hub)
    await writeStart(trx, key(), {
      kind: 'start',
      seq,
      chains: Object.fromEntries([...chains].map(([hub, { n, hash }]) => [hub, { n, hash }])),
      checkpoint: checkpoint ? { number: checkpoint.number, hash: checkpoint.hash } : start.checkpoint,
      ...(start.removal !== undefined && { removal: start.removal }),
    })
    await sql`DELETE FROM audit_database_removals WHERE (statement::json ->> 'last')::bigint <= ${seq}`.execute(
      trx,
    )
    await asRole(trx, async () => {
      await sql`DELETE FROM audit_database_checkpoints WHERE number <= ${checkpoint?.number ?? 0}`.execute(
        trx,
      )
    })
    await sql`DELETE FROM audit_database_chains WHERE hub = ANY (${ended}::text[])`.execute(trx)
    await sql`DELETE FROM audit_database_spans WHERE last <= ${seq}`.execute(trx)
  }

  /** The last checkpoint that covers deleted events only. The newest stays, because the next one continues its number. */
  async function lastGone(trx: Transaction, seq: number): Promise<(Gone & { seq: number }) | null> {
    const { rows } = await sql<Signed & { number: number }>`SELECT number, statement, signature
      FROM audit_database_checkpoints
      WHERE number < (SELECT max(number) FROM audit_database_checkpoints)
      ORDER BY number LIMIT ${CHECKPOINTS}`.execute(trx)
    let gone: (Gone & { seq: number }) | null = null
    for (const row of rows) {
      const checkpoint = read<Checkpoint>(key(), 'checkpoint', row)
      if (!checkpoint || checkpoint.seq > seq) break
      gone = { number: row.number, hash: hashOf(row.statement), seq: checkpoint.seq }
    }
    return gone
  }

  async function remove(trx: Transaction, seq: number): Promise<void> {
    let contexts: readonly { id: number }[] = []
    await asRole(trx, async () => {
      await sql`DELETE FROM audit_database_texts WHERE seq <= ${seq}`.execute(trx)
      // Of the contexts only those that no remaining request refers to; to this statement all requests remain.
      const { rows } = await sql<{
        id: number
      }>`WITH gone AS (DELETE FROM audit_database_requests WHERE seq <= ${seq} RETURNING context)
        DELETE FROM audit_database_contexts AS context WHERE id IN (SELECT context FROM gone)
          AND NOT EXISTS (SELECT FROM audit_database_requests AS kept WHERE kept.context = context.id AND kept.seq > ${seq})
        RETURNING id`.execute(trx)
      contexts = rows
    })
    await sql`DELETE FROM audit_database_context_agents
      WHERE context = ANY (${contexts.map(({ id }) => id)}::bigint[])`.execute(trx)
  }

  async function asRole(trx: Transaction, run: () => Promise<void>): Promise<void> {
    if (retentionRole !== null) await sql`SET LOCAL ROLE ${sql.id(retentionRole)}`.execute(trx)
    await run()
    if (retentionRole !== null) await sql`RESET ROLE`.execute(trx)
  }

  const days = createDayRetention({ database, retentionRole, key, log, sign })
  const types = createTypeRetention({ ...deps, dropContexts: days.dropContexts })
  return { prune }
}

/** Hubs without a remaining event or checkpoint: if such a hub records again, it starts a new chain. */
async function endedChains(trx: Transaction, seq: number): Promise<string[]> {
  const { rows } = await sql<{ hub: string }>`SELECT hub FROM audit_database_chains
    WHERE seq <= ${seq}`.execute(trx)
  return rows.map(({ hub }) => hub)
}
