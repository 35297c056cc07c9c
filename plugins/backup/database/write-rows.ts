import type { Database, Transaction } from '@mezite/core'
import { MezError } from '@mezite/core'
import { type RawBuilder, sql } from 'kysely'
import { copyIn, setFormats } from './copy-text.ts'
import type { CopyPart } from './read-rows.ts'
import { listIndexes, listTables, type Table } from './tables.ts'

/** Rows that a database has before a hub has ever started on it. */
const FROM_MIGRATIONS = new Set(['change_log', 'change_sequence', 'encryption_key_check'])
/** Roles that a migration has made have no time; those that somebody has stored since have one. */
const ROLES = 'rbac_roles'

/** Every database of a cluster has this table. Its comment names the transaction that wrote all rows of a copy. */
const MARKED = 'change_sequence'
const MARK = 'copied by transaction '

/**
 * Throws `MEZ_COPY_REFUSED` when a hub has ever started on this database, or is running on it: a copy replaces every row. The
 * rows of a copy may be replaced until a hub has started on it, so that a command can be repeated after it was killed at its
 * very end. PostgreSQL keeps the transaction that wrote a row in `xmin`; a hub that starts writes rows in others.
 */
export async function refuseUsed(database: Database): Promise<void> {
  const marked = await sql<{
    text: string | null
  }>`SELECT obj_description(to_regclass(${MARKED}), 'pg_class') AS text`.execute(database)
  const text = marked.rows[0]?.text ?? ''
  const copiedBy = text.startsWith(MARK) ? text.slice(MARK.length) : null
  for (const { name } of await listTables(database)) {
    if (copiedBy === null && FROM_MIGRATIONS.has(name)) continue
    const stored = name === ROLES ? sql`WHERE updated <> 0` : sql``
    const later = copiedBy === null ? stored : sql`WHERE xmin::text <> ${copiedBy}`
    const { rows } = await sql`SELECT 1 FROM ${sql.table(name)} ${later} LIMIT 1`.execute(database)
    if (rows.length > 0)
      throw new MezError('MEZ_COPY_REFUSED', `the target already contains a cluster (rows in ${name})`)
  }
}

async function markAsCopied(trx: Transaction): Promise<void> {
  const { rows } = await sql<{ id: string }>`SELECT pg_current_xact_id()::xid::text AS id`.execute(trx)
  await sql`COMMENT ON TABLE ${sql.table(MARKED)} IS ${sql.lit(`${MARK}${rows[0]!.id}`)}`.execute(trx)
}

/** The error for rows whose plugin is not configured; `owner` is its name if it is known. */
function tableWithoutPlugin(table: string, owner: string | null): MezError {
  const plugin = owner === null ? 'a plugin' : `the plugin ${owner}`
  return new MezError(
    'MEZ_COPY_REFUSED',
    `the table ${table} has rows of ${plugin} that is not configured, so the target has no such table`,
    {
      hint: `Configure ${owner === null ? 'the plugin whose name the table begins with' : `plugins.${owner}`} as when the rows were written, and repeat the command. If nobody needs the rows, delete them on the source instead; for a restore, make a new backup then.`,
    },
  )
}

/**
 * Throws `MEZ_COPY_REFUSED` when a table with rows, as `listFilled` lists them, is missing in the target. The rows of some
 * would be lost, so this comes before the first row.
 */
export async function refuseUnknown(
  filled: Readonly<Record<string, string | null>>,
  target: Database,
): Promise<void> {
  const known = new Set((await listTables(target)).map(({ name }) => name))
  for (const [name, owner] of Object.entries(filled))
    if (!known.has(name)) throw tableWithoutPlugin(name, owner)
}

/** What happens while a copy is written. */
export interface WriteSteps {
  /** The table, and the number of rows of each piece. */
  readonly wrote: (table: string, rows: number) => void
  /** Reads all rows before they are committed, with their number by table; throws if they are not what they must be. */
  readonly verify: (trx: Transaction, counts: ReadonlyMap<string, number>) => Promise<void>
}

/**
 * Replaces the rows of a migrated database, which `refuseUsed` accepts, with those of a copy, and verifies them in the same
 * transaction: a copy that is interrupted or wrong leaves the database as it was, and no hub ever sees a part of one or rows
 * that were not verified.
 */
export async function writeDatabase(
  database: Database,
  parts: AsyncIterable<CopyPart>,
  { wrote, verify }: WriteSteps,
): Promise<void> {
  const counts = new Map<string, number>()
  await database.transaction().execute(async (trx) => {
    await sql`SELECT set_config('idle_in_transaction_session_timeout', '600000', true)`.execute(trx)
    await setFormats(trx)
    const tables = new Map((await listTables(trx)).map((table) => [table.name, table]))
    const names = [...tables.keys()].map((name) => sql.table(name))
    // From here on, no hub can start on it.
    await sql`LOCK TABLE ${sql.join(names)} IN ACCESS EXCLUSIVE MODE`.execute(trx)
    await refuseUsed(trx)
    await sql`TRUNCATE ${sql.join(names)}`.execute(trx)
    // Built once, from all rows, an index takes a fraction of the time.
    const indexes = await listIndexes(trx)
    for (const { name } of indexes) await sql`DROP INDEX ${sql.ref(name)}`.execute(trx)
    let store: (rows: number, text: Uint8Array) => Promise<void> = async () => {
      throw new MezError('MEZ_BACKUP_UNREADABLE', 'the copy has rows that belong to no table')
    }
    for await (const part of parts) {
      if ('rows' in part) {
        await store(part.rows, part.text)
        continue
      }
      const { table: name, columns } = part
      const table = tables.get(name)
      if (counts.has(name)) throw new MezError('MEZ_BACKUP_UNREADABLE', `the copy has ${name} twice`)
      if (!table) {
        // Empty, it can stay behind.
        store = async () => {
          throw tableWithoutPlugin(name, null)
        }
        continue
      }
      counts.set(name, 0)
      const into = targetOf(table, columns)
      store = async (rows, text) => {
        const stored = await copyIn(trx, into, text)
        if (stored !== rows)
          throw new MezError('MEZ_COPY_INCOMPLETE', `${stored} of ${rows} rows of ${name} were stored`)
        counts.set(name, counts.get(name)! + rows)
        wrote(name, rows)
      }
    }
    for (const { table, definition } of indexes) {
      wrote(`the indexes of ${table}`, 0)
      await sql.raw(definition).execute(trx)
    }
    for (const table of tables.values()) await advanceSequences(trx, table)
    await sql`ANALYZE`.execute(trx)
    await markAsCopied(trx)
    await verify(trx, counts)
  })
}

function targetOf({ name, columns }: Table, given: readonly string[]): RawBuilder<unknown> {
  for (const column of given)
    if (!columns.some((one) => one.name === column))
      throw new MezError('MEZ_BACKUP_UNREADABLE', `the copy has an unknown column of ${name}, ${column}`)
  return sql`${sql.table(name)} (${sql.join(given.map((column) => sql.ref(column)))})`
}

/** New rows continue the numbers of the copied ones. */
async function advanceSequences(trx: Transaction, { name, columns }: Table): Promise<void> {
  for (const column of columns) {
    if (column.type !== 'bigint' && column.type !== 'integer') continue
    await sql`SELECT setval(s.name, (SELECT max(${sql.ref(column.name)}) FROM ${sql.table(name)}))
      FROM (SELECT pg_get_serial_sequence(${`"${name}"`}, ${column.name}) AS name) AS s
      WHERE s.name IS NOT NULL AND EXISTS (SELECT 1 FROM ${sql.table(name)})`.execute(trx)
  }
}
