import 'uplot/dist/uPlot.min.css'
import uPlot from 'uplot'
import { formatNumber, language } from '../text.ts'
import { formatBytes } from './parts.tsx'
import { a } from './text.ts'
import type { Line } from './traffic.tsx'

const HEIGHT = 150
const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/** The next of 1, 2, 4, 6, 8, 10, 20, 40… whose half is as plain. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return unit * ([1, 2, 4, 6, 8].find((step) => value <= step * unit) ?? 10)
}

/** What a chart shows. Its lines stay the same, with other values. */
interface Shown {
  readonly times: readonly number[]
  readonly lines: readonly Line[]
}

export interface Plot {
  /** Shows other values, without losing the time that a person looks at. */
  update(shown: Shown): void
  remove(): void
}

/** Draws lines over time into an element, as wide as it is. */
export function plot(
  host: HTMLElement,
  options: Shown & {
    readonly title: string
    readonly unit: string
    readonly bytes: boolean
    /** Called with the index of the time that a person clicks on, or presses Enter at. */
    readonly onPick: (index: number) => void
  },
): Plot {
  const { title, unit, bytes, onPick } = options
  let { times, lines } = options
  const style = getComputedStyle(host)
  const grid = { stroke: 'rgb(128 128 128 / 18%)', width: 1 }
  const font = `12px ${style.fontFamily}`
  const value = (number: number | null) =>
    number === null ? '–' : bytes ? formatBytes(number) : `${formatNumber(number)}${unit && ` ${unit}`}`
  /** The newest period is not over, so its values still grow. */
  const timeAt = (index: number) => {
    const time = clock.format((times[index] ?? 0) * 1_000)
    return index === times.length - 1 ? `${time} (${a('soFar')})` : time
  }
  /** What stands under the pointer, for who cannot see it. */
  const words = (index: number) =>
    [timeAt(index), ...lines.map(({ label, values }) => `${label}: ${value(values[index] ?? null)}`)].join(
      ', ',
    )
  /** Computed when it is drawn, because the theme may change. */
  const color = (name: string) => () => {
    const probe = document.createElement('span')
    probe.style.color = `var(${name})`
    host.append(probe)
    const found = getComputedStyle(probe).color
    probe.remove()
    return found
  }
  const chart = new uPlot(
    {
      width: host.clientWidth,
      height: HEIGHT,
      padding: [8, 24, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      legend: { live: true },
      hooks: { drawSeries: [drawNewest] },
      axes: [
        {
          stroke: color('--quiet'),
          grid: { show: false },
          ticks: { show: false },
          font,
          size: 28,
          space: 70,
          values: (_chart, splits) => splits.map((time) => clock.format(time * 1_000)),
        },
        {
          stroke: color('--quiet'),
          grid,
          ticks: { show: false },
          font,
          size: bytes ? 62 : 48,
          splits: (_chart, _axis, min, max) => [min, (min + max) / 2, max],
          values: (_chart, splits) => splits.map((each) => value(Math.round(each * 10) / 10)),
        },
      ],
      scales: {
        y: { range: (_chart, _min, max) => [0, Math.max(bytes ? 1_000 : 2, roundUp(max))] },
      },
      series: [
        {
          label: a('time'),
          value: (_chart, _time, _series, index: number | null) => (index === null ? '' : timeAt(index)),
        },
        ...lines.map(({ label, color: name }) => ({
          label,
          stroke: color(name),
          width: 1.5,
          spanGaps: true,
          paths: withoutNewest,
          // A single value has no line.
          points: { show: isSingle, fill: color(name) },
          value: (_chart: uPlot, number: number | null) => value(number),
        })),
      ],
    },
    dataOf(options),
    host,
  )
  chart.over.style.cursor = 'pointer'
  chart.over.addEventListener('click', () => {
    const { idx } = chart.cursor
    if (typeof idx === 'number') onPick(idx)
  })
  const walk = walkable(chart, { title, onPick, words })
  const theme = matchMedia('(prefers-color-scheme: dark)')
  const redraw = () => chart.redraw()
  theme.addEventListener('change', redraw)
  const watch = new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height: HEIGHT }))
  watch.observe(host)
  return {
    update(shown) {
      ;({ times, lines } = shown)
      chart.setData(dataOf(shown))
      walk()
    },
    remove() {
      watch.disconnect()
      theme.removeEventListener('change', redraw)
      chart.destroy()
    },
  }
}

const dataOf = ({ times, lines }: Shown) =>
  [times, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData

const linear = uPlot.paths.linear!()

/** The line of the periods that are over. */
const withoutNewest: uPlot.Series.PathBuilder = (chart, series, from, to) =>
  linear(chart, series, from, Math.min(to, chart.data[0].length - 2))

/** Dashed, because it falls only until its period is over: the line from the last value before the newest one. */
function drawNewest(chart: uPlot, series: number): void {
  const values = chart.data[series] ?? []
  const [newest, times] = [values.at(-1), chart.data[0]]
  const before = values.findLastIndex((value, index) => index < values.length - 1 && value != null)
  if (series === 0 || newest == null || before < 0) return
  const { ctx } = chart
  const at = (index: number) =>
    [chart.valToPos(times[index]!, 'x', true), chart.valToPos(values[index]!, 'y', true)] as const
  const { stroke, width = 1 } = chart.series[series]!
  ctx.save()
  ctx.strokeStyle = typeof stroke === 'function' ? (stroke(chart, series) as string) : String(stroke)
  ctx.lineWidth = width * devicePixelRatio
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio])
  ctx.beginPath()
  ctx.moveTo(...at(before))
  ctx.lineTo(...at(values.length - 1))
  ctx.stroke()
  ctx.restore()
}

/** A single value has no line. */
const isSingle = (chart: uPlot, series: number): boolean =>
  [...(chart.data[series] ?? [])].filter((value) => value !== null).length === 1

/**
 * Lets a person go through the times of a chart with the keyboard, as through the values of a slider: arrows, Home and End,
 * and Enter for what a click does. Returns what says the values again after they have changed.
 */
function walkable(
  chart: uPlot,
  options: {
    readonly title: string
    readonly onPick: (index: number) => void
    readonly words: (index: number) => string
  },
): () => void {
  const { title, onPick, words } = options
  const { over, root } = chart
  /** The time that was chosen; the newest one before and once it is over. */
  let chosen: number | undefined
  const last = () => chart.data[0].length - 1
  const place = () => {
    const found = chosen === undefined ? -1 : chart.data[0].indexOf(chosen)
    return found < 0 ? last() : found
  }
  const say = () => {
    over.setAttribute('aria-valuemax', String(last()))
    over.setAttribute('aria-valuenow', String(place()))
    over.setAttribute('aria-valuetext', words(place()))
  }
  const show = () => {
    say()
    chart.setCursor({ left: chart.valToPos(chart.data[0][place()] ?? 0, 'x'), top: 0 })
  }
  over.tabIndex = 0
  over.setAttribute('role', 'slider')
  over.setAttribute('aria-label', title)
  over.setAttribute('aria-valuemin', '0')
  root.querySelector('.u-legend')?.setAttribute('aria-hidden', 'true')
  say()
  over.addEventListener('focus', () => over.matches(':focus-visible') && show())
  over.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }))
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const to: Readonly<Record<string, number>> = {
      ...{ ArrowLeft: place() - 1, ArrowDown: place() - 1, ArrowRight: place() + 1, ArrowUp: place() + 1 },
      ...{ Home: 0, End: last() },
    }
    const next = to[event.key]
    if (event.key === 'Enter') onPick(place())
    else if (next === undefined) return
    else {
      chosen = chart.data[0][Math.max(0, Math.min(next, last()))]
      show()
    }
    event.preventDefault()
  })
  return say
}
