/** Counts concurrent work by key, in memory and at constant cost. */
export interface ConcurrencyQuota {
  /** Counts one more under this key; returns false without counting if the key already has `most`. */
  take(key: string, most: number): boolean
  /** Counts one less. Call it once for each `take` that returned true. */
  give(key: string): void
  /** Number of keys with current work. */
  readonly size: number
}

/** Creates an empty quota. Only keys with current work are stored, so the limits themselves bound the memory. */
export function createConcurrencyQuota(): ConcurrencyQuota {
  const counts = new Map<string, number>()
  return {
    take(key, most) {
      const count = counts.get(key) ?? 0
      if (count >= most) return false
      counts.set(key, count + 1)
      return true
    },
    give(key) {
      const count = counts.get(key) ?? 0
      if (count > 1) counts.set(key, count - 1)
      else counts.delete(key)
    },
    get size() {
      return counts.size
    },
  }
}
