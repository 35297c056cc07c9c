import type { BenchMachine } from '../bench-machine.ts'
import { alone, type Figure, least, most } from '../row.ts'

/** What `programs/transforming.ts` tells. */
export interface TransformingResult {
  readonly plainMBs: number
  readonly changedMBs: number
  /** The median over the rounds. */
  readonly ratio: number
  /** What the app sent while nobody read. */
  readonly heldBytes: number
}

export const transforming = {
  name: 'transforming',
  summary: 'downloads of 64 MiB whose bodies a plugin changes, and a reader that stops reading',
  compares: 'equal: the same download with and without the plugin',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child, first } = await machine.children.program<TransformingResult>('transforming')
    await machine.children.end(child)
    return [
      {
        ...{ what: 'download with changed bodies', ours: first.changedMBs, unit: 'MB/s' },
        against: { name: 'the same download unchanged', value: first.plainMBs },
        ...{ ratio: first.ratio, range: null, goal: least(0.7, 0.9) },
      },
      alone(
        'sent while the reader of a changed body does not read',
        'MB',
        [first.heldBytes / 1e6],
        most(64, 32),
      ),
    ]
  },
}
