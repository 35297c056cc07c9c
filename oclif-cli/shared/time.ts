import { CliError } from './cli-error.ts'

const DAY_MS = 86_400_000
const SECONDS = { d: 86_400, h: 3_600, m: 60, s: 1 } as const

/** The shortest and the longest duration that a flag accepts, such as `1m` and `366d`. */
export interface DurationLimits {
  readonly min: string
  readonly max: string
}

/** `30s`, `15m`, `12h` or `30d` in seconds. Throws `MEZ_USAGE_WRONG` naming `flag` for any other text or outside the limits. @public */
export function parseDurationSeconds(text: string, flag: string, limits?: DurationLimits): number {
  const seconds = secondsIn(text)
  const value = `${flag} ${JSON.stringify(text)}`
  if (!(seconds > 0) || seconds > 3_650 * SECONDS.d) {
    throw new CliError('MEZ_USAGE_WRONG', `${value} is not a duration`, {
      hint: 'Examples: 30s, 15m, 12h, 30d. The longest is ten years.',
    })
  }
  if (limits && (seconds < secondsIn(limits.min) || seconds > secondsIn(limits.max))) {
    throw new CliError('MEZ_USAGE_WRONG', `${value} is out of range`, {
      hint: `Give a duration from ${limits.min} to ${limits.max}.`,
    })
  }
  return seconds
}

function secondsIn(text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  return Number(count) * SECONDS[unit as keyof typeof SECONDS]
}

const DAYS: Readonly<Record<string, number>> = { today: 0, yesterday: 1 }

/** An RFC 3339 time, a date, `today` or `yesterday` (their first moment, UTC), or a duration before now (`24h`), as RFC 3339. Throws `MEZ_USAGE_WRONG` naming `flag`. */
export function parseTime(text: string, flag: string, now: number = Date.now()): string {
  if (/^\d{1,9}[smhd]$/.test(text)) {
    return new Date(now - parseDurationSeconds(text, flag) * 1000).toISOString()
  }
  const back = DAYS[text]
  if (back !== undefined) return new Date(Math.floor(now / DAY_MS - back) * DAY_MS).toISOString()
  const day = /^\d{4}-\d{2}-\d{2}/.exec(text)?.[0]
  const at = day !== undefined && isDay(day) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) {
    throw new CliError('MEZ_USAGE_WRONG', `${flag} ${JSON.stringify(text)} is not a time`, {
      hint: 'Examples: 24h (24 hours ago), yesterday, 2026-11-25, 2026-11-25T08:00:00Z.',
    })
  }
  return new Date(at).toISOString()
}

/** `Date.parse` reads February 30 as March 2. */
function isDay(day: string): boolean {
  const at = Date.parse(day)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day)
}

/** An RFC 3339 time relative to now: `5m ago`, `in 3h`; the date beyond 60 days; `-` without a time. @public */
export function formatTime(time: unknown, now: number = Date.now()): string {
  if (typeof time !== 'string') return '-'
  const at = Date.parse(time)
  if (Number.isNaN(at)) return '-'
  const seconds = Math.round((at - now) / 1000)
  const distance = Math.abs(seconds)
  if (distance < 2) return 'now'
  if (distance > 60 * SECONDS.d) return new Date(at).toISOString().slice(0, 10)
  const [unit, size] = Object.entries(SECONDS).find(([, size]) => distance >= size)!
  const amount = `${Math.round(distance / size)}${unit}`
  return seconds < 0 ? `${amount} ago` : `in ${amount}`
}
