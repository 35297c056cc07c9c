import { measureTransport } from '../../../core/testing/index.ts'
import http2Agent from '../../../plugins/transport-http2/agent.ts'
import http2Hub from '../../../plugins/transport-http2/hub.ts'
import webSocketAgent from '../../../plugins/transport-websocket/agent.ts'
import webSocketHub from '../../../plugins/transport-websocket/hub.ts'
import webTransportAgent from '../../../plugins/transport-webtransport/agent.ts'
import webTransportHub from '../../../plugins/transport-webtransport/hub.ts'
import { transportParts } from '../../plugins/transport-parts.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'

const ROUNDS = 3

export const transportFigures = {
  name: 'transport-figures',
  summary: `small exchanges, and one stream at 50 ms round-trip time, over each transport; medians of ${ROUNDS}`,
  async run({ signal, options }: SoakRun): Promise<Outcome> {
    const figures: SoakFigure[] = []
    for (const [name, parts, leastMBs] of [
      ['http2', transportParts(http2Hub, http2Agent), 60],
      ['websocket', transportParts(webSocketHub, webSocketAgent), 30],
      ['webtransport', transportParts(webTransportHub, webTransportAgent), 30],
    ] as const) {
      const rounds = []
      for (let round = 0; round < ROUNDS && !signal.aborted; round++)
        rounds.push(await measureTransport(parts))
      options.progress(`  ${name} ${JSON.stringify(rounds)}`)
      const median = (values: readonly number[]): number =>
        values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
      figures.push(
        {
          what: `${name}: p99 of a small exchange`,
          unit: 'ms',
          limit: { kind: 'most', value: 5 },
          value: median(rounds.map(({ smallP99Ms }) => smallP99Ms)),
        },
        {
          ...{
            what: `${name}: one stream at 50 ms`,
            unit: 'MB/s',
            limit: { kind: 'least', value: leastMBs },
          },
          value: median(rounds.map(({ slowPathMBs }) => slowPathMBs)),
        },
        {
          what: `${name}: one stream at 50 ms, 1 % of the packets lost`,
          unit: 'MB/s',
          limit: null,
          value: median(rounds.map(({ lossyPathMBs }) => lossyPathMBs)),
        },
      )
    }
    return { growths: [], figures }
  },
}
