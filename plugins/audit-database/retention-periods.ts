/** Some types of events: those that are named, or all but those. */
export interface TypeSet {
  /** Whether types that are not named belong to it. */
  readonly others: boolean
  /** Types for which the opposite holds. */
  readonly except: readonly string[]
}

export const hasType = ({ others, except }: TypeSet, type: string): boolean =>
  others !== except.includes(type)

/** Whether a type belongs to `more` that does not belong to `set`. */
export const addsTo = (set: TypeSet, more: TypeSet): boolean =>
  (more.others && !set.others) ||
  [...set.except, ...more.except].some((type) => hasType(more, type) && !hasType(set, type))

/** The types of either. */
export function unionOf(one: TypeSet, other: TypeSet): TypeSet {
  const others = one.others || other.others
  const named = [...new Set([...one.except, ...other.except])].sort()
  const except = named.filter((type) => (hasType(one, type) || hasType(other, type)) !== others)
  return { others, except }
}

export const noTypes: TypeSet = { others: false, except: [] }

/** How long events are kept, by their type; in milliseconds. */
export interface RetentionPeriods {
  /** Of types that are not named. */
  readonly others: number
  readonly byType: Readonly<Record<string, number>>
}

const all = ({ others, byType }: RetentionPeriods): number[] => [others, ...Object.values(byType)]

export const shortestOf = (periods: RetentionPeriods): number => Math.min(...all(periods))
export const longestOf = (periods: RetentionPeriods): number => Math.max(...all(periods))

export const hasTypes = ({ byType }: RetentionPeriods): boolean => Object.keys(byType).length > 0

/** The types whose events of this time are no longer kept. */
export function endedTypes({ others, byType }: RetentionPeriods, time: number, now: number): TypeSet {
  const hasEnded = (period: number) => time < now - period
  const except = Object.keys(byType).filter((type) => hasEnded(byType[type]!) !== hasEnded(others))
  return { others: hasEnded(others), except: except.sort() }
}
