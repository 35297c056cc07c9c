import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import { compared, type Figure, most } from '../row.ts'

/** What `programs/steps.ts` tells of each round, in microseconds. */
export interface StepsResult {
  /** An event with the taps of the standard set, and one without a tap. */
  readonly recorded: number
  readonly unwatched: number
  /** A decision of the standard set; one with a policy that reads the path, of a path seen before or of another one. */
  readonly decided: number
  readonly ruled: number
  readonly ruledOther: number
}

export const steps = {
  name: 'steps',
  summary:
    'what plugins add to the way of a request, by step: audit.recorded, and access.decide with 100 rules of app-rules',
  compares:
    'equal: the same event or request, one thread, no network. Not equal: the step that the line names',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child } = await machine.children.program('steps')
    const target = { name: 'one thread' }
    const of = await inRounds(machine, [target], async () => {
      const result = nextMessage(child) as Promise<StepsResult>
      child.send('round')
      return await result
    })
    await machine.children.end(child)
    const values = (key: keyof StepsResult) => of(target).map((each) => each[key])
    const plain = { name: 'the standard set', values: values('decided') }
    return [
      compared(
        'record an event: audit.recorded of access-requests and dashboard',
        'us',
        values('recorded'),
        { name: 'without them', values: values('unwatched') },
        most(1.5, 1.25),
      ),
      compared(
        'decide: 100 rules of app-rules, a path seen before',
        'us',
        values('ruled'),
        plain,
        most(1.3, 1.1),
      ),
      compared('decide: 100 rules of app-rules, another path', 'us', values('ruledOther'), plain),
    ]
  },
}
