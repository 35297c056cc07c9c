import { showNumber } from '../bench/table.ts'
import { holds, type Outcome } from './line.ts'

/** What a line has found, as aligned columns. */
export function outcomeTable({ growths, figures }: Outcome): string {
  const number = (value: number, unit: string) => `${showNumber(value)} ${unit}`.trim()
  const parts = [
    [
      ['', 'start', 'end', 'slope a minute', ''],
      ...growths.map(({ what, unit, start, end, slopePerMinute, verdict }) => [
        what,
        ...[start, end, slopePerMinute].map((value) => number(value, unit)),
        verdict === 'growing' ? 'GROWING' : verdict,
      ]),
    ],
    [
      ['', 'value', 'limit', ''],
      ...figures.map((figure) => {
        const { what, value, unit, limit } = figure
        const sign = limit?.kind === 'least' ? '>=' : '<='
        const verdict = limit === null ? '' : holds(figure) ? 'held' : 'MISSED'
        return [what, number(value, unit), limit ? `${sign} ${showNumber(limit.value)}` : '', verdict]
      }),
    ],
  ]
  return parts
    .filter((lines) => lines.length > 1)
    .map(aligned)
    .join('\n\n')
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, at) =>
          at === 0 || at === line.length - 1
            ? cell.padEnd(widths?.[at] ?? 0)
            : cell.padStart(widths?.[at] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
