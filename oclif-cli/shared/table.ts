import { escapeText } from './text-escaping.ts'

const GAP = 2
/** Ids and times are never broken: they are read and copied whole. */
const WHOLE = /^(?:[\da-f]{8}(?:-[\da-f]+)+|\d{4}-\d\d-\d\d(?:[ T][\d:.]+Z?)?|\d+[dhms] ago|in \d+[dhms])$/i
/** A line may break after a space or one of these characters, and between wide characters. */
const PIECE = /[^\s,.@/_-]*[\s,.@/_-]+|[^\s,.@/_-]+/gu
/** Columns of a terminal; a longer piece may be broken, or one name would make a whole table too wide. */
const LONGEST_PIECE = 40
const SHORT = new RegExp(`.{1,${LONGEST_PIECE}}`, 'gsu')
/** Characters that take one column each. */
const PLAIN = /^[ -~]*$/

/** The text of a cell: strings are escaped, lists joined with commas, empty and missing values shown as `-`. @public */
export function showCell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(showCell).join(', ')
  if (typeof value === 'object') return showLabels(value as Record<string, unknown>)
  return escapeText(String(value))
}

/** `env=prod, team=[a|b]`, escaped. */
export function showLabels(labels: Readonly<Record<string, unknown>> | null | undefined): string {
  const pairs = Object.entries(labels ?? {})
  if (pairs.length === 0) return '-'
  return pairs
    .map(
      ([key, value]) =>
        `${escapeText(key)}=${Array.isArray(value) ? `[${value.map(String).map(escapeText).join('|')}]` : escapeText(String(value))}`,
    )
    .join(', ')
}

/**
 * A table without rules. If it is wider than `columns` (the terminal; unlimited elsewhere), the widest columns are
 * narrowed and their text wraps between words. If that is not enough, lines stay longer than the terminal: text is never
 * cut off, and names of at most 40 characters, ids and times are never broken. The time that it takes grows with the number of rows alone.
 *
 * @public
 */
export function showTable(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  columns: number | undefined = terminalColumns(),
): string {
  const all = [head.map((title) => title.toUpperCase()), ...rows.map((row) => row.map(showCell))]
  const wide = widest(all, (text) => displayWidth(text))
  const narrow = columns === undefined ? null : narrowed(all, wide, columns)
  const wrappedRows = all.map((row) => row.map((text, at) => wrapped(text, (narrow ?? wide)[at]!)))
  // Text that wraps between words may need less than the width that it was given.
  const widths = wide.map(() => 0)
  for (const cells of wrappedRows)
    for (const [at, cell] of cells.entries())
      for (const line of cell) widths[at] = Math.max(widths[at]!, displayWidth(line))
  const lines: string[] = []
  for (const cells of wrappedRows) {
    const height = cells.reduce((most, { length }) => Math.max(most, length), 0)
    for (let line = 0; line < height; line++) {
      let shown = ''
      let end = 0
      for (const [at, cell] of cells.entries()) {
        const text = cell[line] ?? ''
        if (text !== '') shown += ' '.repeat(end - displayWidth(shown)) + text
        end += widths[at]! + GAP
      }
      lines.push(shown)
    }
  }
  return lines.join('\n')
}

const terminalColumns = () => (process.stdout.isTTY ? process.stdout.columns : undefined)

/** A text in lines that fit the terminal. */
export const folded = (text: string, columns = terminalColumns()): string =>
  columns === undefined ? text : wrapped(text, columns).join('\n')

/** A table without as many of the last columns as it takes to fit the terminal, and their titles. The first column always stays. */
export function showListing(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  columns: number | undefined = terminalColumns(),
): { readonly text: string; readonly hidden: readonly string[] } {
  if (columns === undefined) return { text: showTable(head, rows, columns), hidden: [] }
  const least = leastWidths([head, ...rows.map((row) => row.map(showCell))])
  let fitting = head.length
  const widthOf = (count: number) => least.slice(0, count).reduce((sum, width) => sum + width + GAP, -GAP)
  while (fitting > 1 && widthOf(fitting) > columns) fitting--
  const cells = fitting === head.length ? rows : rows.map((row) => row.slice(0, fitting))
  return { text: showTable(head.slice(0, fitting), cells, columns), hidden: head.slice(fitting) }
}

/** The greatest measure of each column. */
function widest(
  rows: readonly (readonly string[])[],
  measure: (text: string, at: number) => number,
): number[] {
  const widths = rows[0]!.map(() => 0)
  for (const row of rows)
    for (const [at, text] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, measure(text, at))
  return widths
}

/** The widths of the columns in a terminal, or null if the table does not fit. */
function narrowed(
  rows: readonly (readonly string[])[],
  wide: readonly number[],
  columns: number,
): readonly number[] | null {
  const widths = [...wide]
  let over = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) - columns
  if (over <= 0) return widths
  const least = leastWidths(rows)
  for (; over > 0; over--) {
    const most = Math.max(...widths.filter((width, at) => width > least[at]!))
    const at = widths.findIndex((width, at) => width === most && width > least[at]!)
    if (at === -1) return null
    widths[at]!--
  }
  return widths
}

/** The least width of each column in which nothing breaks that must stay whole. The first column contains names. */
const leastWidths = (rows: readonly (readonly string[])[]): number[] =>
  widest(rows, (text, at) => {
    const whole = at === 0 ? displayWidth(text) : Number.POSITIVE_INFINITY
    if (whole <= LONGEST_PIECE) return whole
    return pieces(text).reduce((most, piece) => Math.max(most, displayWidth(piece)), 0)
  })

function pieces(text: string): readonly string[] {
  if (WHOLE.test(text)) return [text]
  return (text.match(PIECE) ?? []).flatMap((piece) =>
    displayWidth(piece) > piece.length ? [...piece] : (piece.match(SHORT) ?? []),
  )
}

/** The text in lines of at most `width` columns. */
function wrapped(text: string, width: number): readonly string[] {
  if (displayWidth(text) <= width) return [text.trimEnd()]
  const lines = ['']
  for (const piece of pieces(text)) {
    if (displayWidth((lines.at(-1)! + piece).trimEnd()) > width) lines.push('')
    lines[lines.length - 1] += piece
  }
  return lines.map((line) => line.trimEnd())
}

/** The columns that a text takes: wide East Asian characters and emoji take two, combining marks none. */
function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const char of text.normalize('NFC')) {
    if (/\p{Mn}/u.test(char)) continue
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u.test(
        char,
      )
        ? 2
        : 1
  }
  return width
}

/** Lines of `name  value` with the names padded: the details of one object. @public */
export function showFields(fields: readonly (readonly [string, unknown])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + GAP
  return fields.map(([name, value]) => `${name.padEnd(width)}${showCell(value)}`).join('\n')
}
