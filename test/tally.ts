export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Reads tap's closing comment (`# { total: 5, pass: 2, fail: 1, skip: 1 }`); null for any other line. */
export function readTally(line: string): Tally | null {
  const match = /^# \{ (total: \d+.*) \}$/.exec(line)
  if (!match) return null
  const counts = Object.fromEntries(
    match[1]!.split(', ').map((part) => {
      const [name, count] = part.split(': ')
      return [name, Number(count)]
    }),
  )
  return {
    passed: counts.pass ?? 0,
    failed: counts.fail ?? 0,
    skipped: (counts.skip ?? 0) + (counts.todo ?? 0),
  }
}

/** `N passed, N failed` (`, N skipped`): a check that failed, or a run without a tally, counts as a failure. */
export function closingLine(tally: Tally | null, failedChecks: number): string {
  const counted = tally ?? { passed: 0, failed: 1, skipped: 0 }
  const line = `${counted.passed} passed, ${counted.failed + failedChecks} failed`
  return counted.skipped > 0 ? `${line}, ${counted.skipped} skipped` : line
}
