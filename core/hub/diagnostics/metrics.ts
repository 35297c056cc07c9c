import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Cell, Metrics, Reading } from '../../api/metrics.ts'

const MOST_CELLS = 200
const OTHER = 'other'

export interface RunningMetrics extends Metrics {
  /** The Prometheus text format, with what it is called in HTTP. */
  scrape(): Promise<{ readonly type: string; readonly text: string }>
}

/** Metrics of one hub, and of its process. */
export function createMetrics(): RunningMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  function family(name: string, help: string, labels: readonly string[]) {
    const cells = new Map<string, { readonly values: readonly string[]; readonly cell: Cell }>()
    new Counter({
      name,
      help,
      labelNames: labels,
      registers,
      collect() {
        this.reset()
        for (const { values, cell } of cells.values()) this.inc(labelled(labels, values), cell.value)
      },
    })
    const cellOf = (...values: readonly string[]): Cell => {
      const key = values.length === 1 ? (values[0] as string) : values.join('\0')
      const known = cells.get(key)
      if (known) return known.cell
      if (cells.size >= MOST_CELLS && values.some((value) => value !== OTHER))
        return cellOf(...labels.map(() => OTHER))
      const made = { values, cell: { value: 0 } }
      cells.set(key, made)
      return made.cell
    }
    return cellOf
  }

  /** Of either kind: after `reset`, `inc` sets. */
  const reading =
    (Kind: typeof Gauge | typeof Counter) =>
    (name: string, help: string, read: () => Reading, label = 'kind'): void => {
      new Kind({
        ...{ name, help, registers, labelNames: [label] },
        collect() {
          this.reset()
          for (const [labels, value] of entriesOf(read(), label)) this.inc(labels, value)
        },
      })
    }

  return {
    counter: (name, help) => family(name, help, [])(),
    counters: family,
    gauge: reading(Gauge),
    counted: reading(Counter),
    histogram: (name, help, buckets) => new Histogram({ name, help, registers, buckets: [...buckets] }),
    scrape: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  }
}

const labelled = (labels: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(labels.map((label, at) => [label, values[at] ?? '']))

function entriesOf(reading: Reading, label: string): [Record<string, string>, number][] {
  if (typeof reading === 'number') return [[{}, reading]]
  return Object.entries(reading).map(([value, number]) => [{ [label]: value }, number])
}
