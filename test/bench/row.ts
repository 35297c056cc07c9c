/** One line of the table. */
export interface Figure {
  readonly what: string
  /** What it is compared with; null when it stands alone. */
  readonly against: { readonly name: string; readonly value: number } | null
  readonly ours: number
  readonly unit: string
  /** Ours divided by theirs, the median over the rounds; null when it stands alone. */
  readonly ratio: number | null
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

/** How a figure stands to its goal. */
export function verdict({ goal, ratio, ours }: Figure): 'aim' | 'reach' | 'MISSED' | '' {
  if (!goal) return ''
  const value = ratio ?? ours
  const meets = (limit: number) => (goal.kind === 'least' ? value >= limit : value <= limit)
  return meets(goal.aim) ? 'aim' : meets(goal.reach) ? 'reach' : 'MISSED'
}
