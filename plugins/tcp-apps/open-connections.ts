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

/** `kept`: the database has it. `unsure`: a statement about it is under way, or failed and may have been carried out. */
type Noted = 'kept' | 'unsure'

/**
 * Batches of a tenth of a second: a connection that is shorter never reaches the database. A hub that has not been
 * seen for half a minute is gone, and whoever notices first records the end of what it held, as `hub_lost` and without
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
  /** With the end that is still to be recorded. */
  const gone = new Map<string, AuditInput | null>()
  /** Still open, but with an end that another hub has recorded. */
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
  /** Told once an outage, not ten times a second. */
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
        // What was kept and is not there was ended by a hub that took this one for gone.
        if (found.has(id) || !kept.has(id)) recordEnd(id)
        forget(id)
      }
    }
  }

  /** By the clock of the database: those of hubs may differ. Milliseconds since the epoch. */
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
    // Before it is among the hubs again: should one of the two fail, both are repeated.
    if (beatAt !== Number.NEGATIVE_INFINITY) await leaveToOthers()
    await db
      .insertInto('tcp_apps_hubs')
      .values({ instance, seen })
      .onConflict((conflict) => conflict.column('instance').doUpdateSet({ seen }))
      .execute()
  }

  /** Another hub took this one for gone: the ends of what it held are recorded, whatever becomes of the connections. */
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

  /** Ends, in the audit, what hubs held that were seen last before then. */
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
      // After an outage of the database no hub was seen for long; each gets the time to say that it lives.
      if (now - okAt > 2 * BEAT_MS) steadySince = now
      okAt = now
      if (now - reapAt < BEAT_MS || now - steadySince < LOST_MS) return
      reapAt = now
      await reap(first && revisions.alone ? Number.MAX_SAFE_INTEGER : (await databaseNow()) - LOST_MS)
    })()
      .then(
        () => {
          if (failing) log.info('open connections are noted again')
          failing = false
        },
        (error) => {
          if (!failing) log.warn({ cause: messageOf(error) }, 'open connections were not noted')
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
