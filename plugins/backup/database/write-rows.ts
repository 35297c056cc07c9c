import type { Database, Transaction } from '@mezite/core'
import { MezError } from '@mezite/core'
import { sql } from 'kysely'
import type { CopyPart, Row } from './read-rows.ts'
import { listTables, type Table } from './tables.ts'

/** Rows that a database has before a hub has ever started on it. */
const FROM_MIGRATIONS = new Set(['change_log', 'change_sequence', 'encryption_key_check'])

/**
 * Throws `MEZ_COPY_REFUSED` when a hub has ever started on this database, or is running on it: a copy replaces every row.
 */
export async function refuseUsed(database: Database): Promise<void> {
  for (const { name } of await listTables(database)) {
    if (FROM_MIGRATIONS.has(name)) continue
    const { rows } = await sql`SELECT 1 FROM ${sql.table(name)} LIMIT 1`.execute(database)
    if (rows.length > 0)
      throw new MezError('MEZ_COPY_REFUSED', `the target already contains a cluster (rows in ${name})`)
  }
}

/**
 * Replaces the rows of a migrated database with those of a copy, in one transaction: a copy that is interrupted leaves it as
 * it was, and no hub ever sees a part of one. Calls `wrote` with the table and the number of rows of each piece. Resolves to
 * the number of rows by table.
 */
export async function writeDatabase(
  database: Database,
  parts: AsyncIterable<CopyPart>,
  wrote: (table: string, rows: number) => void,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  await database.transaction().execute(async (trx) => {
    await sql`SELECT set_config('idle_in_transaction_session_timeout', '600000', true)`.execute(trx)
    const tables = new Map((await listTables(trx)).map((table) => [table.name, table]))
    for (const name of [...tables.keys()].reverse()) await sql`DELETE FROM ${sql.table(name)}`.execute(trx)
    let insert: (rows: readonly Row[]) => Promise<void> = async () => {
      throw new MezError('MEZ_BACKUP_UNREADABLE', 'the copy has rows that belong to no table')
    }
    for await (const part of parts) {
      if ('rows' in part) {
        await insert(part.rows)
        continue
      }
      const { table: name, columns } = part
      const table = tables.get(name)
      if (!table || counts.has(name))
        throw new MezError('MEZ_BACKUP_UNREADABLE', `the copy has rows of an unexpected table, ${name}`)
      counts.set(name, 0)
      insert = async (rows) => {
        await insertRows(trx, table, columns, rows)
        counts.set(name, counts.get(name)! + rows.length)
        wrote(name, rows.length)
      }
    }
    for (const table of tables.values()) await advanceSequences(trx, table)
  })
  return counts
}

async function insertRows(
  trx: Transaction,
  { name, columns }: Table,
  given: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const types = given.map((column) => {
    const known = columns.find((one) => one.name === column)
    if (known) return known.type
    throw new MezError('MEZ_BACKUP_UNREADABLE', `the copy has an unknown column of ${name}, ${column}`)
  })
  const { numAffectedRows } = await sql`
    INSERT INTO ${sql.table(name)} (${sql.join(given.map((column) => sql.ref(column)))})
    OVERRIDING SYSTEM VALUE
    SELECT ${sql.join(types.map((type, at) => sql`(r.value ->> ${sql.lit(at)})::${sql.raw(type)}`))}
    FROM json_array_elements(${JSON.stringify(rows)}::json) AS r(value)`.execute(trx)
  if (numAffectedRows !== BigInt(rows.length))
    throw new MezError(
      'MEZ_COPY_INCOMPLETE',
      `${numAffectedRows} of ${rows.length} rows of ${name} were stored`,
    )
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
