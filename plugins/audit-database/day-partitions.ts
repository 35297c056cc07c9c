import { type Clock, type Database, type Log, messageOf, type Transaction } from '@mezite/core'
import { createPostgresSession } from '@mezite/core/postgres-session'
import { sql } from 'kysely'
import { lockTrail, NUMBERS_OF_DAY } from './chain-writer.ts'
import { createRequestViews } from './request-tables.ts'
import { runIn } from './sink.ts'

const DAY_MS = 86_400_000
/** How many days before it begins a day has its partitions. */
const AHEAD = 1
/** While one statement waits to change a table, all readers of the table wait behind it. */
const LOCK_MS = 2_000
const AGAIN_MS = 3_600_000
/** A smaller table is not worth partitions: in bytes. */
const SMALLEST = 64 * 1024 * 1024
/** A table of years is read whole once. */
const LONGEST_MS = 6 * 3_600_000

/** The partitioned tables with the column of their numbers, and the sequence that counts it. */
const TABLES = {
  audit_database_texts: { key: 'seq', sequence: 'audit_database_events_seq_seq' },
  audit_database_requests: { key: 'seq', sequence: null },
  audit_database_contexts: { key: 'id', sequence: 'audit_database_contexts_id_seq' },
} as const

export type PartitionedTable = keyof typeof TABLES
const tables = Object.entries(TABLES) as [
  PartitionedTable,
  { readonly key: string; readonly sequence: string | null },
][]

/** The events of a day, or all from before there were partitions. */
export interface Partition {
  readonly table: PartitionedTable
  readonly name: string
  /** Its numbers are below this. */
  readonly end: number
}

export interface PartitionDeps {
  readonly database: Database
  readonly url: string
  /** The PostgreSQL role that owns the tables, if it is not the hub's own. */
  readonly retentionRole: string | null
  readonly clock: Clock
  readonly log: Log
  /** Tables with fewer bytes of requests are not partitioned. */
  readonly smallest?: number
}

export const dayOf = (time: number): number => Math.floor(time / DAY_MS)

/** Partitions in the order of their numbers; none while the tables are not partitioned. */
export async function listPartitions(database: Database): Promise<readonly Partition[]> {
  const { rows } = await sql<Omit<Partition, 'end'> & { bounds: string }>`
    SELECT parent.relname AS table, child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE parent.oid = ANY (ARRAY(SELECT to_regclass(name) FROM unnest(${Object.keys(TABLES)}::text[]) AS name))`.execute(
    database,
  )
  return rows
    .map(({ bounds, ...partition }) => ({ ...partition, end: Number(/ TO \('?(\d+)/.exec(bounds)?.[1]) }))
    .sort((one, other) => one.end - other.end)
}

/** As the role that owns the tables. Rejects when a lock is not free soon. */
export async function asOwner(
  trx: Transaction,
  role: string | null,
  run: () => Promise<void>,
): Promise<void> {
  await sql`SELECT set_config('lock_timeout', ${String(LOCK_MS)}, true)`.execute(trx)
  if (role !== null) await sql`SET LOCAL ROLE ${sql.id(role)}`.execute(trx)
  await run()
  if (role !== null) await sql`RESET ROLE`.execute(trx)
}

/**
 * Partitions the tables of the trail by day, on PostgreSQL, while hubs of any version write: the table of before becomes the
 * first partition, and is not copied. Then keeps partitions for the next days. The numbers of day N since 1970 begin at
 * N × `NUMBERS_OF_DAY`, so that the bounds of a partition are known before its day.
 */
export function createDayPartitions(deps: PartitionDeps) {
  const { database, url, retentionRole, clock, log, smallest = SMALLEST } = deps

  /** Resolves once partitions for today and the next days exist, and events of today get the numbers of today. */
  async function keep(): Promise<void> {
    const today = dayOf(clock.now())
    let partitions = await listPartitions(database)
    if (partitions.length === 0) {
      if (!(await isLarge())) return
      await begin(today)
      partitions = await listPartitions(database)
    }
    for (let day = today; day <= today + AHEAD; day += 1)
      if ((partitions.at(-1)?.end ?? 0) <= day * NUMBERS_OF_DAY) await add(day, partitions)
    await openDay(today)
  }

  async function isLarge(): Promise<boolean> {
    const { rows } = await sql<{ bytes: number }>`SELECT pg_relation_size('audit_database_requests')
      + pg_relation_size('audit_database_texts') AS bytes`.execute(database)
    return (rows[0]?.bytes ?? 0) >= smallest
  }

  async function begin(today: number): Promise<void> {
    const end = (await markedEnd()) ?? (await firstFree(today))
    const session = createPostgresSession(url, LONGEST_MS)
    try {
      if (retentionRole !== null) await session.statement(`SET ROLE ${quoted(retentionRole)}`)
      const constraints = await listConstraints()
      for (const [table, { key }] of tables) {
        const name = `${table}_before`
        if (!constraints.has(name))
          await database.transaction().execute((trx) =>
            asOwner(trx, retentionRole, async () => {
              await sql
                .raw(`ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${key} < ${end}) NOT VALID`)
                .execute(trx)
            }),
          )
        // Reads the whole table, but only this statement waits for it.
        if (constraints.get(name) !== true)
          await session.statement(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${name}`)
      }
    } finally {
      await session.close().catch(() => {})
    }
    await database.transaction().execute((trx) => exchange(trx, end))
    log.info({ end }, 'the audit trail is partitioned by day from now on')
  }

  /** Whether each was validated; an attempt that was interrupted may have left some. */
  async function listConstraints(): Promise<ReadonlyMap<string, boolean>> {
    const { rows } = await sql<{ name: string; valid: boolean }>`SELECT conname AS name, convalidated AS valid
      FROM pg_constraint WHERE conname LIKE 'audit\\_database\\_%\\_before'`.execute(database)
    return new Map(rows.map(({ name, valid }) => [name, valid]))
  }

  /** The first number after the table of before, as an attempt that was interrupted has chosen it. */
  async function markedEnd(): Promise<number | null> {
    const { rows } = await sql<{
      end: string
    }>`SELECT substring(pg_get_constraintdef(oid) FROM '[0-9]{5,}') AS end
      FROM pg_constraint WHERE conname = 'audit_database_texts_before'`.execute(database)
    return rows[0] ? Number(rows[0].end) : null
  }

  async function firstFree(today: number): Promise<number> {
    const { rows } = await sql<{ last: number }>`SELECT greatest((SELECT max(seq) FROM audit_database_texts),
      (SELECT max(seq) FROM audit_database_requests), (SELECT max(id) FROM audit_database_contexts), 0) AS last`.execute(
      database,
    )
    return Math.max(today, Math.floor((rows[0]?.last ?? 0) / NUMBERS_OF_DAY) + 1) * NUMBERS_OF_DAY
  }

  async function exchange(trx: Transaction, end: number): Promise<void> {
    const run = (statement: string) => sql.raw(statement).execute(trx)
    // No writer is between two tables.
    await lockTrail(runIn(trx))
    await asOwner(trx, retentionRole, async () => {
      for (const [table, { key, sequence }] of tables) {
        const before = `${table}_before`
        await run(`ALTER TABLE ${table} RENAME TO ${before}`)
        const { rows } =
          sequence === null
            ? { rows: [] }
            : await sql<{ last: number; called: boolean }>`SELECT last_value AS last, is_called AS called
              FROM ${sql.table(sequence)}`.execute(trx)
        if (sequence !== null) await run(`ALTER TABLE ${before} ALTER COLUMN ${key} DROP IDENTITY`)
        await run(`CREATE TABLE ${table} (LIKE ${before}, CONSTRAINT ${table}_number PRIMARY KEY (${key}))
          PARTITION BY RANGE (${key})`)
        if (sequence !== null) {
          await run(`CREATE SEQUENCE ${sequence} OWNED BY ${table}.${key}`)
          await sql`SELECT setval(${sequence}, ${rows[0]!.last}, ${rows[0]!.called})`.execute(trx)
          await run(`ALTER TABLE ${table} ALTER COLUMN ${key} SET DEFAULT nextval('${sequence}')`)
        }
        await run(`ALTER TABLE ${table} ATTACH PARTITION ${before} FOR VALUES FROM (MINVALUE) TO (${end})`)
        await run(`ALTER TABLE ${before} DROP CONSTRAINT ${table}_before`)
        await copyGrants(trx, before, table, sequence)
      }
    })
    // The views go on reading the tables that they were made for.
    await createRequestViews(run)
  }

  async function add(day: number, partitions: readonly Partition[]): Promise<void> {
    await database.transaction().execute((trx) =>
      asOwner(trx, retentionRole, async () => {
        for (const [table] of tables) {
          const like = partitions.findLast((each) => each.table === table)
          if (!like) throw new Error(`${table} has no partition`)
          const name = `${table}_${day}`
          const run = (statement: string) => sql.raw(statement).execute(trx)
          await run(`CREATE TABLE ${name} (LIKE ${like.name} INCLUDING INDEXES)`)
          await run(`ALTER TABLE ${table} ATTACH PARTITION ${name}
            FOR VALUES FROM (${day * NUMBERS_OF_DAY}) TO (${(day + 1) * NUMBERS_OF_DAY})`)
        }
      }),
    )
  }

  /** From now on events get the numbers of this day. A day whose partition is missing goes on with the one before. */
  async function openDay(day: number): Promise<void> {
    const first = day * NUMBERS_OF_DAY
    await database.transaction().execute(async (trx) => {
      await lockTrail(runIn(trx))
      const { rows } = await sql<{
        last: number
      }>`SELECT greatest((SELECT max(seq) FROM audit_database_texts),
        (SELECT max(seq) FROM audit_database_requests), 0) AS last`.execute(trx)
      if ((rows[0]?.last ?? 0) >= first) return
      for (const [, { sequence }] of tables)
        if (sequence !== null) await sql`SELECT setval(${sequence}, ${first}, false)`.execute(trx)
    })
  }

  let againAt = 0
  return {
    /** Logs instead of rejecting, and tries again an hour later: without partitions, events are stored and deleted as before. */
    async keep(): Promise<void> {
      if (clock.now() < againAt) return
      try {
        await keep()
      } catch (error) {
        againAt = clock.now() + AGAIN_MS
        log.warn({ error: messageOf(error) }, 'failed to partition the audit trail; it is stored as before')
      }
    },
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Whoever may read or write the table of before may do so with the new one. */
async function copyGrants(
  trx: Transaction,
  from: string,
  to: string,
  sequence: string | null,
): Promise<void> {
  const { rows } = await sql<{ role: string; privileges: string }>`
    SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS role,
      string_agg(acl.privilege_type, ', ') AS privileges
    FROM pg_class AS class CROSS JOIN aclexplode(class.relacl) AS acl
    WHERE class.oid = ${from}::regclass AND acl.grantee <> class.relowner GROUP BY 1`.execute(trx)
  for (const { role, privileges } of rows) {
    await sql.raw(`GRANT ${privileges} ON ${to} TO ${role}`).execute(trx)
    if (sequence !== null && privileges.includes('INSERT'))
      await sql.raw(`GRANT SELECT, USAGE, UPDATE ON SEQUENCE ${sequence} TO ${role}`).execute(trx)
  }
}
