import { stripVTControlCharacters } from 'node:util'
import { escapeText } from './text-escaping.ts'

const GAP = 2
/** Ids and times are never broken: they are read and copied whole. */
const WHOLE = /^(?:[\da-f]{8}(?:-[\da-f]+)+|\d{4}-\d\d-\d\d(?:[ T][\d:.]+Z?)?|\d+[dhms] ago|in \d+[dhms])$/i
/** A line may break after a space or one of these characters, and between wide characters. */
const PIECE = /[^\s,.@/-]*[\s,.@/-]+|[^\s,.@/-]+/gu
const NO_LINES = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((name) => [name, '']),
)

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
 * cut off, and names, ids and times are never broken.
 *
 * @public
 */
export async function showTable(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  columns: number | undefined = process.stdout.isTTY ? process.stdout.columns : undefined,
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const all = [head.map((title) => title.toUpperCase()), ...rows.map((row) => row.map(showCell))]
  const widths = columns ? narrowed(all, columns) : null
  const fitted = all.map((row) => row.map((text, at) => (widths ? wrapped(text, widths[at]!) : text)))
  const table = new Table({
    chars: { ...NO_LINES, middle: ' '.repeat(GAP) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...fitted)
  return table
    .toString()
    .split('\n')
    .map((line) => stripVTControlCharacters(line).trimEnd())
    .filter((line) => line !== '')
    .join('\n')
}

/** The widths of the columns, or null if the table does not fit. */
function narrowed(rows: readonly (readonly string[])[], columns: number): readonly number[] | null {
  const widest = (texts: readonly string[]) => Math.max(...texts.map(displayWidth))
  const widths = rows[0]!.map((_, at) => widest(rows.map((row) => row[at] ?? '')))
  // The first column contains names.
  const least = widths.map((width, at) =>
    at === 0 ? width : widest(rows.flatMap((row) => pieces(row[at] ?? ''))),
  )
  let over = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) - columns
  for (; over > 0; over--) {
    const most = Math.max(...widths.filter((width, at) => width > least[at]!))
    const at = widths.findIndex((width, at) => width === most && width > least[at]!)
    if (at === -1) return null
    widths[at]!--
  }
  return widths
}

function pieces(text: string): readonly string[] {
  if (WHOLE.test(text)) return [text]
  return (text.match(PIECE) ?? []).flatMap((piece) =>
    displayWidth(piece) > piece.length ? [...piece] : [piece],
  )
}

/** The text in lines of at most `width` columns. cli-table3's own wrapping cuts off wide characters. */
function wrapped(text: string, width: number): string {
  const lines = ['']
  for (const piece of pieces(text)) {
    if (displayWidth((lines.at(-1)! + piece).trimEnd()) > width) lines.push('')
    lines[lines.length - 1] += piece
  }
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** The columns that a text takes: wide East Asian characters and emoji take two, combining marks none. */
function displayWidth(text: string): number {
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
