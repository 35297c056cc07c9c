import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, type Sample } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, least } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import { PLAIN } from '../targets/plain-proxy.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)
/** By the number of connections. */
const GOALS = [
  [64, least(1.1, 1.3)],
  [256, least(1.3, 1.6)],
] as const

export const processes = {
  name: 'processes',
  summary: 'requests a second of two processes on one port: 1 KiB responses, 64 and 256 kept TLS connections',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    const ours = await machine.oursInTwoProcesses()
    if (ours === null) return []
    const plain = await machine.plainProxy()
    const figures: Figure[] = []
    for (const [connections, goal] of GOALS) {
      const of = await inRounds(
        machine,
        [ours.many, plain],
        (target, round) =>
          h2load(machine, target, {
            ...{ path: '/bytes/1024', connections, streams: 1, http2: false },
            ...{ seconds: machine.options.seconds, round },
          }),
        true,
      )
      const [mine, theirs] = [rates(of(ours.many)), rates(of(plain))]
      figures.push({
        ...{ what: `requests, two processes, ${connections} connections`, unit: 'req/s', goal },
        ...{
          ours: median(mine),
          against: { name: PLAIN, value: median(theirs) },
          ratio: ratio(mine, theirs),
        },
      })
    }
    return figures
  },
}
