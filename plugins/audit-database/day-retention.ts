import { type Database, type Log, messageOf, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import type { Link } from './chain.ts'
import { lockTrail } from './chain-writer.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import { asOwner, listPartitions, type Partition } from './day-partitions.ts'
import { listRemovals, readRemovals, stateBefore } from './removals.ts'
import type { SignStart } from './retention.ts'
import { runIn } from './sink.ts'
import { type Checkpoint, read, readStart, type Signed, type Start } from './statement.ts'

/** Notes of searches that go at once. */
const NOTES = 10_000
const PAGE = 500

export interface DayRetentionDeps {
  readonly database: Database
  readonly retentionRole: string | null
  readonly key: () => CheckpointKey
  readonly log: Log
  readonly sign: SignStart
}

/**
 * Drops the partitions of days that are older than the retention. The new start of the trail is signed before, so that whoever
 * reads the trail meanwhile begins after them; nothing is deleted row by row.
 */
export function createDayRetention({ database, retentionRole, key, log, sign }: DayRetentionDeps) {
  /** Resolves with the number of events that went. */
  async function dropDays(before: Date, signal?: AbortSignal): Promise<number> {
    let gone = 0
    while (!signal?.aborted) {
      const partitions = (await listPartitions(database)).filter(({ table }) => table !== CONTEXTS)
      const end = partitions[0]?.end
      if (end === undefined || !(await isOver(end, before))) break
      gone += await moveStart(end)
      for (const partition of partitions) if (partition.end === end) await drop(partition)
      await dropContexts(end)
    }
    return gone
  }

  /** Whether the trail has gone on beyond this number, and everything below is old enough. */
  async function isOver(end: number, before: Date): Promise<boolean> {
    const known = sql`(SELECT coalesce(max(last), 0) FROM audit_database_spans)`
    const { rows } = await sql<{ left: boolean; newest: Date | null }>`SELECT
      greatest((SELECT max(seq) FROM audit_database_texts), (SELECT max(seq) FROM audit_database_requests)) >= ${end} AS left,
      greatest((SELECT max(newest) FROM audit_database_spans WHERE first < ${end}),
        (SELECT max(time) FROM audit_database_texts WHERE seq > ${known} AND seq < ${end}),
        (SELECT max(time) FROM audit_database_requests WHERE seq > ${known} AND seq < ${end})) AS newest`.execute(
      database,
    )
    const { left = false, newest = null } = rows[0] ?? {}
    return left === true && (newest === null || newest < before)
  }

  /** Resolves with the number of events before the new start. */
  async function moveStart(end: number): Promise<number> {
    const [start, removals] = await database
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        const start = await readStart(trx, key())
        return [start, readRemovals(await listRemovals(trx), key(), start).signed] as const
      })
    if (start.seq >= end - 1) return 0
    // Rows below no longer change, so that writers wait for the signature only.
    const chains = await linksBelow(end, stateBefore(start, removals, end - 1))
    let events = 0
    for (const [hub, { n }] of chains) events += n - (start.chains[hub]?.n ?? 0)
    for (const removal of removals) if (removal.last < end) events -= removal.events
    await database.transaction().execute(async (trx) => {
      await lockTrail(runIn(trx))
      const now = await readStart(trx, key())
      if (now.seq !== start.seq) throw new Error('another hub deletes old events')
      await sign(trx, now, end - 1, chains)
    })
    return events
  }

  /** The last link below this number of each chain; `state` is one of the trail up to there. */
  async function linksBelow(end: number, state: Start): Promise<Map<string, Link>> {
    const chains = new Map(Object.entries(state.chains))
    let [seq, number] = [state.seq, state.checkpoint.number]
    for (let full = true; full; ) {
      const { rows } = await sql<Signed & { number: number }>`SELECT number, statement, signature
        FROM audit_database_checkpoints WHERE number > ${number} ORDER BY number LIMIT ${PAGE}`.execute(
        database,
      )
      full = rows.length === PAGE
      for (const row of rows) {
        const checkpoint = read<Checkpoint>(key(), 'checkpoint', row)
        if (!checkpoint || checkpoint.seq >= end) {
          full = false
          break
        }
        if (checkpoint.seq > seq) {
          for (const [hub, link] of Object.entries(checkpoint.chains)) chains.set(hub, link)
          seq = checkpoint.seq
        }
        number = row.number
      }
    }
    const { rows } = await sql<Link & { hub: string }>`SELECT DISTINCT ON (hub) hub, n, hash
      FROM audit_database_events WHERE seq > ${seq} AND seq < ${end} AND hub IS NOT NULL ORDER BY hub, n DESC`.execute(
      database,
    )
    for (const { hub, n, hash } of rows) chains.set(hub, { n, hash })
    return chains
  }

  async function drop({ name }: Partition): Promise<void> {
    await database
      .transaction()
      .execute((trx) => asOwner(trx, retentionRole, async () => void (await remove(trx, name))))
  }

  const remove = (trx: Transaction, name: string) => sql`DROP TABLE ${sql.table(name)}`.execute(trx)

  /** Contexts go with the last request that refers to them: a hub of an older version uses those of the day before. */
  async function dropContexts(end: number): Promise<void> {
    const dropped = await database.transaction().execute(async (trx) => {
      await lockTrail(runIn(trx))
      const { rows } = await sql<{ first: number | null }>`SELECT min(context) AS first
        FROM audit_database_requests`.execute(trx)
      const first = Math.min(end, rows[0]?.first ?? end)
      const old = (await listPartitions(trx)).filter((each) => each.table === CONTEXTS && each.end <= first)
      await asOwner(trx, retentionRole, async () => {
        for (const { name } of old) await remove(trx, name)
      })
      return old.at(-1)?.end ?? 0
    })
    for (let count = NOTES; count === NOTES; ) {
      const { numAffectedRows = 0n } =
        await sql`DELETE FROM audit_database_context_agents WHERE (context, agent) IN (
        SELECT context, agent FROM audit_database_context_agents WHERE context < ${dropped} LIMIT ${NOTES})`.execute(
          database,
        )
      count = Number(numAffectedRows)
    }
  }

  return {
    dropContexts,
    async dropDays(before: Date, signal?: AbortSignal): Promise<number> {
      try {
        return await dropDays(before, signal)
      } catch (error) {
        log.warn(
          { error: messageOf(error) },
          'failed to drop old days of the audit trail; the next run tries again',
        )
        return 0
      }
    },
  }
}

const CONTEXTS = 'audit_database_contexts'
