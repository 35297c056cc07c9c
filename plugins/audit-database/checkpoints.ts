import { type Clock, type Database, type Log, messageOf, type Transaction } from '@mezite/core'
import { sql } from 'kysely'
import { hashOf, type Link } from './chain.ts'
import { lockTrail } from './chain-writer.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import type { AuditTables } from './migrations.ts'
import { runIn } from './sink.ts'
import { type Checkpoint, read, type Signed, signed } from './statement.ts'
import type { Noted } from './verification.ts'

const EVERY_MS = 60_000

/**
 * Signs the state of all chains, once a minute for the whole cluster and when a hub stops. From then on a change or a
 * truncation of the signed part is detected.
 */
export function createCheckpoints(parts: {
  database: Database
  key: () => CheckpointKey
  clock: Clock
  log: Log
}) {
  const { database, key, clock, log } = parts
  let timer: NodeJS.Timeout | undefined
  let newest: Noted | null = null

  /** Resolves with the newest checkpoint. */
  async function write(trx: Transaction, youngestMs: number): Promise<Noted | null> {
    await lockTrail(runIn(trx))
    const last = await lastCheckpoint(trx)
    const before = last && read<Checkpoint>(key(), 'checkpoint', last)
    if (before === null) log.error('the last checkpoint of the audit trail is not signed by this cluster')
    const now = clock.now()
    const known = last && before ? { number: last.number, hash: hashOf(last.statement) } : null
    if (before && now - Date.parse(before.time) < youngestMs) return known
    const seq = await lastOf(trx, 'audit_database_events')
    if (before?.seq === seq || seq === 0) return known
    const chains = await sql<Link & { hub: string }>`SELECT hub, n, hash FROM audit_database_chains
      WHERE seq > ${before?.seq ?? 0}`.execute(trx)
    const checkpoint: Checkpoint = {
      kind: 'checkpoint',
      number: (last?.number ?? 0) + 1,
      previous: last ? hashOf(last.statement) : null,
      time: new Date(now).toISOString(),
      seq,
      unchained: before ? before.unchained : await lastOf(trx, 'audit_database_texts WHERE hub IS NULL'),
      chains: Object.fromEntries(chains.rows.map(({ hub, n, hash }) => [hub, { n, hash }])),
    }
    const { number } = checkpoint
    const row = signed(key(), checkpoint)
    await trx
      .withTables<AuditTables>()
      .insertInto('audit_database_checkpoints')
      .values({ number, ...row })
      .execute()
    return { number, hash: hashOf(row.statement) }
  }

  /** Writes one unless the last is younger than `youngestMs` or nothing was recorded since. */
  async function take(youngestMs = 0): Promise<void> {
    newest = (await database.transaction().execute((trx) => write(trx, youngestMs))) ?? newest
  }

  const tryTo = (youngestMs: number): Promise<void> =>
    take(youngestMs).catch((error) =>
      log.warn({ error: messageOf(error) }, 'failed to write a checkpoint of the audit trail'),
    )

  return {
    /** The newest that this hub knows of, kept in memory, where an attacker who deletes checkpoints cannot reach it. */
    newest: () => newest,
    take,
    start() {
      // A little less than the interval, so that one hub does not wait for the other's next turn.
      timer = setInterval(() => void tryTo(EVERY_MS * 0.9), EVERY_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      if (timer) await tryTo(0)
      timer = undefined
    },
  }
}

async function lastCheckpoint(trx: Transaction): Promise<(Signed & { number: number }) | undefined> {
  const { rows } = await sql<Signed & { number: number }>`SELECT number, statement, signature
    FROM audit_database_checkpoints ORDER BY number DESC LIMIT 1`.execute(trx)
  return rows[0]
}

async function lastOf(trx: Transaction, events: string): Promise<number> {
  const { rows } = await sql<{ seq: number }>`SELECT coalesce(max(seq), 0) AS seq
    FROM ${sql.raw(events)}`.execute(trx)
  return rows[0]?.seq ?? 0
}
