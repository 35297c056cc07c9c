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
import { createHubPresence } from './hub-presence.ts'
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
const BATCH = 200
const MAX_PENDING = 20_000

/** `kept`: the database contains it. `unsure`: a statement about it is under way, or failed but may have been executed. */
type Noted = 'kept' | 'unsure'

/** Batches of a tenth of a second: a shorter connection never reaches the database. */
export function createOpenConnections(options: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'write' | 'alone'>
  readonly audit: Pick<Audit, 'record'>
  readonly clock: Clock
  readonly log: Log
}): RunningOpenConnections {
  const { audit, log } = options
  const db = options.database.withTables<OpenTables>()
  const instance = randomUUID()
  const rows = new Map<string, OpenTable>()
  const noted = new Map<string, Noted>()
  /** Closed connections, each with the end that is still to be recorded. */
  const gone = new Map<string, AuditInput | null>()
  /** Open connections whose end another hub has recorded. */
  const ended = new Set<string>()
  let settled = false
  const presence = createHubPresence({ ...options, instance, missed: leaveToOthers })
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let busy = false
  /** Whether the current outage has been logged. */
  let failing = false

  async function flush(): Promise<void> {
    await presence.beat()
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

  /** Another hub has recorded the ends of this one's connections, even of those that are still open. */
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

  function tick(): void {
    if (busy) return
    busy = true
    running = (async () => {
      await flush()
      await presence.reap()
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
      const started = presence.databaseTime()
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
        await presence.leave()
      } catch (error) {
        log.warn({ cause: messageOf(error) }, 'failed to store open connections')
      }
    },
  }
}
