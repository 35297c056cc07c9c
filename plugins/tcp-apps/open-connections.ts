import { randomUUID } from 'node:crypto'
import {
  type Audit,
  type AuditInput,
  type Changes,
  type Clock,
  type Database,
  type Log,
  messageOf,
} from '@mezite/core'
import type { OpenTable, OpenTables } from './migrations.ts'

/** Remembers which connections are open, so that each `app.session.start` gets its `app.session.end`. */
export interface OpenConnections {
  opened(id: string, event: AuditInput): void
  /** Records its end, once the database has forgotten that it is open: whoever dies between the two records no end twice. */
  closed(id: string, end: AuditInput): void
  /** Records all ends that wait, and from now on each at once. Before the audit ends. */
  settle(): Promise<void>
}

export interface RunningOpenConnections extends OpenConnections {
  start(): void
  /** Writes what is left and forgets this hub. */
  stop(): Promise<void>
}

const FLUSH_MS = 100
const BEAT_MS = 5_000
const LOST_MS = 30_000
const BATCH = 200
const MAX_PENDING = 20_000

/**
 * Batches of a tenth of a second: a connection that is shorter never reaches the database. A hub that has not been
 * seen for half a minute is gone, and whoever notices first records the end of what it held, as `hub_lost` and without
 * byte counts. On a database that only one hub can open, every other hub is gone when this one starts.
 */
export function createOpenConnections(options: {
  readonly database: Database
  readonly changes: Pick<Changes, 'write' | 'alone'>
  readonly audit: Pick<Audit, 'record'>
  readonly clock: Clock
  readonly log: Log
}): RunningOpenConnections {
  const { changes, audit, clock, log } = options
  const db = options.database.withTables<OpenTables>()
  const instance = randomUUID()
  const rows = new Map<string, OpenTable>()
  /** With the end that is still to be recorded. */
  const gone = new Map<string, AuditInput | null>()
  let settled = false
  let beatAt = Number.NEGATIVE_INFINITY
  let reapAt = Number.NEGATIVE_INFINITY
  let okAt = Number.POSITIVE_INFINITY
  let steadySince = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let busy = false

  async function flush(): Promise<void> {
    const now = clock.monotonic()
    if (now - beatAt >= BEAT_MS) {
      const seen = clock.now()
      await db
        .insertInto('tcp_apps_hubs')
        .values({ instance, seen })
        .onConflict((conflict) => conflict.column('instance').doUpdateSet({ seen }))
        .execute()
      beatAt = now
    }
    const opened = [...rows.values()].slice(0, BATCH)
    if (opened.length > 0) {
      await db
        .insertInto('tcp_apps_open')
        .values(opened)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      for (const { id } of opened) rows.delete(id)
    }
    while (gone.size > 0) {
      const closed = [...gone.keys()].slice(0, BATCH)
      await db.deleteFrom('tcp_apps_open').where('id', 'in', closed).execute()
      for (const id of closed) {
        recordEnd(id)
        gone.delete(id)
      }
    }
  }

  function recordEnd(id: string): void {
    const end = gone.get(id)
    if (end) audit.record(end)
    gone.set(id, null)
  }

  /** Ends, in the audit, what hubs held that were seen last before then. */
  async function reap(before: number): Promise<void> {
    const lost = await db.selectFrom('tcp_apps_hubs').selectAll().where('seen', '<', before).execute()
    for (const hub of lost) {
      if (hub.instance === instance) continue
      await changes.write(async (trx, change) => {
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
      // After an outage of the database no hub was seen for long; each gets the time to say that it lives.
      if (now - okAt > 2 * BEAT_MS) steadySince = now
      okAt = now
      if (now - reapAt < BEAT_MS || now - steadySince < LOST_MS) return
      reapAt = now
      await reap(first && changes.alone ? Number.MAX_SAFE_INTEGER : clock.now() - LOST_MS)
    })()
      .catch((error) => log.warn({ cause: messageOf(error) }, 'open connections were not noted'))
      .finally(() => {
        busy = false
      })
  }

  return {
    opened(id, event) {
      if (rows.size >= MAX_PENDING) return
      rows.set(id, { id, instance, event: JSON.stringify(event), started: clock.now() })
    },
    closed(id, end) {
      // While a flush is under way the row may be on its way already.
      const unknown = rows.delete(id) && !busy
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
        log.warn({ cause: messageOf(error) }, 'open connections were not noted')
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
