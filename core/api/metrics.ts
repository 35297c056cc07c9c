import { serviceRef } from '../kernel/reference.ts'

/** A number of the metrics. Add to it in place (`cell.value += 1`): it is read at the next scrape. */
export interface Cell {
  value: number
}

/** The distribution of observed values, in the unit of the metric's name. */
export interface Histogram {
  observe(value: number): void
}

/** A gauge's value: one number, or one for each value of its label. */
export type Reading = number | Readonly<Record<string, number>>

/** One time series of a family at the moment of a scrape. */
export interface MetricSample {
  /** The family's name, in a histogram with `_bucket`, `_sum` or `_count` behind it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** All time series of one name. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly MetricSample[]
}

/**
 * The hub's counters and gauges, which the plugin `metrics` serves at `/metrics` of the diagnostics listener. Names begin
 * with `mezite_` (those of a plugin with its own name), end with the unit (`_seconds`, `_bytes`), and counters with
 * `_total`. Create them in `setup` and keep what you get. Labels must be bounded: no names of people, addresses or paths.
 * Every method throws when a name is taken or not well-formed.
 */
export interface Metrics {
  counter(name: string, help: string): Cell
  /**
   * One cell for each combination of label values, created at its first use. Beyond 200 combinations all further ones share
   * one cell, whose labels are `other`.
   */
  counters(name: string, help: string, labels: readonly string[]): (...values: readonly string[]) => Cell
  /**
   * `read` is called at each scrape and is synchronous; a gauge whose `read` throws is missing from that scrape. `label`
   * names what a record's keys are.
   */
  gauge(name: string, help: string, read: () => Reading, label?: string): void
  /** Like `gauge`, for a number that only grows and is counted elsewhere. */
  counted(name: string, help: string, read: () => Reading, label?: string): void
  /** `buckets`: upper bounds in ascending order, without the infinite one. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** Reads everything now, for an exporter. */
  collect(): readonly MetricFamily[]
}

/** Counters and gauges of the hub and its plugins. */
export const metrics = serviceRef<Metrics>('metrics')
