import { type Figure, verdict } from './row.ts'

const HEAD = ['', 'ours', 'against', 'theirs', 'ratio', 'range', 'reach', 'aim', '']

/** Three significant digits. */
export function showNumber(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value >= 1000) return String(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

/** The figures as aligned columns, a line each, under a head. */
export function table(figures: readonly Figure[]): string {
  const lines = [HEAD, ...figures.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cells(figure: Figure): string[] {
  const { what, ours, unit, against, ratio, range, goal } = figure
  const sign = goal?.kind === 'least' ? '>=' : '<='
  return [
    what,
    `${showNumber(ours)} ${unit}`,
    against?.name ?? '',
    against ? `${showNumber(against.value)} ${unit}` : '',
    ratio === null ? '' : showNumber(ratio),
    range ? range.map(showNumber).join(' - ') : '',
    goal ? `${sign} ${showNumber(goal.reach)}` : '',
    goal ? `${sign} ${showNumber(goal.aim)}` : '',
    verdict(figure),
  ]
}

/** Words to the left, numbers to the right. */
function pad(cell: string, width: number, column: number): string {
  return [0, 2, 8].includes(column) ? cell.padEnd(width) : cell.padStart(width)
}
