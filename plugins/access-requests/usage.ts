import {
  type AuditEvent,
  type Catalog,
  type Clock,
  type Database,
  type Log,
  messageOf,
  type Revisions,
  type Users,
} from '@mezite/core'
import { sql } from 'kysely'
import type { RequestTables } from './migrations.ts'
import { KIND, type RequestStore } from './store.ts'

const FLUSH_MS = 2_000
/** A pair of person and app is written again after this time. */
const COARSE_MS = 3_600_000
/** Pairs whose time of writing is remembered. */
const MOST_PAIRS = 100_000
const USES: ReadonlySet<string> = new Set(['app.request', 'app.session.start'])

/** Remembers which apps people use, and whether grants were used, from what the audit records. */
export interface Usage {
  /** A tap of `audit.recorded`. */
  note(event: AuditEvent): void
  start(): Promise<void>
  stop(): Promise<void>
  flush(): Promise<void>
  /** When each person last used each app: by `User.key`, then by the app's UUID. */
  lastUses(): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>
  /** Since when use is recorded, in milliseconds since the epoch. */
  since(): Promise<number>
}

export function createUsage(options: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'write'>
  readonly store: Pick<RequestStore, 'recent' | 'update'>
  readonly catalog: Pick<Catalog, 'byName'>
  readonly users: Pick<Users, 'keyOf'>
  readonly clock: Clock
  readonly log: Log
}): Usage {
  const { revisions, store, catalog, users, clock, log } = options
  const db = options.database.withTables<RequestTables>()
  const written = new Map<string, number>()
  const pending = new Map<string, { user_key: string; app: string; used: number }>()
  const usedGrants = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  function note(event: AuditEvent): void {
    if (!USES.has(event.type) || event.user === null || !event.success) return
    if (typeof event.grant_id === 'string') for (const id of event.grant_id.split(',')) usedGrants.add(id)
    const app = typeof event.app === 'string' ? catalog.byName(event.app) : undefined
    if (app === undefined) return
    const pair = `${event.user} ${app.id}`
    const now = clock.now()
    const last = written.get(pair)
    if (last !== undefined && now - last < COARSE_MS) return
    if (written.size >= MOST_PAIRS) written.clear()
    written.set(pair, now)
    pending.set(pair, { user_key: users.keyOf(event.user), app: app.id, used: now })
  }

  async function flushUses(): Promise<void> {
    if (pending.size === 0) return
    const rows = [...pending.values()].slice(0, 500)
    await db
      .insertInto('access_requests_use')
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(['user_key', 'app'])
          .doUpdateSet({ used: sql<number>`greatest(access_requests_use.used, excluded.used)` }),
      )
      .execute()
    for (const [pair, row] of pending) if (rows.includes(row)) pending.delete(pair)
  }

  async function flushGrants(): Promise<void> {
    const found = () =>
      store.recent().filter(({ grant_id, used }) => used === null && usedGrants.has(grant_id ?? ''))
    if (found().length > 0)
      await revisions.write(async (trx, change) => {
        for (const { id } of found()) {
          await store.update(trx, id, { used: clock.now() })
          change.noted(KIND, id)
        }
      })
    usedGrants.clear()
  }

  async function flush(): Promise<void> {
    await flushUses()
    if (usedGrants.size > 0) await flushGrants()
  }
  const flushOrWarn = (): Promise<void> =>
    flush().catch((error: unknown) =>
      log.warn({ cause: messageOf(error) }, 'failed to store which apps people use; trying again later'),
    )

  return {
    note,
    flush,
    async start() {
      await db
        .insertInto('access_requests_since')
        .values({ one: 1, since: clock.now() })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      timer = setInterval(() => {
        running = running.then(flushOrWarn)
      }, FLUSH_MS).unref()
    },
    async stop() {
      clearInterval(timer)
      await running
      await flushOrWarn()
    },
    async lastUses() {
      const rows = await db.selectFrom('access_requests_use').selectAll().execute()
      const byUser = Map.groupBy(rows, ({ user_key }) => user_key)
      return new Map([...byUser].map(([key, own]) => [key, new Map(own.map(({ app, used }) => [app, used]))]))
    },
    async since() {
      const row = await db.selectFrom('access_requests_since').select('since').executeTakeFirst()
      return row?.since ?? clock.now()
    },
  }
}
