import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, type Sample } from '../measure.ts'
import { compared, type Figure, least } from '../row.ts'
import { PLAIN } from '../targets/plain-proxy.ts'
import { costsAgainst } from './requests.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)
/** By the number of connections. */
const GOALS = [
  [64, least(1.1, 1.3)],
  [256, least(1.3, 1.6)],
] as const

export const processes = {
  name: 'processes',
  summary:
    'requests a second and processor time of two processes on one port: 1 KiB responses, 64 and 256 kept TLS connections',
  compares:
    'equal: TLS, connections, load generators. Not equal: ours has two processes, PostgreSQL and all duties; the plain proxy has one process and none',
  async run(machine: BenchMachine): Promise<Figure[]> {
    if (machine.lacks(['h2load'])) return []
    const ours = await machine.oursInTwoProcesses()
    if (ours === null) return []
    const one = await machine.ours()
    const plain = await machine.plainProxy()
    const figures: Figure[] = []
    for (const [connections, goal] of GOALS)
      figures.push(
        ...(await machine.part(`${connections} connections`, async () => {
          const of = await inRounds(
            machine,
            [ours.many, one.many, plain],
            (target, round) =>
              h2load(machine, target, {
                path: '/bytes/1024',
                connections,
                streams: 1,
                http2: false,
                seconds: machine.options.seconds,
                round,
              }),
            { saturated: true },
          )
          return [
            compared(
              `requests, two processes, ${connections} connections`,
              'req/s',
              rates(of(ours.many)),
              { name: PLAIN, values: rates(of(plain)) },
              goal,
            ),
            compared(`requests, two processes, ${connections} connections`, 'req/s', rates(of(ours.many)), {
              name: 'ours, one process',
              values: rates(of(one.many)),
            }),
            ...costsAgainst(
              `, two processes, ${connections} connections`,
              [ours.many, of(ours.many)],
              [plain, of(plain)],
              {},
            ),
          ]
        })),
      )
    return figures
  },
}
