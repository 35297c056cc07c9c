import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import { alone, compared, type Figure, most } from '../row.ts'

/** What `programs/operations.ts` tells of each round. */
export interface OperationsResult {
  /** A request to an app without rules. */
  readonly plainUs: number
  /** A call of 303 bytes, and one of 64 KiB, read and decided. */
  readonly smallUs: number
  readonly largeUs: number
  /** For each request whose body of 1 MiB is not whole yet. */
  readonly heldBytes: number
}

export const operations = {
  name: 'operations',
  summary: 'reading a call of MCP and deciding about it, and what a hub holds for a body that it waits for',
  compares: 'equal: nothing is compared; one thread, no network but for the bodies',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child } = await machine.children.program('operations')
    const target = { name: 'one thread' }
    const of = await inRounds(machine, [target], async () => {
      const result = nextMessage(child) as Promise<OperationsResult>
      child.send('round')
      return await result
    })
    await machine.children.end(child)
    const values = (key: keyof OperationsResult) => of(target).map((each) => each[key])
    return [
      compared('read and decide a call of 303 bytes', 'us', values('smallUs'), {
        name: 'a request without rules',
        values: values('plainUs'),
      }),
      alone('read and decide a call of 64 KiB', 'us', values('largeUs')),
      alone(
        'held for a body of 1 MiB that is awaited',
        'MB',
        values('heldBytes').map((bytes) => bytes / 1e6),
        most(1.3, 1.1),
      ),
    ]
  },
}
