import { createConcurrencyQuota } from './concurrency-quota.ts'

/** Why no more is taken: the reason code of the refusal. */
export type Overload = 'person_limit' | 'app_limit'

/** What is under way on this hub, by person and by app. */
export interface Load {
  /**
   * One more of this person (null: nobody in particular) to this app. Null: taken, and `give` must follow once, with the
   * same names; otherwise nothing was counted.
   */
  take(user: string | null, appId: string): Overload | null
  give(user: string | null, appId: string): void
}

/** One person's flood is refused before it counts against the app, so it cannot use up the share of the others. */
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
