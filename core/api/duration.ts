const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The pattern of durations in configuration files, resources and flags; only `0` needs no unit. */
export const DURATION_PATTERN = '^(0|[0-9]{1,9}(ms|s|m|h|d))$'

const duration = new RegExp(DURATION_PATTERN)

/** Longest accepted duration: ten years. Longer ones are mistakes. */
const LONGEST_MS = 3_650 * UNITS_MS.d

/**
 * Parses `30s`, `15m`, `12h`, `30d` (also `500ms` and a bare `0`) to milliseconds. Null for anything else, including
 * fractions, signs, spaces, combined units and more than ten years.
 */
export function parseDuration(text: string): number | null {
  if (!duration.test(text)) return null
  if (text === '0') return 0
  const [, count, unit] = /^(\d+)([a-z]+)$/.exec(text) ?? []
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
  return ms <= LONGEST_MS ? ms : null
}

/** The shortest text that `parseDuration` reads back: `90m` stays `90m`, 86,400,000 becomes `1d`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms % UNITS_MS[unit] === 0) return `${ms / UNITS_MS[unit]}${unit}`
  }
  return `${Math.round(ms)}ms`
}
