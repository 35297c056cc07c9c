import type { Clock } from '../../kernel/clock.ts'

export interface JoinRateLimit {
  /** From one address. Default 30. */
  readonly perMinute?: number
  /** From all addresses together. Default 1200. */
  readonly globalPerMinute?: number
}

/** Counts attempts in windows of a minute. Forgets all addresses with the window, so it cannot grow for ever. */
export function createRateLimit(clock: Clock, limit: JoinRateLimit = {}): (address: string) => boolean {
  const perMinute = limit.perMinute ?? 30
  const globalPerMinute = limit.globalPerMinute ?? 1_200
  const counts = new Map<string, number>()
  let total = 0
  let until = 0
  return (address) => {
    const now = clock.monotonic()
    if (now >= until) {
      counts.clear()
      total = 0
      until = now + 60_000
    }
    const count = counts.get(address) ?? 0
    if (count >= perMinute || total >= globalPerMinute) return false
    counts.set(address, count + 1)
    total += 1
    return true
  }
}
