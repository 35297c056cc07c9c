import type { BenchMachine } from '../bench-machine.ts'
import { inRounds, present, type Sample, sample } from '../measure.ts'
import { compared, type Figure, type Goal, most } from '../row.ts'
import { heads, type Target } from '../target.ts'

const CONNECTIONS = 64
const RATES = [1_000, 3_000]

export const latency = {
  name: 'latency',
  summary: 'p50 and p99 at 1,000 and 3,000 requests a second on 64 kept connections',
  compares:
    'equal: TLS, heads, connections, and when each request is due; one that had to wait for its connection counts from then. ' +
    'Not equal: see what each of the row requests includes',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { many } = await machine.ours()
    const older = (await machine.older())?.many ?? null
    const plain = await machine.plainProxy()
    const load = await machine.load()
    const figures: Figure[] = []
    for (const perSecond of RATES) {
      const of = await inRounds(machine, present([many, plain, older]), (target) =>
        sample(load, target, {
          port: target.port,
          servername: target.host,
          ms: machine.options.seconds * 1000,
          perSecond,
          heads: heads(target, CONNECTIONS, 'GET /bytes/1024'),
        }),
      )
      for (const [what, read, goal] of [
        ['p50', (one: Sample) => one.p50Ms, null],
        ['p99', (one: Sample) => one.p99Ms, perSecond === 3_000 ? most(1.3, 1) : null],
      ] as const) {
        const against = (target: Target, goal: Goal | null) =>
          compared(
            `${what} at ${perSecond} requests a second`,
            'ms',
            of(many).map(read),
            { name: target.name, values: of(target).map(read) },
            goal,
          )
        figures.push(against(plain, null), ...(older === null ? [] : [against(older, goal)]))
      }
    }
    return figures
  },
}
