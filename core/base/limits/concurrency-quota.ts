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

/** The reason code of a refusal for overload. */
export type Overload = 'person_limit' | 'app_limit'

/** Concurrent requests on this hub, by person and by app. */
export interface Load {
  /**
   * Counts one more request of this person (null for anonymous) to this app. Returns null if it was counted: then call
   * `give` once with the same arguments. Otherwise nothing was counted.
   */
  take(user: string | null, appId: string): Overload | null
  give(user: string | null, appId: string): void
}

/** Rejects one person's flood before it counts against the app, so that it cannot use up the limit of the app. */
export function createOverload(limits: { readonly perPerson: number; readonly perApp: number }): Load {
  const people = createConcurrencyQuota()
  const apps = createConcurrencyQuota()
  return {
    take(user, appId) {
      if (user !== null && !people.take(user, limits.perPerson)) return 'person_limit'
      if (apps.take(appId, limits.perApp)) return null
      if (user !== null) people.give(user)
      return 'app_limit'
    },
    give(user, appId) {
      if (user !== null) people.give(user)
      apps.give(appId)
    },
  }
}
