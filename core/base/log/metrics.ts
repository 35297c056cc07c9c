import type { Cell, Combination, MetricFamily, MetricSample, Metrics, Reading } from '../../api/metrics.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'

const MOST_CELLS = 200
const OTHER = 'other'
const NAME = /^[a-z][a-z0-9_]{0,127}$/
const REPORT_MS = 10 * 60_000

type Family = Omit<MetricFamily, 'samples'> & { readonly read: () => readonly MetricSample[] }

/** The metrics of one hub, independent of a format: exporters read them with `collect`. */
export function createMetrics(log: Log): Metrics {
  const families = new Map<string, Family>()
  const reported = new Map<string, number>()

  function add(
    type: MetricFamily['type'],
    name: string,
    help: string,
    read: () => readonly Omit<MetricSample, 'name'>[],
    combined: Combination = 'sum',
  ): void {
    addFamily({ type, name, help, combined, read: () => read().map((sample) => ({ name, ...sample })) })
  }

  function addFamily(family: Family): void {
    const { name } = family
    if (!NAME.test(name)) throw new TypeError(`"${name}" is not a valid name of a metric`)
    if (families.has(name)) throw new TypeError(`the metric "${name}" is registered twice`)
    families.set(name, family)
  }

  function counters(name: string, help: string, labels: readonly string[]) {
    const cells = new Map<string, { readonly values: readonly string[]; readonly cell: Cell }>()
    add('counter', name, help, () =>
      [...cells.values()].map(({ values, cell }) => ({
        labels: Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])),
        value: cell.value,
      })),
    )
    const cellOf = (...values: readonly string[]): Cell => {
      const key = values.length === 1 ? (values[0] as string) : values.join('\0')
      const known = cells.get(key)
      if (known) return known.cell
      if (cells.size >= MOST_CELLS && values.some((value) => value !== OTHER))
        return cellOf(...labels.map(() => OTHER))
      const created = { values, cell: { value: 0 } }
      cells.set(key, created)
      return created.cell
    }
    return cellOf
  }

  const reading =
    (type: 'gauge' | 'counter') =>
    (name: string, help: string, read: () => Reading, label = 'kind', combined?: Combination): void =>
      add(type, name, help, () => samplesOf(read(), label), combined)

  function histogram(name: string, help: string, buckets: readonly number[]) {
    const counts = buckets.map(() => 0)
    let sum = 0
    let count = 0
    addFamily({
      type: 'histogram',
      combined: 'sum',
      name,
      help,
      read() {
        let below = 0
        const sample = (suffix: string, labels: MetricSample['labels'], value: number) => ({
          name: `${name}_${suffix}`,
          labels,
          value,
        })
        return [
          ...buckets.map((le, index) => {
            below += counts[index] ?? 0
            return sample('bucket', { le }, below)
          }),
          sample('bucket', { le: '+Inf' }, count),
          sample('sum', {}, sum),
          sample('count', {}, count),
        ]
      },
    })
    return {
      observe(value: number): void {
        sum += value
        count += 1
        const index = buckets.findIndex((bound) => value <= bound)
        if (index >= 0) counts[index]! += 1
      },
    }
  }

  function report(name: string, error: unknown): void {
    const now = performance.now()
    if (now - (reported.get(name) ?? Number.NEGATIVE_INFINITY) < REPORT_MS) return
    reported.set(name, now)
    log.error({ metric: name, error: messageOf(error) }, 'failed to read a metric; leaving it out')
  }

  const received = counters('mezite_received_bytes_total', 'Bytes from people to apps', ['protocol'])
  const sent = counters('mezite_sent_bytes_total', 'Bytes from apps to people', ['protocol'])

  return {
    counter: (name, help) => counters(name, help, [])(),
    counters,
    gauge: reading('gauge'),
    counted: reading('counter'),
    histogram,
    traffic: (protocol) => ({ received: received(protocol), sent: sent(protocol) }),
    collect: () =>
      [...families.values()].flatMap(({ read, ...family }) => {
        try {
          return [{ ...family, samples: read() }]
        } catch (error) {
          report(family.name, error)
          return []
        }
      }),
  }
}

function samplesOf(reading: Reading, label: string): Omit<MetricSample, 'name'>[] {
  const entries = typeof reading === 'number' ? [[null, reading] as const] : Object.entries(reading)
  return entries.map(([value, number]) => {
    if (typeof number !== 'number') throw new TypeError('the reading is not a number')
    return { labels: value === null ? {} : { [label]: value }, value: number }
  })
}
