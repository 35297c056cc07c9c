import type { Clock } from '../../kernel/clock.ts'

/** A token bucket for each key; memory is bounded. */
export interface RateLimit {
  /** Takes one token; false when the bucket is empty. */
  take(key: string, perMinute: number): boolean
  /** Whether the bucket has a token. */
  has(key: string, perMinute: number): boolean
  /** Returns a token that was not taken by misuse. */
  give(key: string): void
}

const MAX_KEYS = 50_000

/** Buckets start full and hold one minute's worth. When there are too many keys, the oldest are forgotten. */
export function createRateLimit(clock: Clock): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>()
  const tokensOf = (key: string, perMinute: number, now: number): number => {
    const old = buckets.get(key)
    return old ? Math.min(perMinute, old.tokens + ((now - old.at) * perMinute) / 60_000) : perMinute
  }
  return {
    has: (key, perMinute) => tokensOf(key, perMinute, clock.monotonic()) >= 1,
    take(key, perMinute) {
      const now = clock.monotonic()
      const tokens = tokensOf(key, perMinute, now)
      buckets.delete(key)
      // Rejected calls are free, so a client that keeps calling still gets the rate.
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now })
      if (buckets.size > MAX_KEYS) buckets.delete(buckets.keys().next().value!)
      return tokens >= 1
    },
    give(key) {
      const bucket = buckets.get(key)
      // A bucket that is full again is filled up to its rate by the next call.
      if (bucket) bucket.tokens += 1
    },
  }
}
