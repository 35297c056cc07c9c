import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present, sample } from '../measure.ts'
import { type Figure, least } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import { heads, type Target } from '../target.ts'
import { ECHO_BYTES } from '../web-socket-frame.ts'

const CONNECTIONS = 64
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
]

export const webSocket = {
  name: 'web-socket',
  summary: `echoes of ${ECHO_BYTES} B a second on ${CONNECTIONS} WebSockets`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const baselines = present([await machine.nginx(), await machine.nginxOverSsh()])
    const load = await machine.load()
    const of = await inRounds(machine, [many, ...baselines], (target) =>
      sample(load, target, {
        ...{ port: target.port, servername: target.host, ms: machine.options.seconds * 1000, echo: true },
        heads: heads(target, CONNECTIONS, 'GET /echo', UPGRADE),
      }),
    )
    const rates = (target: Target) => of(target).map((each) => each.exchanges / each.seconds)
    return baselines.map((baseline) => ({
      what: 'WebSocket echo',
      against: { name: baseline.name, value: median(rates(baseline)) },
      ...{ ours: median(rates(many)), unit: 'echo/s', ratio: ratio(rates(many), rates(baseline)) },
      goal: baseline.name === 'nginx' ? least(0.62, 0.8) : null,
    }))
  },
}
