import { SearchCluster } from '../../rights-search/cluster.ts'
import { searchEscalations } from '../../rights-search/search.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'

const ROUND_MS = 60_000
const LEAST = 1_000
/** A round uses fewer seeds than this, one after the other; which hub it uses follows from its seeds. */
const SEEDS = 1_000

export const escalations = {
  name: 'escalations',
  summary:
    'people with some rights change roles, accounts, labels and tokens at random: nobody may gain what those who act lack',
  minutes: 60,
  async run({ options, signal, teardown }: SoakRun): Promise<Outcome> {
    const plain = await SearchCluster.start()
    teardown(() => plain.stop())
    const approving = await SearchCluster.start(SearchCluster.approvals)
    teardown(() => approving.stop())
    const until = performance.now() + options.minutes * 60_000
    let seed = options.seed ?? (Date.now() % 1_000_000) * SEEDS
    let steps = 0
    let made = 0
    let probes = 0
    while (performance.now() < until && !signal.aborted) {
      options.progress(`  seed ${seed}`)
      const over = Math.min(until, performance.now() + ROUND_MS)
      // Throws with the seed and the shortest path, which ends the line.
      const counts = await searchEscalations(
        Math.floor(seed / SEEDS) % 2 === 0 ? plain : approving,
        seed,
        () => performance.now() < over && !signal.aborted,
      )
      steps += counts.steps
      probes += counts.probes
      for (const n of counts.made.values()) made += n
      seed = (Math.floor(seed / SEEDS) + 1) * SEEDS
    }
    const least = (what: string, value: number, limit: number): SoakFigure => ({
      ...{ what, value, unit: '', limit: { kind: 'least', value: limit } },
    })
    return {
      growths: [],
      figures: [
        least('changes tried', steps, LEAST),
        least('changes made', made, LEAST / 10),
        least('answers about rights that agreed with the documents', probes, LEAST / 20),
      ],
    }
  },
}
