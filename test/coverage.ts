import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'

interface Lines {
  readonly total: number
  readonly covered: number
}

/** Lines of the folder that the last run of tests has run, in percent; null when there is no report. */
export function coverageOf(folder: string, report = '.tap/report/coverage-summary.json'): number | null {
  let files: Record<string, { readonly lines: Lines }>
  try {
    files = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return null
  }
  let total = 0
  let covered = 0
  for (const [file, { lines }] of Object.entries(files)) {
    if (!relative(process.cwd(), file).startsWith(`${folder}${sep}`)) continue
    total += lines.total
    covered += lines.covered
  }
  return total === 0 ? null : (100 * covered) / total
}
