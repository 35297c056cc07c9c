import { serviceRef } from '../kernel/reference.ts'

/** A number of the metrics. Add to it in place (`cell.value += 1`): it is read when somebody scrapes. */
export interface Cell {
  value: number
}

/** Seconds, and how often they were seen. */
export interface Histogram {
  observe(value: number): void
}

/** A gauge's value: one number, or one for each value of its label. */
export type Reading = number | Readonly<Record<string, number>>

/**
 * What the hub counts, for `/metrics` of the diagnostics listener. Names begin with `mezite_` (a plugin of yours: with its
 * own name), end with the unit (`_seconds`, `_bytes`), and counters with `_total`. Make them while you are set up, keep
 * what you get, and label with what is bounded only: never with names of people, addresses or paths. Throws when a name is
 * taken or not well-formed.
 */
export interface Metrics {
  counter(name: string, help: string): Cell
  /**
   * One cell for each combination of values, made when it is first asked for. Beyond 200 all further ones share one, whose
   * labels are `other`.
   */
  counters(name: string, help: string, labels: readonly string[]): (...values: readonly string[]) => Cell
  /** `read` is called at each scrape: synchronous, and it may not throw. `label` names what a record's keys are. */
  gauge(name: string, help: string, read: () => Reading, label?: string): void
  /** As `gauge`, of what only grows and is counted elsewhere. */
  counted(name: string, help: string, read: () => Reading, label?: string): void
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
}

/** The metrics of the diagnostics listener. */
export const metrics = serviceRef<Metrics>('metrics')
