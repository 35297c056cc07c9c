import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, most } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import { PLAIN_HTTP2 } from '../targets/plain-proxy.ts'

const CONNECTIONS = 8
const STREAMS = 8

export const http2 = {
  name: 'http2',
  summary: `processor time over HTTP/2: 1 KiB responses, ${CONNECTIONS} browsers with ${STREAMS} streams at once each`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    // Each browser has one connection and a session of its own.
    const { many } = await machine.ours()
    const plain = await machine.plainHttp2Proxy()
    const of = await inRounds(
      machine,
      [many, plain],
      (target, round) =>
        h2load(machine, target, {
          ...{ path: '/bytes/1024', connections: CONNECTIONS, streams: STREAMS, http2: true },
          ...{ seconds: machine.options.seconds, round },
        }),
      true,
    )
    const cpu = (target: typeof many, name: string) =>
      of(target).map((each) => each.cpuUs[name] ?? Number.NaN)
    const rates = (target: typeof many) => of(target).map((each) => each.exchanges / each.seconds)
    const against = (what: string, unit: string, mine: number[], theirs: number[]): Figure => ({
      ...{ what, unit, ours: median(mine), goal: null },
      against: { name: PLAIN_HTTP2, value: median(theirs) },
      ratio: ratio(mine, theirs),
    })
    const theirs = cpu(plain, 'proxy')
    return [
      against('HTTP/2 requests', 'req/s', rates(many), rates(plain)),
      {
        ...against('HTTP/2: processor time of the hub', 'us/request', cpu(many, 'hub'), theirs),
        goal: most(0.8, 0.6),
      },
      against('HTTP/2: processor time of the agent', 'us/request', cpu(many, 'agent'), theirs),
    ]
  },
}
