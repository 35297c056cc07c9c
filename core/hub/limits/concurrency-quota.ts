/** How much each key has under way: in memory, at constant cost, gone with the last of it. */
export interface ConcurrencyQuota {
  /** One more under this key; false, and nothing counted, when it has `most` already. */
  take(key: string, most: number): boolean
  /** One less. Call once for each `take` that was true. */
  give(key: string): void
  /** Keys that have something under way. */
  readonly size: number
}

/** Counts that start at nothing. Bounded by what is under way, so the caps themselves bound the memory. */
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
