import { startRevocations } from '../../e2e/revocations.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { type Figure, most, rangeOf } from '../row.ts'
import { quantile } from '../statistics.ts'

const PER_ROUND = 8

export const revocation = {
  name: 'revocation',
  summary:
    'from the call that takes access away to the end of downloads, event streams, WebSockets and TCP at two hubs',
  compares: 'equal: nothing is compared; real programs, two hubs, one PostgreSQL',
  async run(machine: BenchMachine): Promise<Figure[]> {
    // A note says so: several hubs need one server.
    if ((await machine.postgres()) === null) return []
    const closers: (() => unknown)[] = []
    try {
      const { revoke } = await startRevocations({ teardown: (closer) => closers.push(closer) })
      const target = { name: 'two hubs' }
      const of = await inRounds(machine, [target], async (_, round) => {
        const [here, there]: [number[], number[]] = [[], []]
        for (let count = 0; count < PER_ROUND; count++) {
          const outcome = await revoke(round * PER_ROUND + count, false)
          if (outcome.missed.length > 0) throw new Error(outcome.missed.join('; '))
          here.push(...outcome.here)
          there.push(...outcome.there)
        }
        return { here, there }
      })
      const all = of(target)
      return [
        ...figures(
          'same hub',
          all.flatMap(({ here }) => here),
          1_000,
        ),
        ...figures(
          'other hub',
          all.flatMap(({ there }) => there),
          2_000,
        ),
      ]
    } finally {
      for (const close of closers.reverse()) await close()
    }
  },
}

function figures(where: string, took: readonly number[], limitMs: number): Figure[] {
  const figure = (share: number, name: string): Figure => ({
    what: `revoked to cut, ${where}, ${name}`,
    ours: quantile(took, share),
    unit: 'ms',
    against: null,
    ratio: null,
    range: rangeOf(took),
    goal: share > 0.9 ? most(limitMs, limitMs) : null,
  })
  return [figure(0.5, 'p50'), figure(0.99, 'p99')]
}
