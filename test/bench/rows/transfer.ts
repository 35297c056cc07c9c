import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present, sample } from '../measure.ts'
import { alone, compared, type Figure, type Goal, least } from '../row.ts'
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
  { name: 'download', line: `GET /bytes/${BODY_BYTES}`, fields: [], bodyBytes: 0, overSsh: least(0.95, 1.1) },
  {
    name: 'upload',
    line: 'POST /upload',
    bodyBytes: BODY_BYTES,
    fields: [`Content-Length: ${BODY_BYTES}`],
    overSsh: least(0.95, 1.1),
  },
]

/** One connection that moves 64 MiB bodies one after the other, down or up. */
export const [download, upload] = directions.map((direction) => ({
  name: direction.name,
  summary: `${direction.name} of 64 MiB bodies on one TLS connection`,
  compares:
    'equal: TLS, one connection, one load generator, buffers of nginx for large bodies. Not equal: no baseline signs in or records',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const baselines = present([
      (await machine.older())?.many ?? null,
      await machine.plainProxy(),
      await machine.nginx(),
      await machine.nginxOverSsh(),
    ])
    const load = await machine.load()
    const of = await inRounds(machine, [many, ...baselines], (target) =>
      sample(load, target, {
        port: target.port,
        servername: target.host,
        ms: machine.options.seconds * 1000,
        heads: heads(target, 1, direction.line, direction.fields),
        bodyBytes: direction.bodyBytes,
      }),
    )
    const rates = (target: Target) => of(target).map((each) => each.bytes / each.seconds / 1e6)
    const cpu = (name: string): Figure => {
      const perMegabyte = of(many).map(
        (each) => ((each.cpuUs[name] ?? 0) * each.exchanges * 1e6) / each.bytes,
      )
      return alone(`${direction.name}: processor time of the ${name}`, 'us/MB', perMegabyte)
    }
    const figures = baselines.map((baseline) =>
      compared(
        direction.name,
        'MB/s',
        rates(many),
        { name: baseline.name, values: rates(baseline) },
        baseline.name === 'nginx + ssh -R' ? direction.overSsh : null,
      ),
    )
    return [...figures, cpu('hub'), cpu('agent')]
  },
})) as [Row, Row]

interface Row {
  readonly name: string
  readonly summary: string
  readonly compares: string
  run(machine: BenchMachine): Promise<Figure[]>
}
