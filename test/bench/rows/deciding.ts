import type { BenchMachine } from '../bench-machine.ts'
import { alone, type Figure, most } from '../row.ts'

/** What `programs/deciding.ts` tells. */
export interface DecidingResult {
  readonly firstUs: number
  readonly againUs: number
  /** With the method and path of a request, which no policy reads. */
  readonly requestUs: number
}

export const deciding = {
  name: 'deciding',
  summary: 'routing and deciding in a hub with 10,000 apps, 1,000 roles and 100,000 sessions',
  compares: 'equal: nothing is compared; one thread, no network',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child, first } = await machine.children.program<DecidingResult>('deciding')
    await machine.children.end(child)
    const unread: Figure = {
      ...{ what: 'decide about a request whose path no policy reads', ours: first.requestUs, unit: 'us' },
      against: { name: 'without the request', value: first.againUs },
      ...{ ratio: first.requestUs / first.againUs, range: null, goal: most(1.1, 1.03) },
    }
    return [
      alone('route and decide', 'us', [first.againUs], most(5, 3)),
      alone('route and decide, first time for a session', 'us', [first.firstUs]),
      unread,
    ]
  },
}
