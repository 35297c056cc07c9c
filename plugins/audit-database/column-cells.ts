import { filedName } from './stored-name.ts'

/** Events contain neither separator: their texts are escaped, and so are the strings in JSON. */
const END_OF_CELL = '\n'
const NULL = '\u0001'

/**
 * A column as one text: an array would cost the driver several times as much, and JSON the database. A column that consists
 * of one empty text is read as NULL.
 */
export const cells = (column: readonly (string | number)[]): string => column.join(END_OF_CELL)

export const cellOrNull = (value: unknown): string => (typeof value === 'string' ? value : NULL)

/** An empty name is stored as NULL. */
export const nameCell = (name: unknown): string =>
  typeof name === 'string' && name !== '' ? filedName(name) : NULL

/**
 * Parts of a text, separated by tabs, for `COPY`, which escapes tabs and backslashes. Line feeds do not occur. `whole`
 * is the text: one search of it says that most have nothing to escape.
 */
export function copyCell(parts: readonly string[], whole: string): string {
  const escaped = whole.includes('\\') ? parts.map((part) => part.replaceAll('\\', '\\\\')) : parts
  return escaped.join('\\t')
}

/** A FROM item: the parameters from number `first` on, one for each column, as rows. */
export function rowsOf(first: number, columns: string): string {
  const cellsOf = (_: string, at: number) => `string_to_table($${first + at}, E'\\n', E'\\x01')`
  return `ROWS FROM (${columns.split(', ').map(cellsOf).join(', ')}) AS given (${columns})`
}
