import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, most } from '../row.ts'
import { median } from '../statistics.ts'
import { CONNECTIONS_PER_SESSION } from '../targets/ours.ts'

const CONNECTIONS = 8
const STREAMS = 8

export const http2 = {
  name: 'http2',
  summary: `processor time over HTTP/2: 1 KiB answers, ${CONNECTIONS} browsers with ${STREAMS} streams at once each`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    const { many } = await machine.ours()
    const { cookie } = many
    // A browser has one connection, and so a session of its own.
    const browsers = {
      ...many,
      cookie: cookie && ((connection: number) => cookie(connection * CONNECTIONS_PER_SESSION)),
    }
    const of = await inRounds(machine, [browsers], (target, round) =>
      h2load(machine, target, {
        ...{ path: '/bytes/1024', connections: CONNECTIONS, streams: STREAMS, http2: true },
        ...{ seconds: machine.options.seconds, round },
      }),
    )
    const samples = of(browsers)
    const alone = (what: string, unit: string, ours: number, goal: Figure['goal']): Figure => ({
      ...{ what, unit, ours, goal, against: null, ratio: null },
    })
    const cpu = (name: string) => median(samples.map((each) => each.cpuUs[name] ?? Number.NaN))
    const rate = median(samples.map((each) => each.exchanges / each.seconds))
    return [
      alone('HTTP/2 requests', 'req/s', rate, null),
      alone('HTTP/2: processor time of the hub', 'us/request', cpu('hub'), most(60, 40)),
      alone('HTTP/2: processor time of the agent', 'us/request', cpu('agent'), null),
    ]
  },
}
