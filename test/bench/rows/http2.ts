import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, present } from '../measure.ts'
import { compared, type Figure, most } from '../row.ts'
import { PLAIN_HTTP2 } from '../targets/plain-proxy.ts'
import { againstOlder } from './requests.ts'

const CONNECTIONS = 8
const STREAMS = 8

export const http2 = {
  name: 'http2',
  summary: `processor time over HTTP/2: 1 KiB responses, ${CONNECTIONS} browsers with ${STREAMS} streams at once each`,
  compares:
    'equal: TLS, HTTP/2 with the same connections and streams, load generators. Not equal: the plain proxy has no duties and no tunnel',
  async run(machine: BenchMachine): Promise<Figure[]> {
    if (machine.lacks(['h2load'])) return []
    // Each browser has one connection and a session of its own.
    const { many } = await machine.ours()
    const older = (await machine.older())?.many ?? null
    const plain = await machine.plainHttp2Proxy()
    const of = await inRounds(
      machine,
      present([many, plain, older]),
      (target, round) =>
        h2load(machine, target, {
          path: '/bytes/1024',
          connections: CONNECTIONS,
          streams: STREAMS,
          http2: true,
          seconds: machine.options.seconds,
          round,
        }),
      { saturated: true },
    )
    const cpu = (target: typeof many, name: string) =>
      of(target).map((each) => each.cpuUs[name] ?? Number.NaN)
    const rates = (target: typeof many) => of(target).map((each) => each.exchanges / each.seconds)
    const theirs = { name: PLAIN_HTTP2, values: cpu(plain, 'proxy') }
    return [
      compared('HTTP/2 requests', 'req/s', rates(many), { name: PLAIN_HTTP2, values: rates(plain) }),
      compared('HTTP/2: processor time of the hub', 'us/request', cpu(many, 'hub'), theirs, most(0.8, 0.6)),
      compared('HTTP/2: processor time of the agent', 'us/request', cpu(many, 'agent'), theirs),
      ...againstOlder(', HTTP/2', of(many), older && [older, of(older)]),
    ]
  },
}
