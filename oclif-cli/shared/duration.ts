import { CliError } from './cli-error.ts'

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** The shortest and the longest that is allowed, written as durations are. */
export interface DurationLimits {
  readonly min: string
  readonly max: string
}

/** `30s`, `15m`, `12h`, `30d` in seconds; anything else, or what is outside the limits, is wrong usage of `flag`. */
export function parseDurationSeconds(text: string, flag: string, limits?: DurationLimits): number {
  const seconds = secondsIn(text)
  const given = `${flag} ${JSON.stringify(text)}`
  if (!(seconds > 0) || seconds > 3_650 * SECONDS.d) {
    throw new CliError('MEZ_USAGE', `${given} is no duration`, {
      hint: 'Durations are written 30s, 15m, 12h or 30d, ten years at most.',
    })
  }
  if (limits && (seconds < secondsIn(limits.min) || seconds > secondsIn(limits.max))) {
    throw new CliError('MEZ_USAGE', `${given} is not allowed: give ${limits.min} to ${limits.max}`)
  }
  return seconds
}

function secondsIn(text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  return Number(count) * SECONDS[unit as keyof typeof SECONDS]
}

/** An RFC 3339 time, a date, or a duration before now (`24h`), as RFC 3339; anything else is wrong usage of `flag`. */
export function parseMoment(text: string, flag: string, now: number = Date.now()): string {
  if (/^\d{1,9}[smhd]$/.test(text)) {
    return new Date(now - parseDurationSeconds(text, flag) * 1000).toISOString()
  }
  const day = /^\d{4}-\d{2}-\d{2}/.exec(text)?.[0]
  const at = day !== undefined && isDay(day) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) {
    throw new CliError('MEZ_USAGE', `${flag} ${JSON.stringify(text)} is no time`, {
      hint: 'Write a duration before now (24h), a date (2026-11-25) or an RFC 3339 time (2026-11-25T08:00:00Z).',
    })
  }
  return new Date(at).toISOString()
}

/** `Date.parse` takes February 30 for March 2. */
function isDay(day: string): boolean {
  const at = Date.parse(day)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day)
}
