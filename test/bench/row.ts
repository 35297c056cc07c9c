import { median, ratios } from './statistics.ts'

/** One line of the table. */
export interface Figure {
  readonly what: string
  /** What it is compared with; null when it stands alone. */
  readonly against: { readonly name: string; readonly value: number } | null
  readonly ours: number
  readonly unit: string
  /** Ours divided by theirs, the median over the rounds; null when it stands alone. */
  readonly ratio: number | null
  /** The least and the most of the rounds: of the ratio or, without one, of the value. Null for what is measured once. */
  readonly range: readonly [number, number] | null
  /** In the ratio or, without one, in the unit; null where it asks nothing. */
  readonly goal: Goal | null
}

/** `least`: more is better. `most`: less is better. */
export interface Goal {
  readonly kind: 'least' | 'most'
  readonly reach: number
  readonly aim: number
}

export const least = (reach: number, aim: number): Goal => ({ kind: 'least', reach, aim })
export const most = (reach: number, aim: number): Goal => ({ kind: 'most', reach, aim })

/** A figure of values round by round that stands alone. */
export const alone = (
  what: string,
  unit: string,
  values: readonly number[],
  goal: Goal | null = null,
): Figure => ({
  what,
  unit,
  goal,
  ours: median(values),
  against: null,
  ratio: null,
  range: values.length > 1 ? rangeOf(values) : null,
})

/** A figure of values round by round, compared with those of the same rounds. */
export function compared(
  what: string,
  unit: string,
  ours: readonly number[],
  theirs: { readonly name: string; readonly values: readonly number[] },
  goal: Goal | null = null,
): Figure {
  const each = ratios(ours, theirs.values)
  return {
    what,
    unit,
    goal,
    ours: median(ours),
    ratio: median(each),
    range: rangeOf(each),
    against: { name: theirs.name, value: median(theirs.values) },
  }
}

export const rangeOf = (values: readonly number[]): readonly [number, number] => [
  Math.min(...values),
  Math.max(...values),
]

/** How a figure stands to its goal. */
export function verdict({ goal, ratio, ours }: Figure): 'aim' | 'reach' | 'MISSED' | '' {
  if (!goal) return ''
  const value = ratio ?? ours
  const meets = (limit: number) => (goal.kind === 'least' ? value >= limit : value <= limit)
  return meets(goal.aim) ? 'aim' : meets(goal.reach) ? 'reach' : 'MISSED'
}
