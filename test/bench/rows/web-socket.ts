import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present, sample } from '../measure.ts'
import { compared, type Figure, least } from '../row.ts'
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
  compares:
    'equal: TLS, frames, connections, one load generator. Not equal: nginx neither signs in nor records',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const baselines = present([await machine.nginx(), await machine.nginxOverSsh()])
    const load = await machine.load()
    const of = await inRounds(machine, [many, ...baselines], (target) =>
      sample(load, target, {
        port: target.port,
        servername: target.host,
        ms: machine.options.seconds * 1000,
        echo: true,
        heads: heads(target, CONNECTIONS, 'GET /echo', UPGRADE),
      }),
    )
    const rates = (target: Target) => of(target).map((each) => each.exchanges / each.seconds)
    return baselines.map((baseline) =>
      compared(
        'WebSocket echo',
        'echo/s',
        rates(many),
        { name: baseline.name, values: rates(baseline) },
        baseline.name === 'nginx' ? least(0.62, 0.8) : null,
      ),
    )
  },
}
