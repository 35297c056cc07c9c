import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present, sample } from '../measure.ts'
import { type Figure, type Goal, least } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import { heads, type Target } from '../target.ts'

const BODY_BYTES = 64 << 20

interface Direction {
  readonly name: 'download' | 'upload'
  readonly line: string
  readonly fields: readonly string[]
  readonly bodyBytes: number
  readonly overSsh: Goal
}

const directions: readonly Direction[] = [
  { name: 'download', line: `GET /bytes/${BODY_BYTES}`, fields: [], bodyBytes: 0, overSsh: least(1.05, 1.3) },
  {
    ...{ name: 'upload', line: 'POST /upload', bodyBytes: BODY_BYTES },
    ...{ fields: [`Content-Length: ${BODY_BYTES}`], overSsh: least(1, 1.2) },
  },
]

/** One connection that moves 64 MiB bodies one after the other, down or up. */
export const [download, upload] = directions.map((direction) => ({
  name: direction.name,
  summary: `${direction.name} of 64 MiB bodies on one TLS connection`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const baselines = present([
      await machine.plainProxy(),
      await machine.nginx(),
      await machine.nginxOverSsh(),
    ])
    const load = await machine.load()
    const of = await inRounds(machine, [many, ...baselines], (target) =>
      sample(load, target, {
        ...{ port: target.port, servername: target.host, ms: machine.options.seconds * 1000 },
        heads: heads(target, 1, direction.line, direction.fields),
        bodyBytes: direction.bodyBytes,
      }),
    )
    const rates = (target: Target) => of(target).map((each) => each.bytes / each.seconds / 1e6)
    const cpu = (name: string): Figure => {
      const perMegabyte = of(many).map((each) => ((each.cpuUs[name] ?? 0) * each.exchanges) / each.bytes)
      const ours = median(perMegabyte) * 1e6
      const what = `${direction.name}: processor time of the ${name}`
      return { what, ours, unit: 'us/MB', against: null, ratio: null, goal: null }
    }
    const figures = baselines.map((baseline) => ({
      what: direction.name,
      against: { name: baseline.name, value: median(rates(baseline)) },
      ...{ ours: median(rates(many)), unit: 'MB/s', ratio: ratio(rates(many), rates(baseline)) },
      goal: baseline.name === 'nginx + ssh -R' ? direction.overSsh : null,
    }))
    return [...figures, cpu('hub'), cpu('agent')]
  },
})) as [Row, Row]

interface Row {
  readonly name: string
  readonly summary: string
  run(machine: BenchMachine): Promise<Figure[]>
}
