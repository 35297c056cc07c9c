import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import { alone, compared, type Figure, least, most } from '../row.ts'

/** What `programs/transforming.ts` measures when it is told this. */
export type TransformingOrder = 'plain' | 'changed' | 'held'

export const transforming = {
  name: 'transforming',
  summary: 'downloads of 64 MiB whose bodies a plugin changes, and a reader that stops reading',
  compares: 'equal: the same download with and without the plugin',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const { child } = await machine.children.program('transforming')
    const targets = (['plain', 'changed', 'held'] as const).map((name) => ({ name }))
    const of = await inRounds(machine, targets, async ({ name }) => {
      const value = nextMessage(child) as Promise<number>
      child.send(name satisfies TransformingOrder)
      return { value: await value }
    })
    await machine.children.end(child)
    const [plain, changed, held] = targets.map((target) => of(target).map(({ value }) => value))
    return [
      compared(
        'download with changed bodies',
        'MB/s',
        changed ?? [],
        { name: 'the same download unchanged', values: plain ?? [] },
        least(0.7, 0.9),
      ),
      alone(
        'sent while the reader of a changed body does not read',
        'MB',
        (held ?? []).map((bytes) => bytes / 1e6),
        most(64, 32),
      ),
    ]
  },
}
