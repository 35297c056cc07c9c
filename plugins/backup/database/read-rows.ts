import type { Database } from '@mezite/core'
import { MezError } from '@mezite/core'
import { type RawBuilder, sql } from 'kysely'
import { copyOut, lastRow, setFormats } from './copy-text.ts'
import { type Column, listTables, type Table } from './tables.ts'

/** One part of a copy: the name and columns of a table, then its rows in pieces. */
export type CopyPart = { readonly table: string; readonly columns: readonly string[] } | CopyPiece

interface CopyPiece {
  /** Number of rows. */
  readonly rows: number
  /** The rows in the text format of PostgreSQL's COPY, a line each: exact for every type. */
  readonly text: Uint8Array
}

/** Rows that are read, sent and written together. */
const PIECE = 8_000
/** A snapshot waits for the file or the other database, which may be slow; in milliseconds. */
const IDLE_MS = 600_000

export interface ReadOptions {
  readonly database: Database
  /** Tables whose rows stay out. */
  readonly without: ReadonlySet<string>
  /**
   * Tables that only grow. Given, their rows are read after the snapshot has ended, up to its largest key: the embedded
   * database has one connection, and a hub that runs needs it.
   */
  readonly appendOnly?: ReadonlySet<string>
}

/**
 * Reads every table as of one moment. Throws `MEZ_COPY_INCOMPLETE` when rows of a table that only grows were deleted
 * meanwhile.
 */
export async function* readDatabase({
  database,
  without,
  appendOnly,
}: ReadOptions): AsyncGenerator<CopyPart, void> {
  const snapshot = await database
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute()
  const later: { table: Table; range: Range }[] = []
  try {
    await sql`SELECT set_config('idle_in_transaction_session_timeout', ${String(IDLE_MS)}, true)`.execute(
      snapshot,
    )
    await setFormats(snapshot)
    for (const table of await listTables(snapshot)) {
      if (without.has(table.name)) continue
      if (appendOnly?.has(table.name)) {
        later.push({ table, range: await rangeOf(snapshot, table) })
        continue
      }
      yield headOf(table)
      yield* piecesOf(snapshot, table)
    }
    await snapshot.commit().execute()
  } catch (error) {
    await snapshot
      .rollback()
      .execute()
      .catch(() => {})
    throw error
  } finally {
    // A consumer that stops early leaves the transaction open.
    if (!snapshot.isCommitted && !snapshot.isRolledBack)
      await snapshot
        .rollback()
        .execute()
        .catch(() => {})
  }
  for (const { table, range } of later) {
    yield headOf(table)
    if (range.last === null) continue
    let read = 0
    for await (const part of piecesOf(database, table, range.last)) {
      read += part.rows
      yield part
    }
    if (read !== range.rows)
      throw new MezError('MEZ_COPY_INCOMPLETE', `rows of ${table.name} were deleted during the copy`)
  }
}

const headOf = ({ name, columns }: Table): CopyPart => ({
  table: name,
  columns: columns.map((column) => column.name),
})

interface Range {
  readonly rows: number
  readonly last: string | null
}

async function rangeOf(database: Database, { name, key }: Table): Promise<Range> {
  const column = sql.ref(onlyKey(name, key).name)
  const { rows } = await sql<Range>`SELECT count(*)::int AS rows, max(${column})::text AS last
    FROM ${sql.table(name)}`.execute(database)
  return rows[0]!
}

function onlyKey(name: string, key: readonly Column[]): Column {
  const [column] = key
  if (!column || key.length > 1) throw new Error(`${name} is said to only grow, but has ${key.length} keys`)
  return column
}

async function* piecesOf(
  database: Database,
  { name, columns, key }: Table,
  last?: string,
): AsyncGenerator<CopyPiece, void> {
  const values = sql.join(columns.map((column) => sql.ref(column.name)))
  const keys = sql.join(key.map((column) => sql.ref(column.name)))
  const places = key.map((one) => columns.findIndex((column) => column.name === one.name))
  // COPY takes no parameters.
  const cast = (value: string, { type }: Column) => sql`${sql.lit(value)}::${sql.raw(type)}`
  for (let after: readonly string[] | undefined; ; ) {
    const bounds: RawBuilder<unknown>[] = []
    if (after) bounds.push(sql`(${keys}) > (${sql.join(key.map((column, at) => cast(after![at]!, column)))})`)
    if (last !== undefined) bounds.push(sql`${keys} <= ${cast(last, onlyKey(name, key))}`)
    const where = bounds.length > 0 ? sql`WHERE ${sql.join(bounds, sql` AND `)}` : sql``
    const { count, bytes } = await copyOut(
      database,
      sql`SELECT ${values} FROM ${sql.table(name)} ${where} ORDER BY ${keys} LIMIT ${sql.lit(PIECE)}`,
    )
    if (count > 0) yield { rows: count, text: bytes }
    if (count < PIECE) return
    const row = lastRow(bytes)
    after = places.map((place) => row[place]!)
  }
}
