import { startRevocations } from '../../e2e/revocations.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { type Figure, most } from '../row.ts'
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
      const here: number[] = []
      const there: number[] = []
      const { rounds, progress } = machine.options
      for (let round = 0; round <= rounds; round++) {
        progress(`  round ${round} of ${rounds}`)
        for (let count = 0; count < PER_ROUND; count++) {
          const outcome = await revoke(round * PER_ROUND + count, false)
          if (outcome.missed.length > 0) throw new Error(outcome.missed.join('; '))
          if (round === 0) continue
          here.push(...outcome.here)
          there.push(...outcome.there)
        }
      }
      return [...figures('same hub', here, 1_000), ...figures('other hub', there, 2_000)]
    } finally {
      for (const close of closers.reverse()) await close()
    }
  },
}

function figures(where: string, took: readonly number[], limitMs: number): Figure[] {
  const figure = (share: number, name: string): Figure => ({
    ...{ what: `revoked to cut, ${where}, ${name}`, ours: quantile(took, share), unit: 'ms' },
    ...{ against: null, ratio: null, range: [Math.min(...took), Math.max(...took)] },
    ...{ goal: share > 0.9 ? most(limitMs, limitMs) : null },
  })
  return [figure(0.5, 'p50'), figure(0.99, 'p99')]
}
