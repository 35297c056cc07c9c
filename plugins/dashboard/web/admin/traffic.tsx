import { useEffect, useRef, useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { reload, useResource } from '../live.ts'
import { formatNumber } from '../text.ts'
import { formatBytes, Section, Shown } from './parts.tsx'
import type { Plot } from './plot.ts'
import { go } from './router.ts'
import { a } from './text.ts'

type Point = Responses['GET /traffic']['points'][number]

/** One line of a chart. */
export interface Line {
  readonly label: string
  /** Name of a custom property of the page with the colour. */
  readonly color: string
  readonly values: readonly (number | null)[]
}

const REFRESH_MS = 15_000

/** Requests, errors, latency, bytes and sessions of the last hour or day; of one app if it is given. */
export function TrafficCharts({ app }: { readonly app?: string }) {
  const [range, setRange] = useState<'hour' | 'day'>('hour')
  const query = app === undefined ? '' : `&app=${encodeURIComponent(app)}`
  const traffic = useResource<Responses['GET /traffic']>(`/traffic?range=${range}${query}`, ['traffic'])
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(['traffic']), REFRESH_MS)
    return () => clearInterval(timer)
  }, [])
  const choice = (
    <fieldset class="segmented" aria-label={a('period')}>
      {(['hour', 'day'] as const).map((one) => (
        <button key={one} type="button" aria-pressed={range === one} onClick={() => setRange(one)}>
          {one === 'hour' ? a('lastHour') : a('lastDay')}
        </button>
      ))}
    </fieldset>
  )
  return (
    <Section title={a('traffic')} tools={choice}>
      <Shown of={traffic}>{({ points }) => <Charts points={points} app={app} />}</Shown>
    </Section>
  )
}

const timeOf = (seconds: number): string => new Date(seconds * 1_000).toISOString()

function Charts({ points, app }: { readonly points: readonly Point[]; readonly app: string | undefined }) {
  const times = points.map(({ time }) => Date.parse(time) / 1_000)
  const step = times.length > 1 ? times[1]! - times[0]! : 60
  /** The requests of the time that a person points at. */
  const onPick = (index: number) => {
    const from = times[index]
    if (from === undefined) return
    const period = { from: timeOf(from), to: timeOf(from + step) }
    go(`/requests?${new URLSearchParams({ ...(app && { app }), type: 'app.request', ...period })}`)
  }
  const sum = (read: (point: Point) => number) => points.reduce((total, point) => total + read(point), 0)
  const requests = sum((point) => point.requests)
  if (requests === 0 && sum((p) => p.bytes_in + p.bytes_out) === 0)
    return <p class="quiet">{a(app === undefined ? 'noTrafficAtAll' : 'noTraffic')}</p>
  const errors = sum((point) => point.errors)
  const slowest = points.findLast((point) => point.p95_ms !== null)
  const line = (label: string, color: string, read: (point: Point) => number | null): Line => ({
    label,
    color,
    values: points.map(read),
  })
  return (
    <div class="charts">
      <Chart
        title={a('requestsChart')}
        figure={a('requestsFigure', { requests, errors })}
        times={times}
        onPick={onPick}
        lines={[
          line(a('requestsLine'), '--plot', (point) => point.requests),
          line(a('errorsLine'), '--danger', (point) => point.errors),
        ]}
      />
      <Chart
        title={a('latencyChart')}
        figure={slowest ? a('latencyFigure', { p50: slowest.p50_ms ?? 0, p95: slowest.p95_ms ?? 0 }) : '–'}
        times={times}
        onPick={onPick}
        unit="ms"
        lines={[
          line('p50', '--plot', (point) => point.p50_ms),
          line('p95', '--warn', (point) => point.p95_ms),
        ]}
      />
      <Chart
        title={a('bytesChart')}
        figure={a('bytesFigure', {
          in: formatBytes(sum((p) => p.bytes_in)),
          out: formatBytes(sum((p) => p.bytes_out)),
        })}
        times={times}
        onPick={onPick}
        bytes
        lines={[
          line(a('bytesOut'), '--plot', (point) => point.bytes_out),
          line(a('bytesIn'), '--good', (point) => point.bytes_in),
        ]}
      />
      {app === undefined && (
        <Chart
          title={a('sessionsChart')}
          figure={formatNumber(points.at(-1)?.sessions ?? 0)}
          times={times}
          onPick={onPick}
          lines={[line(a('sessions'), '--plot', (point) => point.sessions)]}
        />
      )}
    </div>
  )
}

interface ChartProps {
  /** Called with the index of the time that a person chooses. */
  readonly onPick: (index: number) => void
  readonly title: string
  /** The chart in words. */
  readonly figure: string
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly unit?: string
  readonly bytes?: boolean
}

function Chart({ title, figure, times, lines, unit, bytes, onPick }: ChartProps) {
  const pick = useRef(onPick)
  pick.current = onPick
  const host = useRef<HTMLDivElement>(null)
  const drawn = useRef<Plot | null>(null)
  const shown = useRef({ times, lines })
  shown.current = { times, lines }
  useEffect(() => {
    let closed = false
    void import('./plot.ts').then(({ plot }) => {
      if (closed || !host.current) return
      drawn.current = plot(host.current, {
        ...{ title, ...shown.current, unit: unit ?? '', bytes: bytes ?? false },
        onPick: (index) => pick.current(index),
      })
    })
    return () => {
      closed = true
      drawn.current?.remove()
      drawn.current = null
    }
  }, [])
  useEffect(
    () => drawn.current?.update(shown.current),
    [times.at(-1), times.length, lines.map(({ values }) => values.join()).join(';')],
  )
  return (
    <figure class="chart">
      <figcaption>
        {title}
        <strong>{figure}</strong>
      </figcaption>
      <div ref={host} class="plot" />
    </figure>
  )
}
