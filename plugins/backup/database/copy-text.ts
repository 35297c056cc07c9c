import type { Database, Transaction } from '@mezite/core'
import { CompiledQuery, type RawBuilder, sql } from 'kysely'

/** What a statement of COPY returns. */
interface Copied {
  readonly count: number
  readonly bytes: Uint8Array
}

/** Values are written and read alike, whatever the settings of a server are. Until the end of the transaction. */
export async function setFormats(trx: Transaction): Promise<void> {
  await sql`SELECT set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true),
    set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true)`.execute(trx)
}

/** The rows of a query without parameters, in the text format of COPY. */
export async function copyOut(database: Database, query: RawBuilder<unknown>): Promise<Copied> {
  const { rows } = await sql<Copied>`COPY (${query}) TO STDOUT`.execute(database)
  return rows[0]!
}

/**
 * Stores rows in the text format of COPY; `into` is a table with its columns, emptied in the same transaction, so that rows
 * need no later upkeep. Resolves to their number.
 */
export async function copyIn(trx: Transaction, into: RawBuilder<unknown>, text: Uint8Array): Promise<number> {
  const { sql: target } = into.compile(trx)
  const query = CompiledQuery.raw(`COPY ${target} FROM STDIN WITH (FREEZE)`, [text])
  const { rows } = await trx.executeQuery<Copied>(query as CompiledQuery<Copied>)
  return rows[0]!.count
}

const NEWLINE = 10
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** The values of the last row, none of which is null. */
export function lastRow(text: Uint8Array): readonly string[] {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  const from = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1
  const line = bytes.toString('utf8', from, bytes.length - 1)
  return line.split('\t').map((value) => value.replace(/\\(.)/g, (_, one: string) => ESCAPED[one] ?? one))
}

/** The number of rows: a line break within a value is escaped. */
export function countRows(text: Uint8Array): number {
  let count = 0
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) count += 1
  return count
}
