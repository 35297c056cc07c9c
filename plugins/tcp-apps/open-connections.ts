import { randomUUID } from 'node:crypto'
import {
  type Audit,
  type AuditInput,
  type Clock,
  type Database,
  type Log,
  messageOf,
  type Revisions,
} from '@mezite/core'
import type { OpenTable, OpenTables } from './migrations.ts'

/** Remembers open connections, so that each `app.session.start` gets its `app.session.end`. */
export interface OpenConnections {
  opened(id: string, event: AuditInput): void
  /** Records its end after its row is deleted, so that a hub that dies in between does not cause a second record. */
  closed(id: string, end: AuditInput): void
  /** Records all waiting ends, and each later one at once. Call it before the audit stops. */
  settle(): Promise<void>
}

export interface RunningOpenConnections extends OpenConnections {
  start(): void
  /** Writes the rest and deletes the row of this hub. */
  stop(): Promise<void>
}

const FLUSH_MS = 100
const BEAT_MS = 5_000
const LOST_MS = 30_000
const BATCH = 200
const MAX_PENDING = 20_000

/** `kept`: the database contains it. `unsure`: a statement about it is under way, or failed but may have been executed. */
type Noted = 'kept' | 'unsure'

/**
 * Batches of a tenth of a second: a shorter connection never reaches the database. A hub that has not been seen for half a
 * minute counts as gone, and the first hub that notices records the ends of its connections, as `hub_lost` and without
 * byte counts. On a database that only one hub can open, every other hub is gone when this one starts.
 */
export function createOpenConnections(options: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'write' | 'alone'>
  readonly audit: Pick<Audit, 'record'>
  readonly clock: Clock
  readonly log: Log
}): RunningOpenConnections {
  const { revisions, audit, clock, log } = options
  const db = options.database.withTables<OpenTables>()
  const instance = randomUUID()
  const rows = new Map<string, OpenTable>()
  const noted = new Map<string, Noted>()
  /** Closed connections, each with the end that is still to be recorded. */
  const gone = new Map<string, AuditInput | null>()
  /** Open connections whose end another hub has recorded. */
  const ended = new Set<string>()
  let databaseAheadMs = 0
  let settled = false
  let beatAt = Number.NEGATIVE_INFINITY
  let reapAt = Number.NEGATIVE_INFINITY
  let okAt = Number.POSITIVE_INFINITY
  let steadySince = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let busy = false
  /** Whether the current outage has been logged. */
  let failing = false

  async function flush(): Promise<void> {
    const now = clock.monotonic()
    if (now - beatAt >= BEAT_MS) {
      await beat()
      beatAt = now
    }
    const opened = [...rows.values()].slice(0, BATCH)
    if (opened.length > 0) {
      for (const { id } of opened) noted.set(id, 'unsure')
      await db
        .insertInto('tcp_apps_open')
        .values(opened)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      for (const { id } of opened) {
        rows.delete(id)
        noted.set(id, 'kept')
      }
    }
    while (gone.size > 0) {
      const closed = [...gone.keys()].slice(0, BATCH)
      const kept = new Set(closed.filter((id) => noted.get(id) === 'kept'))
      for (const id of kept) noted.set(id, 'unsure')
      const query = db.deleteFrom('tcp_apps_open').where('id', 'in', closed).returning('id')
      const found = new Set((await query.execute()).map(({ id }) => id))
      for (const id of closed) {
        // If a kept row is missing, another hub took this one for gone and recorded the end.
        if (found.has(id) || !kept.has(id)) recordEnd(id)
        forget(id)
      }
    }
  }

  /** The time by the clock of the database, because those of hubs may differ. Milliseconds since the epoch. */
  async function databaseNow(): Promise<number> {
    const query = db.selectNoFrom((build) => build.fn<Date>('now').as('now'))
    const now = (await query.executeTakeFirstOrThrow()).now.getTime()
    databaseAheadMs = now - clock.now()
    return now
  }

  async function beat(): Promise<void> {
    const seen = await databaseNow()
    const own = await db
      .updateTable('tcp_apps_hubs')
      .set({ seen })
      .where('instance', '=', instance)
      .returning('instance')
      .execute()
    if (own.length > 0) return
    // Done before this hub is registered again, so that both steps are repeated if one fails.
    if (beatAt !== Number.NEGATIVE_INFINITY) await leaveToOthers()
    await db
      .insertInto('tcp_apps_hubs')
      .values({ instance, seen })
      .onConflict((conflict) => conflict.column('instance').doUpdateSet({ seen }))
      .execute()
  }

  /** Another hub took this one for gone and has recorded the ends of its connections, even of those that are still open. */
  async function leaveToOthers(): Promise<void> {
    const query = db.selectFrom('tcp_apps_open').select('id').where('instance', '=', instance)
    const left = new Set((await query.execute()).map(({ id }) => id))
    for (const id of [...noted.keys()]) {
      if (left.has(id)) continue
      rows.delete(id)
      if (gone.has(id)) forget(id)
      else ended.add(id)
    }
  }

  function forget(id: string): void {
    gone.delete(id)
    noted.delete(id)
    ended.delete(id)
  }

  function recordEnd(id: string): void {
    const end = gone.get(id)
    if (end) audit.record(end)
    gone.set(id, null)
  }

  /** Records the ends of the connections of hubs that were last seen before this time. */
  async function reap(before: number): Promise<void> {
    const lost = await db.selectFrom('tcp_apps_hubs').selectAll().where('seen', '<', before).execute()
    for (const hub of lost) {
      if (hub.instance === instance) continue
      await revisions.write(async (trx, change) => {
        const own = trx.withTables<OpenTables>()
        const dead = await own
          .deleteFrom('tcp_apps_hubs')
          .where('instance', '=', hub.instance)
          .where('seen', '<', before)
          .returning('seen')
          .execute()
        if (dead.length === 0) return
        const left = await own
          .deleteFrom('tcp_apps_open')
          .where('instance', '=', hub.instance)
          .returningAll()
          .execute()
        for (const row of left as OpenTable[]) await change.audit(lostEvent(row, hub.seen))
      })
    }
  }

  function tick(): void {
    if (busy) return
    busy = true
    running = (async () => {
      await flush()
      const first = okAt === Number.POSITIVE_INFINITY
      const now = clock.monotonic()
      // After an outage of the database no hub has been seen for a while; each gets time to report that it is alive.
      if (now - okAt > 2 * BEAT_MS) steadySince = now
      okAt = now
      if (now - reapAt < BEAT_MS || now - steadySince < LOST_MS) return
      reapAt = now
      await reap(first && revisions.alone ? Number.MAX_SAFE_INTEGER : (await databaseNow()) - LOST_MS)
    })()
      .then(
        () => {
          if (failing) log.info('open connections are stored again')
          failing = false
        },
        (error) => {
          if (!failing) log.warn({ cause: messageOf(error) }, 'failed to store open connections')
          failing = true
        },
      )
      .finally(() => {
        busy = false
      })
  }

  return {
    opened(id, event) {
      if (rows.size >= MAX_PENDING) return
      const started = clock.now() + databaseAheadMs
      rows.set(id, { id, instance, event: JSON.stringify(event), started })
    },
    closed(id, end) {
      if (ended.has(id)) return forget(id)
      const unknown = rows.delete(id) && !noted.has(id)
      if (unknown || settled) audit.record(end)
      if (!unknown) gone.set(id, settled ? null : end)
    },
    async settle() {
      settled = true
      await running
      tick()
      await running
      for (const id of gone.keys()) recordEnd(id)
    },
    start() {
      tick()
      timer = setInterval(tick, FLUSH_MS)
    },
    async stop() {
      clearInterval(timer)
      await running
      try {
        await flush()
        await db.deleteFrom('tcp_apps_hubs').where('instance', '=', instance).execute()
      } catch (error) {
        log.warn({ cause: messageOf(error) }, 'failed to store open connections')
      }
    },
  }
}

function lostEvent(row: OpenTable, seen: number): AuditInput {
  const event = JSON.parse(row.event) as AuditInput
  return {
    ...event,
    type: 'app.session.end',
    fields: {
      ...event.fields,
      bytes_in: null,
      bytes_out: null,
      duration_ms: Math.max(0, Math.round(seen - row.started)),
      end_reason: 'hub_lost',
    },
  }
}
