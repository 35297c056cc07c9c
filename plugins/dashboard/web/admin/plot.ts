import 'uplot/dist/uPlot.min.css'
import uPlot from 'uplot'
import { language } from '../text.ts'
import { formatBytes } from './parts.tsx'
import { a } from './text.ts'
import type { Line } from './traffic.tsx'

const HEIGHT = 150
const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' })

/** The next of 1, 2, 4, 6, 8, 10, 20, 40… whose half is as plain. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)))
  return unit * ([1, 2, 4, 6, 8].find((step) => value <= step * unit) ?? 10)
}

/** Draws lines over time into an element, as wide as it is. Returns how to remove them. */
export function plot(
  host: HTMLElement,
  options: {
    readonly times: readonly number[]
    readonly lines: readonly Line[]
    readonly unit: string
    readonly bytes: boolean
    /** Called with the index of the time that a person clicks on. */
    readonly onPick: (index: number) => void
  },
): () => void {
  const { times, lines, unit, bytes, onPick } = options
  const style = getComputedStyle(host)
  const grid = { stroke: 'rgb(128 128 128 / 18%)', width: 1 }
  const font = `12px ${style.fontFamily}`
  const value = (number: number | null) =>
    number === null ? '–' : bytes ? formatBytes(number) : `${number}${unit && ` ${unit}`}`
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
          value: (_chart, time: number | null) => (time === null ? '' : clock.format(time * 1_000)),
        },
        ...lines.map(({ label, color: name, values }) => ({
          label,
          stroke: color(name),
          width: 1.5,
          spanGaps: true,
          // A single value has no line.
          points: { show: values.filter((each) => each !== null).length === 1, fill: color(name) },
          value: (_chart: uPlot, number: number | null) => value(number),
        })),
      ],
    },
    [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData,
    host,
  )
  chart.over.style.cursor = 'pointer'
  chart.over.addEventListener('click', () => {
    const { idx } = chart.cursor
    if (typeof idx === 'number') onPick(idx)
  })
  const theme = matchMedia('(prefers-color-scheme: dark)')
  const redraw = () => chart.redraw()
  theme.addEventListener('change', redraw)
  const watch = new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height: HEIGHT }))
  watch.observe(host)
  return () => {
    watch.disconnect()
    theme.removeEventListener('change', redraw)
    chart.destroy()
  }
}
