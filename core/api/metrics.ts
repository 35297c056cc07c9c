import { serviceRef } from '../kernel/reference.ts'

/** One counter value. Increment it in place (`cell.value += 1`); the next scrape reads it. */
export interface Cell {
  value: number
}

/** The distribution of observed values, in the unit of the metric's name. */
export interface Histogram {
  observe(value: number): void
}

/** The value of a gauge: one number, or one number for each value of its label. */
export type Reading = number | Readonly<Record<string, number>>

/** One time series of a family at a scrape. */
export interface MetricSample {
  /** The family's name, followed by `_bucket`, `_sum` or `_count` for a histogram. */
  readonly name: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** How the values of several processes on one public port become one; `first`: any one of them stands for all. */
export type Combination = 'sum' | 'max' | 'min' | 'first'

/** All time series of one name. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly combined: Combination
  readonly samples: readonly MetricSample[]
}

/**
 * The hub's counters and gauges, which the plugin `metrics` serves at `/metrics` of the diagnostics listener. Names start
 * with `mezite_` (or the plugin's own name) and end with the unit (`_seconds`, `_bytes`); counters end with `_total`.
 * Create metrics in `setup` and keep the returned objects. Labels must be bounded: never names of people, addresses or
 * paths. Every method throws when a name is taken or malformed.
 */
export interface Metrics {
  counter(name: string, help: string): Cell
  /**
   * One cell for each combination of label values, created on first use. After 200 combinations all others share one cell
   * with the label value `other`.
   */
  counters(name: string, help: string, labels: readonly string[]): (...values: readonly string[]) => Cell
  /**
   * `read` is synchronous and called at each scrape; a gauge whose `read` throws is missing from that scrape. `label` is
   * the label whose values are the keys of a record. `combined` is for `proxy.processes` and by default `sum`, which
   * suits what each process counts for itself.
   */
  gauge(name: string, help: string, read: () => Reading, label?: string, combined?: Combination): void
  /** Like `gauge`, for a counter that is kept elsewhere and only increases. */
  counted(name: string, help: string, read: () => Reading, label?: string): void
  /** `buckets`: upper bounds in ascending order, without infinity. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** Bytes from people to apps (`received`) and back (`sent`) over a protocol; the plugins of all protocols share both. */
  traffic(protocol: string): { readonly received: Cell; readonly sent: Cell }
  /** Reads all metrics now, for an exporter. */
  collect(): readonly MetricFamily[]
}

/** Counters and gauges of the hub and its plugins. */
export const metrics = serviceRef<Metrics>('metrics')
