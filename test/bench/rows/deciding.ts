import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import { alone, compared, type Figure, most } from '../row.ts'

/** What `programs/deciding.ts` tells of each round. */
export interface DecidingResult {
  readonly firstUs: number
  readonly againUs: number
  /** With the method and path of a request, which no policy reads. */
  readonly requestUs: number
  /** A request for another path each time, by 20 roles with 100 rules, and by 20 roles without. */
  readonly ruledUs: number
  readonly plainUs: number
}

export const deciding = {
  name: 'deciding',
  summary: 'routing and deciding in a hub with 10,000 apps, 1,000 roles and 100,000 sessions',
  compares: 'equal: nothing is compared; one thread, no network',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child } = await machine.children.program('deciding')
    const target = { name: 'one thread' }
    const of = await inRounds(machine, [target], async () => {
      const result = nextMessage(child) as Promise<DecidingResult>
      child.send('round')
      return await result
    })
    await machine.children.end(child)
    const values = (key: keyof DecidingResult) => of(target).map((each) => each[key])
    return [
      alone('route and decide', 'us', values('againUs'), most(5, 3)),
      alone('route and decide, first time for a session', 'us', values('firstUs')),
      compared(
        'decide about a request whose path no policy reads',
        'us',
        values('requestUs'),
        { name: 'without the request', values: values('againUs') },
        most(1.1, 1.03),
      ),
      alone('decide about a request by 20 roles', 'us', values('plainUs')),
      alone(
        'what 100 rules of them add to it',
        'us',
        values('ruledUs').map((us, at) => us - (values('plainUs')[at] ?? 0)),
        most(2, 2),
      ),
    ]
  },
}
