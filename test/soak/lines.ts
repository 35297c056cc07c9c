import type { Line } from './line.ts'
import { mixed } from './lines/mixed.ts'

/** In the order in which they run; the first alone runs when none is named. */
export const lines: readonly Line[] = [mixed]
