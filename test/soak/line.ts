import type { Growth } from './growth.ts'
import type { SoakOptions } from './options.ts'

/** One thing that is tried for minutes. */
export interface Line {
  readonly name: string
  readonly summary: string
  /** How long it runs without `--minutes`; default 10. */
  readonly minutes?: number
  run(run: SoakRun): Promise<Outcome>
}

/** What a line gets. */
export interface SoakRun {
  readonly options: SoakOptions
  /** A folder of its own, gone afterwards. */
  readonly dir: string
  /** Called in reverse order when the line has ended, however it ended. */
  teardown(close: () => unknown): void
  /** Aborted by Ctrl-C: the line ends as soon as it can. */
  readonly signal: AbortSignal
}

export interface Outcome {
  /** What should not have grown. */
  readonly growths: readonly Growth[]
  /** What was counted and measured besides. */
  readonly figures: readonly SoakFigure[]
}

/** One number of a line. */
export interface SoakFigure {
  readonly what: string
  readonly value: number
  readonly unit: string
  /** What it must keep; null where nothing is demanded. */
  readonly limit: { readonly kind: 'least' | 'most'; readonly value: number } | null
}

export function holds({ value, limit }: SoakFigure): boolean {
  if (limit === null) return true
  return limit.kind === 'least' ? value >= limit.value : value <= limit.value
}
